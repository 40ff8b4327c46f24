"""The figures as a picture: how far each is from its target, and how delays grow with the number of streams."""

from __future__ import annotations

from html import escape
from math import log2
from typing import TYPE_CHECKING, Any

from bench.report import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.figures import Measured

__all__ = ["plot"]

_WIDTH, _ROW, _LABELS, _VALUES = 960, 26, 390, 130
_CURVE_HEIGHT, _MARGIN = 260, 60
_OCTAVES = 3.0  # the bars reach from an eighth of the target to eight times
_MET, _MISSED, _PALE, _DARK = "#2a7d4f", "#c2410c", "#d4d4d8", "#27272a"
_MOST_MS = 60.0

Curve = tuple[str, str, "Sequence[tuple[float, float]]"]


def plot(measured: Sequence[Measured]) -> str:
    """Draw an SVG document.

    Args:
        measured: the figures; those with a target get a bar, and `paced_streams` a diagram of its own.
    """
    aimed = [one for one in measured if one.effort is not None]
    bars = [part for row, one in enumerate(aimed) for part in _bar(one, 70 + row * _ROW)]
    bottom = 80 + len(aimed) * _ROW
    axis = _LABELS + (_WIDTH - _LABELS - _VALUES) / 2
    parts = [
        _text(20, 30, "packy, measured against its targets", size=18),
        _text(axis, 56, "← better · target · worse →", anchor="middle", size=11),
        *bars,
        _line(axis, 62, axis, bottom - 8, _DARK),
    ]
    tried: list[dict[str, Any]] = next((one.details["tried"] for one in measured if one.key == "paced_streams"), [])
    curves = list(_curves(tried))
    if any(points for _, _, points in curves):
        parts += _diagram(curves, bottom + 50)
        bottom += _CURVE_HEIGHT + 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom:g}" font-family="sans-serif">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(one: Measured, top: float) -> Iterable[str]:
    """Draw a bar from the target to the value, to the left where it is better, in a logarithmic scale."""
    half = (_WIDTH - _LABELS - _VALUES) / 2
    middle = _LABELS + half
    effort = one.effort or 0
    octaves = max(-_OCTAVES, min(_OCTAVES, log2(effort))) if effort > 0 else -_OCTAVES
    reach = abs(octaves) / _OCTAVES * half
    figure = one.figure
    yield _text(_LABELS - 14, top + 15, figure.title, anchor="end")
    left = middle if octaves > 0 else middle - reach
    colour = _MET if one.met else _MISSED
    yield f'<rect x="{left:.1f}" y="{top:g}" width="{max(reach, 2):.1f}" height="{_ROW - 8}" fill="{colour}"/>'
    target = f" ({figure.bound} {figure.target:g})"
    yield _text(_WIDTH - _VALUES + 6, top + 15, f"{number(one.value)} {figure.unit}{target}", size=11)


def _curves(tried: Sequence[Mapping[str, Any]]) -> Iterable[Curve]:
    for name, colour in (("nginx", "#71717a"), ("packy", "#1d4ed8")):
        yield name, colour, sorted((row["streams"], row[name]["delay_us"]["99"] / 1000) for row in tried if name in row)


def _diagram(curves: Sequence[Curve], top: float) -> list[str]:
    """Draw p99 delays over the number of streams."""
    left, right, bottom = _MARGIN + 20, _WIDTH - _MARGIN - 60, top + _CURVE_HEIGHT
    widest = max(x for _, _, points in curves for x, _ in points)
    tallest = min(_MOST_MS, max(5.0, *(y for _, _, points in curves for _, y in points)))

    def across(x: float) -> float:
        return left + (right - left) * x / widest

    def down(y: float) -> float:
        return bottom - _CURVE_HEIGHT * min(y, tallest) / tallest

    parts = [_text(20, top - 8, "p99 delay of an event, in ms, over open streams of 50 events/s", size=14)]
    for step in range(5):
        y, x = tallest * step / 4, widest * step / 4
        parts += [
            _line(left, down(y), right, down(y), _PALE),
            _text(left - 8, down(y) + 4, f"{y:.0f}", anchor="end", size=11),
            _text(across(x), bottom + 18, f"{x:.0f}", anchor="middle", size=11),
        ]
    for name, colour, points in curves:
        if points:
            path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            x, y = points[-1]
            parts.append(_text(across(x) + 8, down(y) + 4, name, colour=colour))
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(  # noqa: PLR0913, PLR0917 - what a text in a picture has
    x: float, y: float, text: str, anchor: str = "start", size: int = 13, colour: str = _DARK
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
    )
