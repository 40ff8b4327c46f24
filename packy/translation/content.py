"""Content blocks of a user turn or a tool result → content parts of the Responses API."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from packy.translation.invalid import InvalidRequest
from packy.translation.signature import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.notices import Notices

__all__ = ["block_type", "check_text", "compaction_text", "input_parts", "optional_text", "text_of"]

Json = dict[str, Any]

_IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
# The keys of each block that are carried, or that have no effect on the answer: cache_control marks what a Responses
# API caches by itself.
_TEXT = frozenset({"type", "text", "cache_control", "citations"})
_IMAGE = frozenset({"type", "source", "cache_control"})
_DOCUMENT = frozenset({"type", "source", "title", "context", "cache_control"})
_SEARCH_RESULT = frozenset({"type", "title", "source", "content", "cache_control"})
_COMPACTION = frozenset({"type", "content", "cache_control", "encrypted_content", "signature"})
_SOURCES = {
    "base64": frozenset({"type", "media_type", "data"}),
    "url": frozenset({"type", "url"}),
    "file": frozenset({"type", "file_id"}),
    "text": frozenset({"type", "media_type", "data"}),
    "content": frozenset({"type", "content"}),
}
_CITATIONS = frozenset({"citations"})


def block_type(block: object, path: str) -> str:
    """Give the type of a content block.

    Args:
        block: an element of a `content` array.
        path: where it stands.

    Returns:
        Its `type`.

    Raises:
        InvalidRequest: it is no object, or has no type.
    """
    if not isinstance(block, dict):
        raise InvalidRequest(path, "must be a content block: an object with a `type`")
    kind = block.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest(f"{path}.type", "must be a string naming the kind of block")
    return kind


def text_of(block: Json, path: str, key: str = "text") -> str:
    """Give a string that a block must have.

    Args:
        block: the block.
        path: where it stands.
        key: the name of the string.

    Returns:
        The string.

    Raises:
        InvalidRequest: it is missing, or no string.
    """
    value = block.get(key)
    if not isinstance(value, str):
        raise InvalidRequest(f"{path}.{key}", "must be a string")
    return value


def optional_text(block: Json, path: str, key: str) -> str:
    """Give a string that a block may have.

    Args:
        block: the block.
        path: where it stands.
        key: the name of the string.

    Returns:
        The string; empty where there is none.

    Raises:
        InvalidRequest: it is no string.
    """
    return "" if block.get(key) is None else text_of(block, path, key)


def check_text(block: Json, path: str, notices: Notices) -> str:
    """Give the text of a text block.

    Args:
        block: the block.
        path: where it stands.
        notices: takes what else it holds, but not the citations of our own web search: their text stands in the block.

    Returns:
        Its text.

    Raises:
        InvalidRequest: it has none, or citations that are no array.
    """
    citations = block.get("citations")
    if citations:
        if not isinstance(citations, list):
            raise InvalidRequest(f"{path}.citations", "must be an array")
        if not all(map(_is_own_citation, citations)):
            notices.add("messages.content.citations")
    notices.rest("messages.content.text", block, _TEXT)
    return text_of(block, path)


def _is_own_citation(citation: object) -> bool:
    if not isinstance(citation, dict) or citation.get("type") != "web_search_result_location":
        return False
    index = citation.get("encrypted_index")
    return isinstance(index, str) and index.startswith(PREFIX)


def compaction_text(block: Json, path: str, notices: Notices) -> str:
    """Give the summary that a compaction block holds.

    Args:
        block: the block.
        path: where it stands.
        notices: takes what else it holds.

    Returns:
        The summary; empty where there is none in plain text.

    Raises:
        InvalidRequest: it is no string.
    """
    text = optional_text(block, path, "content")
    if not text and block.get("encrypted_content"):
        notices.add("messages.content.compaction")
    notices.rest("messages.content.compaction", block, _COMPACTION, frozenset({"tool_changes"}))
    return text


def input_parts(block: object, path: str, notices: Notices) -> list[Json]:
    """Translate one block.

    Args:
        block: a text, image, document or search_result block.
        path: where it stands.
        notices: takes the names of what cannot be carried.

    Returns:
        `input_text`, `input_image` and `input_file` parts; none for a block that cannot be carried, or is empty text.

    Raises:
        InvalidRequest: the block is malformed, or of no kind known to the Messages API.
    """
    kind = block_type(block, path)
    translate = _PARTS.get(kind)
    if translate is None:
        raise InvalidRequest(f"{path}.type", f"no content block of this kind is allowed here; allowed: {_ALLOWED}")
    assert isinstance(block, dict)  # noqa: S101 - block_type has seen to it; this tells the type checker
    return translate(block, path, notices)


def _text_part(text: str) -> list[Json]:
    return [{"type": "input_text", "text": text}] if text else []


def _text(block: Json, path: str, notices: Notices) -> list[Json]:
    return _text_part(check_text(block, path, notices))


def _source(block: Json, path: str, notices: Notices) -> tuple[Json, str]:
    source = block.get("source")
    if not isinstance(source, dict):
        raise InvalidRequest(f"{path}.source", "must be an object with a `type`")
    kind = text_of(source, f"{path}.source", "type")
    if kind in _SOURCES:
        notices.rest(f"messages.content.{block['type']}.source", source, _SOURCES[kind])
    return source, kind


def _base64(source: Json, path: str) -> str:
    data = text_of(source, path, "data")
    try:
        binascii.a2b_base64(data.encode("ascii"), strict_mode=True)
    except ValueError:
        raise InvalidRequest(f"{path}.data", "is not valid base64") from None
    if not data:
        raise InvalidRequest(f"{path}.data", "is empty")
    return data


def _url(source: Json, path: str) -> str:
    url = text_of(source, path, "url")
    if not url.startswith(("https://", "http://")):
        raise InvalidRequest(f"{path}.url", "must be an http(s) URL")
    return url


def _image(block: Json, path: str, notices: Notices) -> list[Json]:
    source, kind = _source(block, path, notices)
    notices.rest("messages.content.image", block, _IMAGE, frozenset({"transformations"}))
    at = f"{path}.source"
    if kind == "base64":
        media_type = text_of(source, at, "media_type")
        if media_type not in _IMAGE_TYPES:
            raise InvalidRequest(f"{at}.media_type", f"must be one of {', '.join(sorted(_IMAGE_TYPES))}")
        url = f"data:{media_type};base64,{_base64(source, at)}"
    elif kind == "url":
        url = _url(source, at)
    elif kind == "file":
        notices.add("messages.content.image.file")
        return []
    else:
        raise InvalidRequest(f"{at}.type", "must be base64, url or file")
    return [{"type": "input_image", "image_url": url, "detail": "auto"}]


def _document(block: Json, path: str, notices: Notices) -> list[Json]:
    source, kind = _source(block, path, notices)
    notices.rest("messages.content.document", block, _DOCUMENT, _CITATIONS)
    at = f"{path}.source"
    title = optional_text(block, path, "title")
    before = _text_part(optional_text(block, path, "context"))
    if kind == "base64":
        if text_of(source, at, "media_type") != "application/pdf":
            raise InvalidRequest(f"{at}.media_type", "must be application/pdf")
        data = f"data:application/pdf;base64,{_base64(source, at)}"
        return [*before, {"type": "input_file", "filename": title or "document.pdf", "file_data": data}]
    if kind == "url":
        return [*before, *_text_part(title), {"type": "input_file", "file_url": _url(source, at)}]
    if kind == "text":
        if source.get("media_type", "text/plain") != "text/plain":
            raise InvalidRequest(f"{at}.media_type", "must be text/plain")
        return [*before, *_text_part(title), *_text_part(text_of(source, at, "data"))]
    if kind == "content":
        return [*before, *_text_part(title), *_nested(source.get("content"), f"{at}.content", notices)]
    if kind == "file":
        notices.add("messages.content.document.file")
        return []
    raise InvalidRequest(f"{at}.type", "must be base64, url, text, content or file")


def _nested(content: object, path: str, notices: Notices) -> list[Json]:
    if isinstance(content, str):
        return _text_part(content)
    if not isinstance(content, list):
        raise InvalidRequest(path, "must be a string or an array of content blocks")
    return [part for i, block in enumerate(content) for part in input_parts(block, f"{path}.{i}", notices)]


def _search_result(block: Json, path: str, notices: Notices) -> list[Json]:
    notices.rest("messages.content.search_result", block, _SEARCH_RESULT, _CITATIONS)
    heading = f"{text_of(block, path, 'title')}\n{text_of(block, path, 'source')}"
    return [*_text_part(heading), *_nested(block.get("content"), f"{path}.content", notices)]


def _container_upload(_: Json, __: str, notices: Notices) -> list[Json]:
    notices.add("messages.content.container_upload")
    return []


def _compaction(block: Json, path: str, notices: Notices) -> list[Json]:
    return _text_part(compaction_text(block, path, notices))


def _no_effect(_: Json, __: str, ___: Notices) -> list[Json]:
    return []


_PARTS: dict[str, Callable[[Json, str, Notices], list[Json]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "container_upload": _container_upload,
    "compaction": _compaction,
    # It tells which model wrote what stands around it; Claude is not shown it either.
    "fallback": _no_effect,
}
_ALLOWED = ", ".join(_PARTS)
