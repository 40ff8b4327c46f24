"""What a document costs.

Of a PDF, the API gives the model the extracted text and an image of each page (OpenAI, "File inputs", section "How it
works", https://developers.openai.com/api/docs/guides/pdf-files). Neither is known here, so a page counts as a full page
of prose and as a scan of it; the pages are counted.
"""

from __future__ import annotations

import re
import zlib
from binascii import a2b_base64
from typing import TYPE_CHECKING

from packy.tokens.images import image_tokens
from packy.tokens.text import count_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["base64_document_tokens", "pages_tokens", "pdf_pages"]

UNKNOWN_PAGES = 10
"""Pages of a PDF that is not in the request but behind a URL."""

_PAGE_TEXT = 800  # 600 words, at OpenAI's rule of thumb of 100 tokens for 75 words
_PAGE_IMAGE = (768, 994)  # US letter, shortest side as the tile rule scales it
_BYTES_PER_PAGE = 50_000  # of a PDF whose page objects cannot be read: encrypted, or damaged

_PAGE = re.compile(rb"/Type\s{0,8}/Page(?![A-Za-z])")
_OBJECT_STREAM = re.compile(rb"/Type\s{0,8}/ObjStm\b")
_DICTIONARY = 512  # bytes from there to the stream
_STREAMS = 4096  # object streams looked at in one document, of some hundred objects each
_INFLATED = 16 * 1024 * 1024  # bytes they may inflate to


def base64_document_tokens(data: object, media_type: object, model: str) -> int:
    """Count a document that came as base64.

    Args:
        data: the file in base64; anything else is a document of unknown length.
        media_type: `application/pdf`, or the type of a text file.
        model: the upstream's name of the model.

    Returns:
        Input tokens.
    """
    try:
        content = a2b_base64(data) if isinstance(data, str) else b""
    except ValueError:
        content = b""
    if isinstance(media_type, str) and media_type.startswith("text/"):
        return count_text(content.decode("utf-8", "replace"))
    return pages_tokens(pdf_pages(content) if content else UNKNOWN_PAGES, model)


def pages_tokens(pages: int, model: str) -> int:
    """Estimate the tokens of so many pages of a PDF.

    Args:
        pages: number of pages.
        model: the upstream's name of the model.

    Returns:
        Input tokens for the text and the images of the pages.
    """
    return pages * (_PAGE_TEXT + image_tokens(*_PAGE_IMAGE, model))


def pdf_pages(data: bytes) -> int:
    """Count the pages of a PDF by its page objects, plain ones and those in compressed object streams (PDF 1.5).

    The work is linear in the size, and at most 16 MiB of streams are inflated.

    Args:
        data: the file.

    Returns:
        Number of pages, at least 1; one for every 50,000 bytes where no page object can be read.
    """
    pages = len(_PAGE.findall(data)) + sum(len(_PAGE.findall(stream)) for stream in _object_streams(data))
    return pages or 1 + len(data) // _BYTES_PER_PAGE


def _object_streams(data: bytes) -> Iterator[bytes]:
    """Inflate the object streams one after the other, never looking at a byte twice."""
    at, room = 0, _INFLATED
    for _ in range(_STREAMS):
        header = _OBJECT_STREAM.search(data, at)
        if header is None or room <= 0:
            return
        at = header.end()
        start = data.find(b"stream", at, at + _DICTIONARY)
        if start < 0:
            continue
        end = data.find(b"endstream", start)
        if end < 0:
            return
        at = end
        try:
            inflated = zlib.decompressobj().decompress(data[start + 6 : end].lstrip(b"\r\n"), room)
        except zlib.error:
            continue  # encrypted, damaged, or compressed in another way
        room -= len(inflated)
        yield inflated
