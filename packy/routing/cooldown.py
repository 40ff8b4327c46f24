"""Which models of which providers are left alone for a while, because they have just failed.

All workers of a host share it: what one has found out, the others need not find out again. A cooldown that has run out
is half open: one caller alone asks as a probe, and all others wait for what comes of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from packy.shared import SharedTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["OPEN", "PROBE", "Admission", "Cooldowns"]

# What, whose, failures in a row, until when, until when a probe has time; the last two by the clock. The model's name,
# which `struct` cuts to its room.
_ROW: Final = "=16s8sQdd64s"
_WAYS: Final = 8

_LONGEST: Final = 600.0  # seconds, unless the upstream asks for more
_LONGEST_ASKED: Final = 3600.0
_TIMES_BASE: Final = 10
_MOST_DOUBLINGS: Final = 10
_FORGOTTEN: Final = 600.0  # seconds after its end for which nobody asked
_VERDICT: Final = 1.0  # seconds in which a probe is likely to end


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request may go to a provider.

    Attributes:
        state: `open`: there is no cooldown. `probe`: it has run out, and this caller alone is let through to see; the
            caller must tell how it went, by `succeeded`, `failed` or `abandoned`. `cooling`: better not.
        seconds: how long it is still cooling; 0 otherwise.
    """

    state: Literal["open", "probe", "cooling"]
    seconds: float = 0.0


OPEN: Final = Admission("open")
PROBE: Final = Admission("probe")


class _Row(NamedTuple):
    key: bytes
    provider: bytes
    failures: int
    until: float
    lease: float
    name: bytes


class Cooldowns:
    """Cooldowns by provider and upstream model, in fixed memory.

    Make it before the fork. Eight to a bucket; where a bucket is full, the cooldown that ends first makes room. A
    process killed at any moment holds nobody up: the lock ends with it, a half-written row is an empty one, and a probe
    that it leaves behind ends by itself. `admit` and `succeeded` take no lock where there is no cooldown.

    Args:
        buckets: how much to remember; 8 cooldowns a bucket, 120 bytes each.
        lease: seconds that a probe has; then another is let through.
        clock: gives seconds, the same in all processes.
    """

    def __init__(self, buckets: int = 32, *, lease: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = buckets
        self._lease = lease
        self._clock = clock
        # Its number: when the last of the rows is forgotten. Never less than that, whatever is killed when.
        self._table = SharedTable("d", _ROW, buckets * _WAYS)

    def admit(self, provider_id: str, model: str) -> Admission:
        """Tell whether a request may go to a provider; a probe is given to one caller at a time.

        Returns:
            OPEN, PROBE, or an Admission of state `cooling`.
        """
        now = self._clock()
        if self._table.number[0] <= now:
            return OPEN
        bucket, key = self._seek(provider_id, model)
        if self._table.search(key, bucket) is None:
            return OPEN
        with self._table.locked():
            index, row = self._find(bucket, key, now)
            if row is None:
                return OPEN
            if row.until > now:
                return Admission("cooling", row.until - now)
            if row.lease > now:
                return Admission("cooling", min(row.lease - now, _VERDICT))
            self._table[index] = row._replace(lease=now + self._lease)
        return PROBE

    def failed(self, provider_id: str, model: str, *, base: float, retry_after: float | None = None) -> None:
        """Start a cooldown, or extend it.

        Requests that were on their way when it began, and fail as well, do not count as further failures in a row.

        Args:
            provider_id: of the provider that failed.
            model: the upstream model that was asked for.
            base: seconds for the first failure, doubled with each in a row up to ten times as much, never more than
                600; 0 for no cooldowns at all.
            retry_after: seconds that the upstream asked for, instead; an hour at most.
        """
        if not base > 0:
            return
        now = self._clock()
        bucket, key = self._seek(provider_id, model)
        asked = min(retry_after, _LONGEST_ASKED) if retry_after is not None and retry_after >= 0 else None
        with self._table.locked():
            index, row = self._find(bucket, key, now)
            failures, until = (row.failures, row.until) if row else (0, now)
            if until <= now:
                failures += 1
                doubled = base * 2 ** min(failures - 1, _MOST_DOUBLINGS)
                until = now + (min(doubled, base * _TIMES_BASE, _LONGEST) if asked is None else asked)
            elif asked is not None:
                until = max(until, now + asked)
            # Before the row: a row that counts must never be past the number.
            self._table.number[0] = max(self._table.number[0], until + _FORGOTTEN)
            self._table[index] = _Row(key, _name(provider_id), failures, until, 0.0, model.encode("utf-8", "replace"))

    def succeeded(self, provider_id: str, model: str) -> None:
        """End a cooldown, and forget its failures: the provider works, whoever found out."""
        now = self._clock()
        if self._table.number[0] <= now:
            return
        bucket, key = self._seek(provider_id, model)
        if self._table.search(key, bucket) is None:
            return
        with self._table.locked():
            index, row = self._find(bucket, key, now)
            if row is not None:
                self._table[index] = None
                self._table.number[0] = max((each.until + _FORGOTTEN for each in self._rows()), default=0.0)

    def abandoned(self, provider_id: str, model: str) -> None:
        """Take back a probe that ended without telling anything, as when the client hangs up; another may probe."""
        bucket, key = self._seek(provider_id, model)
        with self._table.locked():
            index, row = self._find(bucket, key, self._clock())
            if row is not None:
                self._table[index] = row._replace(lease=0.0)

    def listed(self, provider_id: str) -> list[tuple[str, float]]:
        """List a provider's models that are cooling: the name, cut after 64 bytes, and the seconds left; by name."""
        name, now = _name(provider_id), self._clock()
        return sorted(
            (row.name.rstrip(b"\0").decode("utf-8", "ignore"), row.until - now)
            for row in self._cooling(now)
            if row.provider == name
        )

    def active(self) -> int:
        """Count all that are cooling."""
        return len(self._cooling(self._clock()))

    def _cooling(self, now: float) -> list[_Row]:
        if self._table.number[0] <= now:
            return []
        with self._table.locked():
            return [row for row in self._rows() if row.until > now]

    def _rows(self) -> Iterator[_Row]:
        return (_Row(*row) for row in self._table if row is not None)

    def _seek(self, provider_id: str, model: str) -> tuple[range, bytes]:
        """Return among which rows a cooldown is, and what its row begins with."""
        key = blake2b(f"{provider_id}\0{model}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        start = int.from_bytes(key[:8], "little") % self._buckets * _WAYS
        return range(start, start + _WAYS), key

    def _find(self, bucket: range, key: bytes, now: float) -> tuple[int, _Row | None]:
        """Return where a cooldown is and what it is; where it could be and None if there is none, or not any more."""
        index = self._table.search(key, bucket)
        if index is None:
            return min(bucket, key=lambda each: row.until if (row := self._row(each)) else 0.0), None
        row = self._row(index)
        return index, row if row and row.until + _FORGOTTEN > now else None

    def _row(self, index: int) -> _Row | None:
        return _Row(*row) if (row := self._table[index]) else None


def _name(provider_id: str) -> bytes:
    return blake2b(provider_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
