"""What an image costs: OpenAI's published rules, and just enough of four file formats to know its size.

Source of the rules: OpenAI, "Images and vision", sections "Model sizing behavior" and "Calculating costs"
(https://developers.openai.com/api/docs/guides/images-vision, 2026). packy sends no `detail`, so `auto` applies.
"""

from __future__ import annotations

import re
import struct
from binascii import a2b_base64
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["image_block_tokens", "image_size", "image_tokens"]

_TILE = 512
_PATCH = 32
_UNKNOWN_SIZE = (1024, 1024)  # URLs, and files that we cannot read
_HEADER = 256 * 1024  # base64 characters looked at: a JPEG may hold 64 KiB segments of metadata before its size


class _Tiles(NamedTuple):
    """Fit into 2048 square, shortest side to 768, then so much for the image and for every 512 pixel tile."""

    base: int = 70
    tile: int = 140

    def tokens(self, width: int, height: int) -> int:
        width, height = _fit(width, height, 2048 / max(width, height))
        width, height = _fit(width, height, 768 / min(width, height))
        return self.base + self.tile * ceil(width / _TILE) * ceil(height / _TILE)


class _Patches(NamedTuple):
    """Fit into `side` square and `budget` patches of 32 pixels, at `percent` / 100 tokens each, rounded up in all."""

    percent: int
    budget: int
    side: int

    def tokens(self, width: int, height: int) -> int:
        width, height = _fit(width, height, self.side / max(width, height))
        patches = ceil(width / _PATCH) * ceil(height / _PATCH)
        if patches > self.budget:
            shrink = sqrt(_PATCH * _PATCH * self.budget / (width * height))
            sides = (width * shrink / _PATCH, height * shrink / _PATCH)
            shrink *= min(1, *(max(floor(side), 1) / side for side in sides))
            patches = min(self.budget, ceil(int(width * shrink) / _PATCH) * ceil(int(height * shrink) / _PATCH))
        return -(-patches * self.percent // 100)


# First match wins. The table of the guide, and the rate 1.2 as billed for gpt-5.5 (a recorded response: 1245 x 1395
# pixels, 2,060 tokens). The guide rejects images over 30,000 patches, which bounds the models that never shrink one.
_RULES: tuple[tuple[re.Pattern[str], _Tiles | _Patches], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"gpt-[\d.]+(-codex)?-mini", _Patches(162, 1536, 2048)),
        (r"gpt-[\d.]+-nano", _Patches(246, 1536, 2048)),
        (r"codex-mini|o4-mini", _Patches(172, 1536, 2048)),
        (r"gpt-5\.[23]\b", _Patches(120, 6144, 2048)),
        (r"gpt-5\.4\b", _Patches(120, 2500, 2048)),
        (r"gpt-5\.5\b", _Patches(120, 10_000, 6000)),
        (r"gpt-(5\.([6-9]|\d\d)|[6-9])", _Patches(120, 30_000, 65_535)),
        (r"", _Tiles()),  # gpt-5, gpt-5.1, gpt-5-codex; and what we do not know
    )
)


def image_tokens(width: int, height: int, model: str = "gpt-5") -> int:
    """Compute the tokens of an image.

    Args:
        width: pixels, at least 1.
        height: pixels, at least 1.
        model: the upstream's name of the model, without a suffix for the effort.

    Returns:
        Input tokens; for models that the published table does not name, those of gpt-5.
    """
    return next(rule for pattern, rule in _RULES if pattern.match(model)).tokens(width, height)


def image_block_tokens(data: object, model: str) -> int:
    """Compute the tokens of an image block.

    Args:
        data: base64 of a PNG, JPEG, GIF or WebP file; anything else stands for an image of unknown size.
        model: as for `image_tokens`.

    Returns:
        Input tokens; an image of unknown size, such as one behind a URL, counts as 1024 x 1024 pixels.
    """
    size = image_size(_decode_start(data)) if isinstance(data, str) else None
    return image_tokens(*(size or _UNKNOWN_SIZE), model)


def image_size(data: bytes) -> tuple[int, int] | None:
    """Read the size of an image from the beginning of its file.

    Args:
        data: the first bytes of a PNG, JPEG, GIF or WebP file.

    Returns:
        Width and height in pixels; None for other formats, damaged headers, and headers that end too early.
    """
    for magic, read in _FORMATS:
        if magic.match(data):
            try:
                width, height = read(data)
            except (struct.error, IndexError):
                return None
            return (width, height) if width > 0 and height > 0 else None
    return None


def _fit(width: int, height: int, scale: float) -> tuple[int, int]:
    """Scale down, never up, to whole pixels."""
    if scale >= 1:
        return width, height
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _decode_start(text: str) -> bytes:
    digits = "".join(text[:_HEADER].split())
    try:
        return a2b_base64(digits[: len(digits) // 4 * 4])
    except ValueError:
        return b""


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


_MARKER = 0xFF
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xDA)})  # markers without a length


def _jpeg(data: bytes) -> tuple[int, int]:
    """Walk the segments up to the start of frame (ITU T.81, table B.1)."""
    at = 2
    while data[at] == _MARKER:
        marker = data[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if marker == _MARKER:  # a fill byte
            at += 1
        elif marker in _BARE:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return 0, 0


def _webp(data: bytes) -> tuple[int, int]:
    """Read the first chunk, of one of three kinds (WebP container specification)."""
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        width, width_high, height, height_high = struct.unpack_from("<HBHB", data, 24)
        return width + (width_high << 16) + 1, height + (height_high << 16) + 1
    return 0, 0


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], tuple[int, int]]], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR", re.DOTALL), _png),
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), _webp),
)
