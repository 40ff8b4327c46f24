"""A string that only comes out when it is asked for."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

__all__ = ["Secret"]


class Secret:
    """A key, kept out of everything that turns objects into text.

    `repr`, `str`, formatting, logging and tracebacks with locals show the mask; pickling is refused. Comparison takes
    the same time whatever differs.

    Args:
        value: the key in plain text.
    """

    MASK: Final = "********"
    # So much of a key may be shown, if it is at least so long.
    _TAIL: Final = 4
    _LONG: Final = 20

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the plain text: for the header that carries it, and for nothing else."""
        return self._value

    @property
    def masked(self) -> str:
        """The mask, and behind it the last four characters of a long key, for people to tell keys apart."""
        return self.MASK + (self._value[-self._TAIL :] if len(self._value) >= self._LONG else "")

    def hide_in(self, text: str) -> str:
        """Put the mask in the place of the key wherever a text repeats it: others' words may quote what they got."""
        return text.replace(self._value, self.MASK) if self._value else text

    def __repr__(self) -> str:
        return f"Secret({self.MASK})"

    def __str__(self) -> str:
        return self.MASK

    def __format__(self, spec: str) -> str:
        return format(self.MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
