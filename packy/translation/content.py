"""Content blocks of a user turn or a tool result → content parts of the Responses API."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from packy.translation.invalid import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Notices", "block_type", "input_parts", "text_of"]

Json = dict[str, Any]
# Names of what could not be carried, in the order met; a dict for its order and uniqueness.
Notices = dict[str, None]

_IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}


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
    if block.get("citations"):
        notices["messages.content.citations"] = None
    return _text_part(text_of(block, path))


def _source(block: Json, path: str) -> tuple[Json, str]:
    source = block.get("source")
    if not isinstance(source, dict):
        raise InvalidRequest(f"{path}.source", "must be an object with a `type`")
    return source, text_of(source, f"{path}.source", "type")


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
    source, kind = _source(block, path)
    at = f"{path}.source"
    if kind == "base64":
        media_type = text_of(source, at, "media_type")
        if media_type not in _IMAGE_TYPES:
            raise InvalidRequest(f"{at}.media_type", f"must be one of {', '.join(sorted(_IMAGE_TYPES))}")
        url = f"data:{media_type};base64,{_base64(source, at)}"
    elif kind == "url":
        url = _url(source, at)
    elif kind == "file":
        notices["messages.content.image.file"] = None
        return []
    else:
        raise InvalidRequest(f"{at}.type", "must be base64, url or file")
    return [{"type": "input_image", "image_url": url, "detail": "auto"}]


def _document(block: Json, path: str, notices: Notices) -> list[Json]:
    source, kind = _source(block, path)
    at = f"{path}.source"
    title = block.get("title")
    title = title if isinstance(title, str) else ""
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        notices["messages.content.document.citations"] = None
    context = block.get("context")
    before = _text_part(context) if isinstance(context, str) else []
    if kind == "base64":
        if text_of(source, at, "media_type") != "application/pdf":
            raise InvalidRequest(f"{at}.media_type", "must be application/pdf")
        data = f"data:application/pdf;base64,{_base64(source, at)}"
        return [*before, {"type": "input_file", "filename": title or "document.pdf", "file_data": data}]
    if kind == "url":
        return [*before, {"type": "input_file", "file_url": _url(source, at)}]
    if kind == "text":
        return [*before, *_text_part(title), *_text_part(text_of(source, at, "data"))]
    if kind == "content":
        return [*before, *_text_part(title), *_nested(source.get("content"), f"{at}.content", notices)]
    if kind == "file":
        notices["messages.content.document.file"] = None
        return []
    raise InvalidRequest(f"{at}.type", "must be base64, url, text, content or file")


def _nested(content: object, path: str, notices: Notices) -> list[Json]:
    if isinstance(content, str):
        return _text_part(content)
    if not isinstance(content, list):
        raise InvalidRequest(path, "must be a string or an array of content blocks")
    return [part for i, block in enumerate(content) for part in input_parts(block, f"{path}.{i}", notices)]


def _search_result(block: Json, path: str, notices: Notices) -> list[Json]:
    heading = f"{text_of(block, path, 'title')}\n{text_of(block, path, 'source')}"
    return [*_text_part(heading), *_nested(block.get("content"), f"{path}.content", notices)]


def _container_upload(_: Json, __: str, notices: Notices) -> list[Json]:
    notices["messages.content.container_upload"] = None
    return []


_PARTS: dict[str, Callable[[Json, str, Notices], list[Json]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "container_upload": _container_upload,
}
_ALLOWED = ", ".join(_PARTS)
