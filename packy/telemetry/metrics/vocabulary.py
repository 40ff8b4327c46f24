"""Keeps labels bounded: every value of a label is a time series that Prometheus never forgets."""

from __future__ import annotations

from packy.telemetry.events import OTHER

__all__ = ["Vocabulary"]


class Vocabulary:
    """Lets the first so many different words pass, and calls all others `other`.

    Args:
        size: how many.
    """

    __slots__ = ("_size", "_words")

    def __init__(self, size: int) -> None:
        self._size = size
        self._words: set[str] = set()

    def __call__(self, word: object) -> str:
        """Give a word, or what stands for it; nothing for None."""
        if word in self._words:
            return str(word)
        if not isinstance(word, str) or not word:
            return ""
        if len(self._words) < self._size:
            self._words.add(word)
            return word
        return OTHER
