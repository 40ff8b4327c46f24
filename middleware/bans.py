"""Who has presented too many wrong keys: counted over all workers, in fixed memory, without an address in it."""

from __future__ import annotations

import hmac
import secrets
import struct
import time
from typing import TYPE_CHECKING, Final

from packy.shared import SharedMemory

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bans"]

# Who, how often, until when (seconds of the machine's monotonic clock, which is the same for all processes).
_SLOT: Final = struct.Struct("<16sQd")
_WAYS: Final = 8
_EMPTY: Final = b""


class Bans:
    """Counts wrong keys by caller, and bans callers for a while.

    Make it before the fork. Callers are kept as keyed hashes, eight to a bucket; where a bucket is full, a caller that
    is not banned makes room, then the one whose ban ends first.

    Args:
        limit: wrong keys that make a ban; each is forgotten together with the others `seconds` after the last.
        seconds: how long a ban lasts.
        buckets: how much to remember; 8 callers a bucket, 32 bytes each.
        clock: gives seconds.
    """

    def __init__(
        self, limit: int = 5, seconds: float = 1800, *, buckets: int = 512, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._buckets = buckets
        self._clock = clock
        self._memory = SharedMemory(buckets * _WAYS * _SLOT.size)
        self._salt = secrets.token_bytes(32)

    def remaining(self, caller: bytes) -> float:
        """Return for how many seconds a caller is still banned; 0 for one that is not."""
        name, bucket = self._place(caller)
        now = self._clock()
        with self._memory.locked() as view:
            for offset in bucket:
                found, count, until = _SLOT.unpack_from(view, offset)
                if found == name:
                    return float(max(until - now, 0)) if count >= self._limit else 0
        return 0

    def add(self, caller: bytes) -> float:
        """Count a wrong key.

        Args:
            caller: whose.

        Returns:
            For how many seconds the caller is banned now; 0 while there are tries left.
        """
        name, bucket = self._place(caller)
        now = self._clock()
        with self._memory.locked() as view:
            slots = {offset: _SLOT.unpack_from(view, offset) for offset in bucket}
            live = {offset: slot for offset, slot in slots.items() if slot[2] > now}
            offset = next((each for each, slot in live.items() if slot[0] == name), None)
            if offset is None:
                free = [each for each in bucket if each not in live]
                offset = free[0] if free else min(live, key=lambda each: (live[each][1] >= self._limit, live[each][2]))
                live.pop(offset, None)
            count = live[offset][1] + 1 if offset in live else 1
            _SLOT.pack_into(view, offset, name, count, now + self._seconds)
        return self._seconds if count >= self._limit else 0

    def forget(self, caller: bytes) -> None:
        """Forget a caller's wrong keys: the right one has come."""
        name, bucket = self._place(caller)
        with self._memory.locked() as view:
            for offset in bucket:
                if _SLOT.unpack_from(view, offset)[0] == name:
                    _SLOT.pack_into(view, offset, _EMPTY, 0, 0)

    def _place(self, caller: bytes) -> tuple[bytes, range]:
        """Return a caller's name in memory, and the offsets at which it may stand."""
        digest = hmac.digest(self._salt, caller, "sha256")
        start = int.from_bytes(digest[16:24], "little") % self._buckets * _WAYS * _SLOT.size
        return digest[:16], range(start, start + _WAYS * _SLOT.size, _SLOT.size)
