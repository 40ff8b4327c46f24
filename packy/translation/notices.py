"""What of a request is not carried, by name, for its caller."""

from __future__ import annotations

from typing import Any

__all__ = ["Notices"]

Json = dict[str, Any]

_NOTHING: frozenset[str] = frozenset()
_LONGEST_NAME = 40
# The names go into a header: beyond so many of the caller's own, the rest is counted as one.
_MOST_UNKNOWN = 16
# Values of fields by which a caller asks for what happens anyway.
_DEFAULTS = ({"type": "direct"}, ["direct"], {"enabled": False}, {"oversized_image": "downsize"}, "full")


class Notices:
    """Names of what is not carried, in the order met.

    Attributes:
        unknown: those among the names that are no fields of the Messages API, but words of the caller's own.
    """

    __slots__ = ("_names", "unknown")

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self.unknown: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(self._names)

    def add(self, name: str) -> None:
        """Note one.

        Args:
            name: of a field of the Messages API, with its path: `tools.strict`.
        """
        self._names[name] = None

    def rest(self, path: str, value: Json, carried: frozenset[str], not_carried: frozenset[str] = _NOTHING) -> None:
        """Note the keys of an object that are not carried, as far as they ask for anything.

        Args:
            path: what stands before the keys' names: `tools`, or nothing.
            value: the object.
            carried: the keys that are carried elsewhere, or have no effect on an answer.
            not_carried: the others that the Messages API has here; what is in neither is the caller's own.
        """
        if carried.issuperset(value):
            return
        before = f"{path}." if path else ""
        for key, held in value.items():
            if key in carried or not held:
                continue
            if key not in not_carried:
                self._add_unknown(before, key)
            elif held not in _DEFAULTS:
                self.add(f"{before}{key}")

    def _add_unknown(self, before: str, key: str) -> None:
        """Note a word of the caller's own: repeated to nobody but the caller, and only if a header can hold it."""
        plain = key.isascii() and key.replace("_", "").isalnum() and len(key) <= _LONGEST_NAME
        name = before + (key if plain and len(self.unknown) < _MOST_UNKNOWN else "unknown")
        self.unknown.add(name)
        self.add(name)
