"""The figures as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from packy.tables import render_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Measured

__all__ = ["as_json", "number", "table"]

_HEADER = ("figure", "value", "unit", "target", "", "rounds")
_VERDICT = {True: "met", False: "missed", None: ""}
_LARGE, _MIDDLE = 100, 10


def number(value: float) -> str:
    """Give a number with as many digits as say something."""
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.1f}" if abs(value) >= _MIDDLE else f"{value:.2f}"


def table(measured: Sequence[Measured], width: int | None = None) -> str:
    """Lay the figures out with their targets.

    Args:
        measured: what to show.
        width: columns of the terminal, None for any.
    """
    rows = render_table(_HEADER, [_row(one) for one in measured], right={1}, width=width)
    return "\n".join([rows, *(f"{one.figure.title}: {one.note}" for one in measured if one.note)])


def _row(one: Measured) -> tuple[str, ...]:
    figure, values = one.figure, one.values
    verdict = _VERDICT[one.met] if one.sound else "unsound"
    target = "" if figure.target is None else f"{figure.bound} {figure.target:g}"
    spread = f"{number(min(values))} to {number(max(values))} ({len(values)})" if len(values) > 1 else "one"
    return (figure.title, number(one.value), figure.unit, target, verdict, spread)


def as_json(measured: Sequence[Measured], about: dict[str, Any], missing: dict[str, str]) -> bytes:
    """Give everything that was seen.

    Args:
        measured: the figures.
        about: the machine and the run.
        missing: measurements that could not be made, each with the reason.
    """
    figures = {
        one.key: {
            **asdict(one.figure),
            "value": one.value,
            "values": list(one.values),
            "met": one.met,
            "sound": one.sound,
            "note": one.note,
            "details": one.details,
        }
        for one in measured
    }
    return orjson.dumps({**about, "figures": figures, "missing": missing}, option=orjson.OPT_INDENT_2)
