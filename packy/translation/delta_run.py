"""A run of deltas, told by their frame: the fast way through the hot path.

An upstream writes the deltas of one text all alike: but for the delta itself, a sequence number and padding
(`obfuscation`) they are the same bytes. Once some have been seen, a pattern made of such an event takes those that
follow, however many have arrived together, without looking into them: what stands between the quotes of `delta` is JSON
already, and goes between the quotes of the Messages event as it is. Whatever is not exactly of that form goes the plain
way. A test runs both ways over all recordings and generated streams, and finds no difference.

The pattern only skips the long constant parts of a frame, and so is the same for all streams of an upstream; that they
are what they have to be is seen by comparing them, all at once, which is far cheaper than matching them.
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
# What varies from delta to delta, wherever it stands among the other keys.
_VARYING: Final = {
    "sequence_number": _NUMBER,
    "obfuscation": b'"' + _ASCII + b'"',
    "delta": b'"(?P<delta>' + _STRING + b')"',
}
_ANY_VARYING: Final = re.compile(
    b'"sequence_number": ?(?P<sequence_number>%b)|"obfuscation": ?(?P<obfuscation>"%b")|"delta": ?(?P<whole>"%b")'
    % (_NUMBER, _ASCII, _STRING)
)
# What stands between events and nowhere else, as no JSON has a newline in a string: a search has few places to look at.
_BETWEEN: Final = b"\n\n"
# Constant parts from so many bytes on are skipped and compared.
_LONG: Final = 16
_DELTAS: Final = {
    "response.output_text.delta",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
}
_INDEXES: Final = {"output_index", "content_index", "summary_index"}
_KEYS: Final = {"type", "item_id", "logprobs"} | _INDEXES | _VARYING.keys()


class DeltaRun:
    """The deltas of one part of one item.

    What each of them touches is kept small on purpose: with hundreds of streams in turns, every object more is one that
    the processor's cache has lost.

    Args:
        item: takes them.
        part: which part of it.
        pattern: matches one event; its groups are the delta and the constants.
        constants: what the groups of the pattern have to be, by their numbers.
    """

    __slots__ = ("_constants", "_delta", "_expected", "_groups", "_pattern", "_untold", "_write", "item", "part")

    def __init__(self, item: Item, part: int, pattern: re.Pattern[bytes], constants: dict[int, bytes]) -> None:
        self.item = item
        self.part = part
        self._write = item.run_writer
        # Characters that have been handed on, and that the item does not know of.
        self._untold = 0
        self._pattern = pattern
        self._constants = constants
        self._delta = pattern.groupindex["delta"]
        self._groups = tuple(constants)
        # As a match gives them: alone, where there is but one.
        self._expected = tuple(constants.values()) if len(constants) > 1 else next(iter(constants.values()))

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
        whole = b"data: " + data + _BETWEEN
        named = b"event: " + event["type"].encode() + b"\n" + whole
        if chunk.endswith(named):
            whole = named
        elif not chunk.endswith(whole):
            return None  # cut by its chunk, or written in another way
        frame, constants = _frame(whole.removesuffix(_BETWEEN))
        if frame.count(b"(?P<delta>") != 1:
            return None
        run = cls(item, part, _pattern(frame), constants)
        taken = run.take(whole)
        known = taken is not None and not taken[2] and codec.loads(b'"' + taken[0] + b'"') == event["delta"]
        return run if known else None

    def carry(self, chunk: bytes) -> bytes:
        """Hand on the deltas at the beginning of a chunk.

        Args:
            chunk: of the stream, from between two events.

        Returns:
            What follows them: all of it where there are none.
        """
        if (taken := self.take(chunk)) is None:
            return chunk
        text, characters, rest = taken
        if text:
            self._untold += characters
            self._write(text)
        return rest

    def settle(self) -> None:
        """Tell the item how much has been handed on, before anything else is."""
        if self._untold:
            self.item.ran(self.part, self._untold)
            self._untold = 0

    def take(self, chunk: bytes) -> tuple[bytes, int, bytes] | None:
        """Take the deltas at the beginning of a chunk.

        Args:
            chunk: bytes that begin with an event.

        Returns:
            Their texts in one, as the inside of a JSON string; how many characters that is; and what follows them.
            None where there are none.
        """
        bounded = _BETWEEN + chunk
        first = self._pattern.match(bounded)
        if first is None or first.group(*self._groups) != self._expected:
            return None
        if first.end() == len(chunk):
            text, rest = first[self._delta], b""
        else:
            text, rest = self._many(bounded)
        if text.isascii() and b"\\" not in text:
            return text, len(text), rest
        try:
            return text, len(codec.loads(b'"' + text + b'"')), rest
        except ValueError:
            return None

    def _many(self, bounded: bytes) -> tuple[bytes, bytes]:
        pieces = self._pattern.split(bounded)
        rest = pieces.pop()
        step = self._pattern.groups + 1
        events = len(pieces) // step
        exact = all(pieces[group::step].count(constant) == events for group, constant in self._constants.items())
        if exact and not any(pieces[::step]):
            return b"".join(pieces[self._delta :: step]), rest[len(_BETWEEN) :]
        # Something else is between them, which has to have its turn.
        texts, at = [], 0
        for found in self._pattern.finditer(bounded):
            if found.start() != at or found.group(*self._groups) != self._expected:
                break
            texts.append(found[self._delta])
            at = found.end()
        return b"".join(texts), bounded[at + len(_BETWEEN) :]


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


def _frame(whole: bytes) -> tuple[bytes, dict[int, bytes]]:
    """Give the pattern of all events that are like one of them, between two others, and what its groups have to be."""
    pattern, constants, groups, at = [_BETWEEN], {}, 0, 0
    for varying in [*_ANY_VARYING.finditer(whole), None]:
        key = (varying.lastgroup or "") if varying else ""
        constant = whole[at : varying.start(key) if varying else len(whole)]
        if len(constant) < _LONG:
            pattern.append(re.escape(constant))
        else:
            groups += 1
            constants[groups] = constant
            pattern.append(b"(.{%d})" % len(constant))
        if varying:
            groups += key == "whole"
            pattern.append(_VARYING["delta" if key == "whole" else key])
            at = varying.end(key)
    return b"".join([*pattern, b"(?=" + _BETWEEN + b")"]), constants


@lru_cache(maxsize=64)
def _pattern(frame: bytes) -> re.Pattern[bytes]:
    return re.compile(frame, re.DOTALL)
