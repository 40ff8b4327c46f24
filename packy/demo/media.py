"""What the Responses API refuses in images and files: data URLs that are none, and bytes that are no image."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from packy.demo.errors import ApiError, invalid_type, missing

__all__ = ["check_file", "check_image"]

_DATA_URL: Final = re.compile(r"data:([a-zA-Z0-9.+/-]*)(?:;[a-zA-Z0-9=_.-]+)*;base64,(.*)", re.DOTALL)
_SIGNATURES: Final = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
_IMAGE_EXAMPLE: Final = "an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU=')"
_PDF_EXAMPLE: Final = "an application/pdf MIME type (e.g. 'data:application/pdf;base64,cGRmIGJ5dGVzIGhlcmU=')"


def check_image(param: str, part: dict[str, Any]) -> None:
    """Check an `input_image` part: a web URL, or a data URL with a JPEG, PNG, GIF or WebP image in it.

    Raises:
        ApiError: 400 `invalid_value`.
    """
    url = part.get("image_url")
    if url is None:
        if part.get("file_id") is None:
            raise missing(f"{param}.image_url")
        return
    if not isinstance(url, str):
        raise invalid_type(f"{param}.image_url", "a string", url)
    if url.startswith(("https://", "http://")):
        return
    mime, data = _decode(f"{param}.image_url", url, _IMAGE_EXAMPLE)
    if mime not in _SIGNATURES:
        raise _refused(f"{param}.image_url", _IMAGE_EXAMPLE, f"unsupported MIME type '{mime}'")
    if not any(signature.match(data) for signature in _SIGNATURES.values()):
        message = (
            "The image data you provided does not represent a valid image. Please check your input and try again "
            f"with one of the following image formats: {list(_SIGNATURES)}."
        )
        raise ApiError(message, param="input", code="invalid_value")


def check_file(param: str, part: dict[str, Any]) -> None:
    """Check an `input_file` part: an id, a web URL, or a data URL with a file name beside it.

    Raises:
        ApiError: 400.
    """
    data = part.get("file_data")
    if data is None:
        if part.get("file_id") is None and part.get("file_url") is None:
            raise missing(f"{param}.file_data")
        return
    if not isinstance(data, str):
        raise invalid_type(f"{param}.file_data", "a string", data)
    if not part.get("filename"):
        raise missing(f"{param}.filename")
    mime, content = _decode(f"{param}.file_data", data, _PDF_EXAMPLE)
    if mime == "application/pdf" and b"%PDF-" not in content[:1024]:
        message = "The file you provided is not a valid PDF. Please check your input and try again."
        raise ApiError(message, param="input", code="invalid_value")


def _decode(param: str, url: str, example: str) -> tuple[str, bytes]:
    if not url.startswith("data:"):
        raise _refused(param, example, "a value without the 'data:' prefix")
    parts = _DATA_URL.fullmatch(url)
    if parts is None:
        raise _refused(param, example, "an invalid data URL")
    try:
        content = base64.b64decode(parts[2], validate=True)
    except (binascii.Error, ValueError):
        raise _refused(param, example, "an invalid base64-encoded value") from None
    if not content:
        raise _refused(param, example, "empty base64-encoded bytes")
    return parts[1], content


def _refused(param: str, example: str, got: str) -> ApiError:
    message = f"Invalid '{param}'. Expected a base64-encoded data URL with {example}, but got {got}."
    return ApiError(message, param=param, code="invalid_value")
