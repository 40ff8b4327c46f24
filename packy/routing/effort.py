"""How hard to think: what the request asks for, in the words and within the limits of the upstream's model."""

from __future__ import annotations

from typing import Any

__all__ = ["EFFORTS", "clamp_effort", "requested_effort"]

EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
"""Effort words of the Responses API, weakest first."""

# Messages API words that have another name here.
_SYNONYMS = {"max": "xhigh"}
# `budget_tokens` up to the first number means the effort beside it.
_BUDGETS = ((1024, "low"), (8192, "medium"), (24576, "high"))


def requested_effort(request: dict[str, Any]) -> str | None:
    """Read the effort that a Messages request asks for.

    Args:
        request: the decoded body; it need not be valid.

    Returns:
        One of EFFORTS by `output_config.effort`, else by `thinking`; None where it says nothing. Disabled thinking
        means `low`: `minimal` breaks web search and parallel calls (measured against the API).
    """
    config = request.get("output_config")
    effort = config.get("effort") if isinstance(config, dict) else None
    if isinstance(effort, str):
        effort = _SYNONYMS.get(effort, effort)
        if effort in EFFORTS:
            return effort
    thinking = request.get("thinking")
    if not isinstance(thinking, dict):
        return None
    if thinking.get("type") == "disabled":
        return "low"
    budget = thinking.get("budget_tokens")
    if thinking.get("type") == "enabled" and isinstance(budget, int):
        return next((word for most, word in _BUDGETS if budget <= most), "xhigh")
    return None


def clamp_effort(effort: str, available: tuple[str, ...]) -> str | None:
    """Bring an effort within what a model has.

    Args:
        effort: one of EFFORTS.
        available: what the model has, weakest first.

    Returns:
        The effort itself, or the nearest one; the weaker of two equally near. None for a model without efforts.
    """
    if effort in available or not available:
        return effort if available else None
    wanted = EFFORTS.index(effort)
    return min(available, key=lambda word: (abs(EFFORTS.index(word) - wanted), EFFORTS.index(word)))
