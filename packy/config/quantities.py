"""Strict marshmallow fields for numbers with bounds and units."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Unpack

from packy.config.fields import Scalar
from packy.config.problems import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.config.fields import Options

__all__ = ["Amount", "Count", "Seconds", "Size"]

_UNITS: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Count(Scalar):
    """A whole number within bounds.

    Args:
        data_key: its key in the file; None for a value under a free name.
        bounds: the least and the greatest.
        auto: finds the number that the word `auto` stands for; without it the word is refused.
        options: see `Options`.
    """

    types = (int, str)

    def __init__(
        self,
        data_key: str | None,
        bounds: tuple[int, int],
        auto: Callable[[], int] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(data_key, **options)
        self.bounds = bounds
        self.auto = auto

    def check(self, value: int | str) -> Finding | None:
        """Refuse what is out of bounds, and any word but `auto`."""
        if isinstance(value, str):
            return None if self.auto and value == "auto" else self.mismatch(value)
        return None if self.bounds[0] <= value <= self.bounds[1] else self.mismatch(value)

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything that does not fit."""
        del value
        word = ", or auto" if self.auto else ""
        return Finding(f"must be a whole number from {self.bounds[0]} to {self.bounds[1]}{word}", f"write {self.line}")

    def convert(self, value: int | str) -> int:
        """Return the number."""
        return value if isinstance(value, int) else self.auto() if self.auto else 0


class Seconds(Scalar):
    """A duration in seconds, above zero.

    Args:
        data_key: its key in the file.
        most: the greatest.
        options: see `Options`.
    """

    types = (int, float)

    def __init__(self, data_key: str, most: int, **options: Unpack[Options]) -> None:
        super().__init__(data_key, **options)
        self.most = most

    def check(self, value: float) -> Finding | None:
        """Refuse zero, negative numbers, infinity, and what is over the bound."""
        return None if math.isfinite(value) and 0 < value <= self.most else self.mismatch(value)

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything that does not fit."""
        del value
        return Finding(f"must be a number of seconds above 0 and at most {self.most}", f"write {self.line}")

    def convert(self, value: float) -> float:
        """Return the number."""
        return float(value)


class Amount(Scalar):
    """A number that is not negative, such as a price."""

    types = (int, float)

    def check(self, value: float) -> Finding | None:
        """Refuse negative numbers and infinity."""
        return None if math.isfinite(value) and value >= 0 else self.mismatch(value)

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything that does not fit."""
        del value
        return Finding("must be a number that is not negative", f"write {self.line}")

    def convert(self, value: float) -> float:
        """Return the number."""
        return float(value)


class Size(Scalar):
    """A number of bytes: a whole number, or text such as `64MiB`.

    Args:
        data_key: its key in the file.
        bounds: the least and the greatest, in bytes.
        options: see `Options`.
    """

    types = (int, str)

    def __init__(self, data_key: str, bounds: tuple[int, int], **options: Unpack[Options]) -> None:
        super().__init__(data_key, **options)
        self.bounds = bounds

    def check(self, value: int | str) -> Finding | None:
        """Refuse other units, and what is out of bounds."""
        return None if self.bounds[0] <= self.convert(value) <= self.bounds[1] else self.mismatch(value)

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything that does not fit."""
        del value
        least, most = self.bounds
        return Finding(f"must be from {least} to {most} bytes, as a number or with KiB, MiB, GiB", f"write {self.line}")

    def convert(self, value: int | str) -> int:
        """Return the number of bytes; -1 for text that is none."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([0-9]{1,15})(B|KiB|MiB|GiB)", value)
        return int(match[1]) * _UNITS[match[2]] if match else -1
