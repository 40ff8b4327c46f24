"""Canaries: marks that nothing else contains, put into everything that passes through, and looked for afterwards."""

from __future__ import annotations

import base64
import itertools
import re

SPECIES = "cnry7f3a"
# Words, as names and codes are: what is let through by its shape would let these through.
_numbers = itertools.count(1)


def mark(place: str) -> str:
    """Give a new canary; the place can be read off it."""
    return f"{SPECIES}{next(_numbers):04d}{''.join(filter(str.isalnum, place)).lower()}"


def much(place: str, length: int) -> bytes:
    """Give so many bytes, of one canary again and again."""
    word = mark(place).encode()
    return (word * (length // len(word) + 1))[:length]


def found_in(data: bytes) -> set[str]:
    """Find the canaries in some bytes, as they are or in base64; give them with what stands around them."""
    encoded = [base64.b64encode(b" " * shift + SPECIES.encode())[shift + 1 : -4] for shift in range(3)]
    places = [each.start() for form in encoded for each in re.finditer(re.escape(form), data)]
    places += [each.start() for each in re.finditer(SPECIES.encode(), data, re.IGNORECASE)]
    return {data[max(at - 60, 0) : at + 60].decode("utf-8", "replace") for at in places}
