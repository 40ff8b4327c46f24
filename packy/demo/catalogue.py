"""The models that the demo upstream has, and the reasoning efforts that each of them takes.

Efforts follow OpenAI's model pages; a request for one that a model lacks is refused, as the real API does.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

__all__ = ["DEFAULT_MODELS", "EFFORTS", "LISTED_MODELS", "efforts_of", "is_served", "snapshot_of"]

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every effort the API knows; a model takes some of them."""

# The first pattern that fits a model decides.
_EFFORTS_OF: Final = (
    ("codex-mini*", ("low", "medium", "high")),
    ("gpt-5.1-codex-max*", ("low", "medium", "high", "xhigh")),
    ("gpt-5.1-codex*", ("low", "medium", "high")),
    ("gpt-5.1*", ("none", "low", "medium", "high")),
    ("gpt-5.?-codex*", ("low", "medium", "high", "xhigh")),
    ("gpt-5.?*", ("none", "low", "medium", "high", "xhigh")),
    ("gpt-5-codex*", ("low", "medium", "high")),
    ("gpt-5*", ("minimal", "low", "medium", "high")),
)

LISTED_MODELS: Final = (
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5-codex",
    "gpt-5-codex-mini",
    "gpt-5.1",
    "gpt-5.1-codex",
    "gpt-5.1-codex-mini",
    "gpt-5.1-codex-max",
    "gpt-5.2",
    "gpt-5.2-codex",
    "codex-mini-latest",
)
"""What `GET /models` shows while nothing else is configured."""

DEFAULT_MODELS: Final = (
    "gpt-5",
    "gpt-5-20*",
    "gpt-5-mini*",
    "gpt-5-nano*",
    "gpt-5-codex*",
    "gpt-5.1*",
    "gpt-5.2*",
    "codex-mini-latest",
)
"""Patterns (`*` and `?`) of the models that are served while nothing else is configured."""


def is_served(model: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a model fits one of the patterns."""
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def efforts_of(model: str) -> tuple[str, ...]:
    """Return the efforts that a model takes, weakest first; a model that no pattern knows takes them all."""
    return next((efforts for pattern, efforts in _EFFORTS_OF if fnmatchcase(model, pattern)), EFFORTS)


def snapshot_of(model: str) -> str:
    """Return the dated name that answers carry for a model: `gpt-5` answers as `gpt-5-2025-08-07`."""
    return f"{model}-2025-08-07" if model in {"gpt-5", "gpt-5-mini", "gpt-5-nano"} else model
