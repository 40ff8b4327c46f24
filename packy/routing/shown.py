"""A model's name as logs, metrics and the ledger may show it: one that is known beforehand, never a caller's own text.

A name is free text. Whoever writes a sentence into it, by mistake or on purpose, must not find it on a disk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packy.routing.registry import registry_of

if TYPE_CHECKING:
    from packy.config import Snapshot

__all__ = ["OTHER", "shown_model"]

OTHER: Final = "other"
"""Stands for names that nobody knows."""

# How Anthropic and OpenAI call their models: these words, short numbers, and one date. More digits may be anybody's.
_WORDS: Final = (
    "chat|codex|fast|haiku|instant|latest|luna|max|mini|nano|opus|oss|preview|pro|sol|sonnet|spark|terra|thinking|turbo"
)
_VENDORS: Final = re.compile(
    r"(?!.*\d{4}-.*\d{4})"
    rf"(claude|codex|gpt|o\d)(-({_WORDS}|\d{{1,2}}(\.\d{{1,2}})?o?|\d{{4}}|20\d{{6}})){{0,6}}"
)


def shown_model(snapshot: Snapshot, name: str) -> str:
    """Give what may be shown of a model's name.

    Args:
        snapshot: the configuration of the request.
        name: as a caller wrote it, or as it goes upstream.

    Returns:
        The name itself, where the configuration or the catalogue has it or it is made as its makers make them; the
        pattern of the alias that covers it; else OTHER.
    """
    names = registry_of(snapshot).names
    plain = names.plain(name)
    known = (names.models, names.exact, snapshot.prices, snapshot.context_windows)
    if any(plain in each for each in known) or _VENDORS.fullmatch(plain):
        return name
    return names.covering(plain) or OTHER
