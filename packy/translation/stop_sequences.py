"""Stop sequences, which the Responses API does not have: text is cut here, where a model that has them would stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["StopSequenceMet", "StopSequences"]

_HIGH_SURROGATES = ("\ud800", "\udbff")


class StopSequenceMet(Exception):
    """The text has come to a stop sequence; what stood before it has been handed on.

    Args:
        sequence: the one that was met.
    """

    def __init__(self, sequence: str) -> None:
        super().__init__("a stop sequence was met")
        self.sequence = sequence


class StopSequences:
    """Lets text through up to the first stop sequence.

    The first is the one that is complete first, as for a model that writes character by character; of those complete at
    once, the longest. Only what may yet become one is held back: the longest end of the text that some sequence begins
    with.

    Args:
        sequences: none of them empty.
        write: takes the text that is let through.

    Attributes:
        characters: let through so far.
    """

    def __init__(self, sequences: Sequence[str], write: Callable[[str], None]) -> None:
        self._sequences = sequences
        self._write = write
        self._held = ""
        self.characters = 0

    def text(self, piece: str) -> None:
        """Take the next piece of a text.

        Raises:
            StopSequenceMet: it came to a stop sequence.
        """
        text = _joined(self._held + piece)
        found = [(at + len(stop), at, stop) for stop in self._sequences if (at := text.find(stop)) >= 0]
        if found:
            _, at, stop = min(found)
            self._held = ""
            self._give(text[:at])
            raise StopSequenceMet(stop)
        begin = min(_begin(text, stop) for stop in self._sequences)
        self._held = text[begin:]
        self._give(text[:begin])

    def flush(self) -> None:
        """Let through what was held back: its text is over, and no stop sequence goes on in the next."""
        held, self._held = self._held, ""
        self._give(held)

    def _give(self, text: str) -> None:
        if text:
            self.characters += len(text)
            self._write(text)


def _begin(text: str, stop: str) -> int:
    """Find where the text may have begun a stop sequence that it does not hold as a whole; its length if nowhere."""
    at = text.find(stop[0], max(0, len(text) - len(stop) + 1))
    while at >= 0 and not stop.startswith(text[at:]):
        at = text.find(stop[0], at + 1)
    if at >= 0:
        return at
    # Half of a character outside the basic plane, cut between two deltas.
    half = text and _HIGH_SURROGATES[0] <= text[-1] <= _HIGH_SURROGATES[1]
    return len(text) - 1 if half else len(text)


def _joined(text: str) -> str:
    """Make characters that two deltas brought half of each whole again."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text
