"""Numbers about numbers."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["both_sides", "median", "percentile", "ratios"]

_ALL = 100


def percentile(ordered: Sequence[float], p: float) -> float:
    """Give the smallest value that at least `p` percent of all do not exceed (nearest rank).

    Args:
        ordered: values in ascending order, at least one.
        p: 0 to 100.
    """
    rank = -(-len(ordered) * p // _ALL)
    return ordered[max(int(rank), 1) - 1]


def both_sides(seen: Mapping[str, Sequence[Mapping[str, float]]], key: str, unit: str) -> str:
    """Tell the medians behind a comparison.

    Args:
        seen: the rounds of each side, by its name.
        key: of the value in a round.
        unit: of the value.
    """
    return ", ".join(f"{name} {median(one[key] for one in each):.2f} {unit}" for name, each in seen.items())


def ratios(values: Sequence[float], yardstick: Sequence[float]) -> list[float]:
    """Divide each value by the one of the yardstick that was measured beside it.

    Raises:
        ValueError: they are not as many, or a yardstick is not positive: it was not measured long enough.
    """
    if not all(one > 0 for one in yardstick):
        raise ValueError("the yardstick took no measurable time; measure longer")
    return [value / one for value, one in zip(values, yardstick, strict=True)]
