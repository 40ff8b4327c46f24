"""A run of deltas, told by their frame: the fast way through the hot path.

An upstream writes the deltas of one text all alike: but for the delta itself, a sequence number and padding
(`obfuscation`) they are the same bytes. Once some have been seen, a pattern made of such an event takes those that
follow, however many have arrived together, without looking into them: what stands between the quotes of `delta` is JSON
already, and goes between the quotes of the Messages event as it is. Whatever is not exactly of that form goes the plain
way. A test runs both ways over all recordings and generated streams, and finds no difference.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from packy.translation import codec

if TYPE_CHECKING:
    from packy.translation.item import Item

__all__ = ["DeltaRun"]

# The inside of a JSON string that is whole in itself: no control characters, no half of a surrogate pair.
_PLAIN: Final = rb'[^"\\\x00-\x1f]*'
_ESCAPE: Final = rb'\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})'
_STRING: Final = rb"(" + _PLAIN + rb"(?:" + _ESCAPE + _PLAIN + rb")*)"
_VARYING: Final = re.compile(rb'"(sequence_number)":\d+|"(obfuscation)":"[^"\\]*"|"(delta)":"' + _STRING + rb'"')
_PATTERNS: Final = (rb'"sequence_number":\d+', rb'"obfuscation":"[^"\\\x00-\x1f]*"', rb'"delta":"' + _STRING + rb'"')
_DELTAS: Final = {
    "response.output_text.delta",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
}
_KEYS: Final = {
    "type",
    "sequence_number",
    "item_id",
    "output_index",
    "content_index",
    "summary_index",
    "delta",
    "logprobs",
    "obfuscation",
}


class DeltaRun:
    """The deltas of one part of one item.

    Args:
        item: takes them.
        part: which part of it.
        pattern: matches one event, its delta as the only group.
    """

    __slots__ = ("_pattern", "item", "part")

    def __init__(self, item: Item, part: int, pattern: re.Pattern[bytes]) -> None:
        self.item = item
        self.part = part
        self._pattern = pattern

    @classmethod
    def learn(cls, item: Item, event: dict[str, Any], chunk: bytes, data: bytes) -> DeltaRun | None:
        """Learn the frame from an event that went the plain way.

        Args:
            item: took it.
            event: the decoded event.
            chunk: what it came in.
            data: its data there.

        Returns:
            The run; None for anything but a delta in its usual form, or one that the item has to look into.
        """
        part = item.run_part(event)
        if part is None or event.get("type") not in _DELTAS or not event.keys() <= _KEYS or event.get("logprobs"):
            return None
        at = chunk.rfind(data)
        end = chunk.find(b"\n\n", at) + 2
        before = chunk.rfind(b"\n\n", 0, at)
        whole = chunk[before + 2 if before >= 0 else 0 : end]
        # Of an event cut by its chunk, or written with other line ends, nothing can be learned.
        if at < 0 or end < 2 or not whole.startswith((b"data: ", b"event: ")):  # noqa: PLR2004 - the two newlines
            return None
        pattern = re.compile(_frame(whole))
        found = pattern.fullmatch(whole)
        if found is None or codec.loads(b'"' + found[1] + b'"') != event["delta"]:
            return None
        return cls(item, part, pattern)

    def take(self, chunk: bytes) -> tuple[bytes, int, bytes] | None:
        """Take the deltas at the beginning of a chunk.

        Args:
            chunk: bytes that begin with an event.

        Returns:
            Their texts in one, as the inside of a JSON string; how many characters that is; and what follows them.
            None where there are none, or something is between them.
        """
        pieces = self._pattern.split(chunk)
        rest = pieces.pop()
        if not pieces or any(pieces[::2]):
            return None
        text = pieces[1] if len(pieces) == 2 else b"".join(pieces[1::2])  # noqa: PLR2004 - one event
        if text.isascii() and b"\\" not in text:
            return text, len(text), rest
        try:
            return text, len(codec.loads(b'"' + text + b'"')), rest
        except ValueError:
            return None


def _frame(whole: bytes) -> bytes:
    pattern, at = [], 0
    for varying in _VARYING.finditer(whole):
        which = next(i for i in range(3) if varying[i + 1])
        pattern += [re.escape(whole[at : varying.start()]), _PATTERNS[which]]
        at = varying.end()
    return b"".join([*pattern, re.escape(whole[at:])])
