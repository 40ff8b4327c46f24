"""The files that the page brings along; read once, and nothing else in their folder can be asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ASSETS", "FOLDER", "Asset"]

FOLDER: Final = Path(__file__).parent
"""Where the page's template is."""

_NAMES: Final = ("board.js", "page.css", "page.js", "uplot.css", "uplot.js", "words.js")
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page.

    Attributes:
        data: what is in it.
        content_type: for its answer.
        etag: changes with the data.
    """

    data: bytes
    content_type: str
    etag: str


def _asset(name: str) -> Asset:
    data = (FOLDER / "static" / name).read_bytes()
    return Asset(data, _TYPES[Path(name).suffix], hashlib.sha256(data).hexdigest()[:32])


ASSETS: Final = {name: _asset(name) for name in _NAMES}
"""By name, under `/status/`. uPlot's licence is beside it."""
