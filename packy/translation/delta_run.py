"""A run of deltas, told by their frame: the fast way through the hot path.

An upstream writes the deltas of one text all alike: but for the delta itself, a sequence number, the item's id and
padding (`obfuscation`) they are the same bytes. Once some have been seen, a pattern made of such an event takes those
that follow, however many have arrived together, without looking into them: what stands between the quotes of `delta` is
JSON already, and goes between the quotes of the Messages event as it is. Whatever is not exactly of that form goes the
plain way. A test runs both ways over all recordings and generated streams, and finds no difference.

A pattern is of the upstream's way of writing and of nothing that was written, so all streams of a worker share it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from packy.translation import codec

if TYPE_CHECKING:
    from packy.translation.item import Item

__all__ = ["DeltaRun"]

# The inside of a JSON string that is whole in itself: no control characters, no half of a surrogate pair.
_PLAIN: Final = rb'[^"\\\x00-\x1f]*+'
_ESCAPE: Final = rb'\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})'
_STRING: Final = _PLAIN + rb"(?:" + _ESCAPE + _PLAIN + rb")*+"
_ASCII: Final = rb"[ !#-\[\]-~]*+"
_NUMBER: Final = rb"(?:0|[1-9]\d*+)"
# What varies from delta to delta, wherever it stands among the other keys; the delta is the only group of a pattern.
_VARYING: Final = {
    "sequence_number": _NUMBER,
    "item_id": b'"' + _ASCII + b'"',
    "obfuscation": b'"' + _ASCII + b'"',
    "delta": b'"(' + _STRING + b')"',
}
_ANY_VARYING: Final = re.compile(
    b"|".join(b'"%b": ?(?P<%b>%b)' % (key.encode(), key.encode(), value) for key, value in _VARYING.items())
)
_DELTAS: Final = {
    "response.output_text.delta",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
}
_INDEXES: Final = {"output_index", "content_index", "summary_index"}
_KEYS: Final = {"type", "logprobs"} | _INDEXES | _VARYING.keys()


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
        if part is None or not _is_usual(event):
            return None
        whole = b"data: " + data + b"\n\n"
        named = b"event: " + event["type"].encode() + b"\n" + whole
        if chunk.endswith(named):
            whole = named
        elif not chunk.endswith(whole):
            return None  # cut by its chunk, or written in another way
        pattern = _pattern(_frame(whole))
        found = pattern.fullmatch(whole)
        if found is None or pattern.groups != 1 or codec.loads(b'"' + found[1] + b'"') != event["delta"]:
            return None
        return cls(item, part, pattern)

    def take(self, chunk: bytes) -> tuple[bytes, int, bytes] | None:
        """Take the deltas at the beginning of a chunk.

        Args:
            chunk: bytes that begin with an event.

        Returns:
            Their texts in one, as the inside of a JSON string; how many characters that is; and what follows them.
            None where there are none.
        """
        first = self._pattern.match(chunk)
        if first is None:
            return None
        if first.end() == len(chunk):
            text, rest = first[1], b""
        else:
            text, rest = self._many(chunk)
        if text.isascii() and b"\\" not in text:
            return text, len(text), rest
        try:
            return text, len(codec.loads(b'"' + text + b'"')), rest
        except ValueError:
            return None

    def _many(self, chunk: bytes) -> tuple[bytes, bytes]:
        pieces = self._pattern.split(chunk)
        rest = pieces.pop()
        if not any(pieces[::2]):
            return b"".join(pieces[1::2]), rest
        # Something else is between them, which has to have its turn.
        texts, at = [], 0
        for found in self._pattern.finditer(chunk):
            if found.start() != at:
                break
            texts.append(found[1])
            at = found.end()
        return b"".join(texts), chunk[at:]


def _is_usual(event: dict[str, Any]) -> bool:
    """Tell whether an event says nothing but a delta, and where it belongs."""
    kind = event.get("type")
    return (
        isinstance(kind, str)
        and kind in _DELTAS
        and event.keys() <= _KEYS
        and not event.get("logprobs")
        and all(isinstance(event.get(key, 0), int) for key in _INDEXES)
    )


def _frame(whole: bytes) -> bytes:
    """Give the pattern of all events that are like one of them."""
    pattern, at = [], 0
    for varying in _ANY_VARYING.finditer(whole):
        key = next(key for key in _VARYING if varying[key] is not None)
        pattern += [re.escape(whole[at : varying.start(key)]), _VARYING[key]]
        at = varying.end(key)
    return b"".join([*pattern, re.escape(whole[at:])])


@lru_cache(maxsize=64)
def _pattern(frame: bytes) -> re.Pattern[bytes]:
    return re.compile(frame)
