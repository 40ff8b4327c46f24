"""Content blocks of a user turn or a tool result → content parts of the Responses API."""

from __future__ import annotations

import binascii
import string
from typing import TYPE_CHECKING, Any

from packy.translation.block import block_type, optional_text, text_of
from packy.translation.invalid import InvalidRequest
from packy.translation.signature import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.notices import Notices

__all__ = ["check_text", "compaction_text", "input_parts"]

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
_BASE64 = f"{string.ascii_letters}{string.digits}+/".encode()
_MOST_PADDING = 2


def check_text(block: Json, notices: Notices) -> str:
    """Give the text of a text block.

    Args:
        block: the block.
        notices: takes what else it holds, but not the citations of our own web search: their text stands in the block.

    Returns:
        Its text.

    Raises:
        InvalidRequest: it has none, or citations that are no array.
    """
    citations = block.get("citations")
    if citations:
        if not isinstance(citations, list):
            raise InvalidRequest("citations", "must be an array")
        if not all(map(_is_own_citation, citations)):
            notices.add("messages.content.citations")
    notices.rest("messages.content.text", block, _TEXT)
    return text_of(block)


def _is_own_citation(citation: object) -> bool:
    if not isinstance(citation, dict) or citation.get("type") != "web_search_result_location":
        return False
    index = citation.get("encrypted_index")
    return isinstance(index, str) and index.startswith(PREFIX)


def compaction_text(block: Json, notices: Notices) -> str:
    """Give the summary that a compaction block holds.

    Args:
        block: the block.
        notices: takes what else it holds.

    Returns:
        The summary; empty where there is none in plain text.

    Raises:
        InvalidRequest: it is no string.
    """
    text = optional_text(block, "content")
    if not text and block.get("encrypted_content"):
        notices.add("messages.content.compaction")
    notices.rest("messages.content.compaction", block, _COMPACTION, frozenset({"tool_changes"}))
    return text


def input_parts(block: object, notices: Notices) -> list[Json]:
    """Translate one block.

    Args:
        block: a text, image, document or search_result block.
        notices: takes the names of what cannot be carried.

    Returns:
        `input_text`, `input_image` and `input_file` parts; none for a block that cannot be carried, or is empty text.

    Raises:
        InvalidRequest: the block is malformed, or of no kind known to the Messages API.
    """
    translate = _PARTS.get(block_type(block))
    if translate is None:
        raise InvalidRequest("type", f"no content block of this kind is allowed here; allowed: {_ALLOWED}")
    assert isinstance(block, dict)  # noqa: S101 - block_type has seen to it; this tells the type checker
    return translate(block, notices)


def _text_part(text: str) -> list[Json]:
    return [{"type": "input_text", "text": text}] if text else []


def _text(block: Json, notices: Notices) -> list[Json]:
    return _text_part(check_text(block, notices))


def _source(block: Json, notices: Notices) -> tuple[Json, str]:
    source = block.get("source")
    if not isinstance(source, dict):
        raise InvalidRequest("source", "must be an object with a `type`")
    kind = source.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest("source.type", "must be a string")
    if kind in _SOURCES:
        notices.rest(f"messages.content.{block['type']}.source", source, _SOURCES[kind])
    return source, kind


def _base64(source: Json) -> str:
    data = text_of(source, "data")
    if not data:
        raise InvalidRequest("data", "is empty")
    if not _is_base64(data):
        raise InvalidRequest("data", "is not valid base64")
    return data


def _is_base64(data: str) -> bool:
    # A request with images is images for the most part: to decode them takes three times as long as to look at them.
    digits = data.rstrip("=")
    padded = len(data) % 4 == 0 and len(data) - len(digits) <= _MOST_PADDING
    if padded and digits.isascii() and not digits.encode().translate(None, _BASE64):
        return True
    try:
        binascii.a2b_base64(data.encode("ascii"), strict_mode=True)
    except ValueError:
        return False
    return True


def _url(source: Json) -> str:
    url = text_of(source, "url")
    if not url.startswith(("https://", "http://")):
        raise InvalidRequest("url", "must be an http(s) URL")
    return url


def _image(block: Json, notices: Notices) -> list[Json]:
    source, kind = _source(block, notices)
    notices.rest("messages.content.image", block, _IMAGE, frozenset({"transformations"}))
    if kind == "file":
        notices.add("messages.content.image.file")
        return []
    try:
        url = _image_url(source, kind)
    except InvalidRequest as wrong:
        raise wrong.within("source") from None
    return [{"type": "input_image", "image_url": url, "detail": "auto"}]


def _image_url(source: Json, kind: str) -> str:
    if kind == "url":
        return _url(source)
    if kind != "base64":
        raise InvalidRequest("type", "must be base64, url or file")
    media_type = text_of(source, "media_type")
    if media_type not in _IMAGE_TYPES:
        raise InvalidRequest("media_type", f"must be one of {', '.join(sorted(_IMAGE_TYPES))}")
    return f"data:{media_type};base64,{_base64(source)}"


def _document(block: Json, notices: Notices) -> list[Json]:
    source, kind = _source(block, notices)
    notices.rest("messages.content.document", block, _DOCUMENT, _CITATIONS)
    title = optional_text(block, "title")
    before = _text_part(optional_text(block, "context"))
    if kind == "file":
        notices.add("messages.content.document.file")
        return []
    try:
        return [*before, *_document_parts(source, kind, title, notices)]
    except InvalidRequest as wrong:
        raise wrong.within("source") from None


def _document_parts(source: Json, kind: str, title: str, notices: Notices) -> list[Json]:
    if kind == "base64":
        if text_of(source, "media_type") != "application/pdf":
            raise InvalidRequest("media_type", "must be application/pdf")
        data = f"data:application/pdf;base64,{_base64(source)}"
        return [{"type": "input_file", "filename": _pdf_name(title), "file_data": data}]
    if kind == "url":
        return [*_text_part(title), {"type": "input_file", "file_url": _url(source)}]
    if kind == "text":
        if source.get("media_type", "text/plain") != "text/plain":
            raise InvalidRequest("media_type", "must be text/plain")
        return [*_text_part(title), *_text_part(text_of(source, "data"))]
    if kind == "content":
        return [*_text_part(title), *_nested(source, notices)]
    raise InvalidRequest("type", "must be base64, url, text, content or file")


def _pdf_name(title: str) -> str:
    """Give a PDF a file's name, as all of OpenAI's examples have it.

    The API has refused files with "Expected … a supported format: .pdf but got .txt" (community.openai.com/t/1365525);
    that it goes by the name for data that says what it is, is not known, nor the contrary.
    """
    return title if title.lower().endswith(".pdf") else f"{title or 'document'}.pdf"


def _nested(holder: Json, notices: Notices) -> list[Json]:
    content = holder.get("content")
    if isinstance(content, str):
        return _text_part(content)
    if not isinstance(content, list):
        raise InvalidRequest("content", "must be a string or an array of content blocks")
    parts: list[Json] = []
    for i, block in enumerate(content):
        try:
            parts += input_parts(block, notices)
        except InvalidRequest as wrong:
            raise wrong.within(f"content.{i}") from None
    return parts


def _search_result(block: Json, notices: Notices) -> list[Json]:
    notices.rest("messages.content.search_result", block, _SEARCH_RESULT, _CITATIONS)
    heading = f"{text_of(block, 'title')}\n{text_of(block, 'source')}"
    return [*_text_part(heading), *_nested(block, notices)]


def _container_upload(_: Json, notices: Notices) -> list[Json]:
    notices.add("messages.content.container_upload")
    return []


def _compaction(block: Json, notices: Notices) -> list[Json]:
    return _text_part(compaction_text(block, notices))


def _no_effect(_: Json, __: Notices) -> list[Json]:
    return []


_PARTS: dict[str, Callable[[Json, Notices], list[Json]]] = {
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
