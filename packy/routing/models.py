"""What is known of the upstream's models: their reasoning efforts, context windows and release dates.

Figures from OpenAI's model pages and announcements; a model that nobody has heard of yet is taken for a reasoning model
of today's kind. Where a provider gives a model more or less room than OpenAI does, the configuration says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CATALOGUE", "Model", "describe_model"]

_LOW_TO_HIGH = ("low", "medium", "high")
_LOW_TO_XHIGH = (*_LOW_TO_HIGH, "xhigh")
_MINIMAL_TO_HIGH = ("minimal", *_LOW_TO_HIGH)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Model:
    """An upstream model.

    Attributes:
        name: as the upstream knows it.
        efforts: reasoning efforts it takes, weakest first; empty where it does not reason.
        context_window: input tokens it takes.
        released: midnight UTC of the day it came out; the epoch where that is not known.
    """

    name: str
    efforts: tuple[str, ...]
    context_window: int
    released: datetime = _EPOCH


# Newest first, as lists of models show them.
_RELEASES: Final = (
    ("gpt-5.6-sol", "2026-07-09"),
    ("gpt-5.6-terra", "2026-07-09"),
    ("gpt-5.6-luna", "2026-07-09"),
    ("gpt-5.5", "2026-04-23"),
    ("gpt-5.4-mini", "2026-03-17"),
    ("gpt-5.4", "2026-03-05"),
    ("gpt-5.3-codex", "2026-02-05"),
    ("gpt-5.2-codex", "2026-01-14"),
    ("gpt-5.2", "2025-12-11"),
    ("gpt-5.1-codex-max", "2025-11-19"),
    ("gpt-5.1-codex", "2025-11-13"),
    ("gpt-5.1-codex-mini", "2025-11-13"),
    ("gpt-5.1", "2025-11-13"),
    ("gpt-5-codex-mini", "2025-11-07"),
    ("gpt-5-codex", "2025-09-15"),
    ("gpt-5", "2025-08-07"),
    ("gpt-5-mini", "2025-08-07"),
    ("gpt-5-nano", "2025-08-07"),
    ("codex-mini-latest", "2025-05-16"),
)
_RELEASED: Final = {name: datetime.fromisoformat(day).replace(tzinfo=UTC) for name, day in _RELEASES}

CATALOGUE: Final = tuple(_RELEASED)
"""The models of a Codex-compatible upstream that does not say which ones it has; newest first."""

# First match wins. The 400,000 tokens of the gpt-5 family hold up to 272,000 of input; Codex plans keep the newer ones,
# which take more, to the same.
_FAMILIES: tuple[tuple[re.Pattern[str], tuple[str, ...], int], ...] = tuple(
    (re.compile(pattern), efforts, window)
    for pattern, efforts, window in (
        (r"gpt-5(\.\d+)?-chat", (), 128_000),
        (r"gpt-5-pro", ("high",), 272_000),
        (r"gpt-5\.\d+-pro", ("medium", "high", "xhigh"), 272_000),
        (r"gpt-5-codex", _LOW_TO_HIGH, 272_000),
        (r"gpt-5\.1-codex-max", _LOW_TO_XHIGH, 272_000),
        (r"gpt-5\.1(?!\d)", _LOW_TO_HIGH, 272_000),
        (r"gpt-5\.3-codex-spark", _LOW_TO_XHIGH, 128_000),
        (r"gpt-(5\.\d|[6-9])", _LOW_TO_XHIGH, 272_000),
        (r"gpt-5", _MINIMAL_TO_HIGH, 272_000),
        (r"codex-mini", _LOW_TO_HIGH, 200_000),
        (r"o[134]\b", _LOW_TO_HIGH, 200_000),
        (r"gpt-4\.1", (), 1_047_576),
        (r"gpt-4|chatgpt", (), 128_000),
        (r"", _LOW_TO_HIGH, 272_000),
    )
)


def describe_model(name: str, context_windows: Mapping[str, int] = MappingProxyType({})) -> Model:
    """Describe a model by its name.

    Args:
        name: as the upstream knows it; a date or a variant behind the family's name changes nothing but its own date.
        context_windows: input tokens by name, where the configuration knows better.

    Returns:
        What is known, or assumed, of it.
    """
    return _describe(name, context_windows.get(name))


@lru_cache(maxsize=1024)
def _describe(name: str, context_window: int | None) -> Model:
    efforts, window = next((e, w) for pattern, e, w in _FAMILIES if pattern.match(name))
    return Model(name, efforts, context_window or window, _RELEASED.get(name, _EPOCH))
