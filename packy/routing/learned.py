"""Which parameters providers have turned out to refuse.

All workers of a host share it, for as long as what is configured about providers stays as it is: whoever changes that
may have changed what they take.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from packy.shared import SharedTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packy.config import Snapshot

__all__ = ["LearnedParameters", "snapshot_key"]

# Whose, in which snapshot, when (by the count of what was learned), and one bit for each parameter.
_ROW: Final = "=16s16sQQ"
_ROWS: Final = 64
_MOST_NAMES: Final = 64

_KEPT: Final = 4
_keys: dict[int, tuple[Snapshot, bytes]] = {}


class _Row(NamedTuple):
    provider: bytes
    snapshot: bytes
    learned_at: int
    names: int


class LearnedParameters:
    """Parameters by provider, in fixed memory: 64 providers, then the one that was learned of longest ago makes room.

    Make it before the fork. A process killed at any moment holds nobody up and leaves nothing half done. What has been
    learned is read without the lock, except for the first time in each process.

    Args:
        names: the parameters that can be learned, dotted where they are nested; at most 64.

    Raises:
        ValueError: there are more.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        if len(self._names) > _MOST_NAMES:
            raise ValueError(f"{len(self._names)} parameters to learn, and room for {_MOST_NAMES}")
        # Its number counts what has been learned; a process that has seen the count knows the rows.
        self._table = SharedTable("Q", _ROW, _ROWS)
        self._known: tuple[int, dict[bytes, tuple[bytes, frozenset[str]]]] = 0, {}

    def learn(self, provider_id: str, snapshot_key: bytes, name: str) -> bool:
        """Remember that a provider refuses a parameter; what it refused under another snapshot is forgotten.

        Args:
            provider_id: the provider's.
            snapshot_key: from `snapshot_key`, for the snapshot of the request that was refused.
            name: the parameter.

        Returns:
            Whether it was news: False for what is known, and for what is none of the names.
        """
        if name not in self._names:
            return False
        bit = 1 << self._names.index(name)
        provider, snapshot = _digest(provider_id.encode("utf-8", "surrogatepass")), _digest(snapshot_key)
        with self._table.locked():
            rows = [_Row(*row) if row else None for row in self._table]
            index = min(range(_ROWS), key=lambda each: _relevance(rows[each], provider))
            row = rows[index]
            known = row.names if row and (row.provider, row.snapshot) == (provider, snapshot) else 0
            if known & bit:
                return False
            # Before the row: whoever sees the new count waits for the lock, and then sees the row.
            self._table.number[0] += 1
            self._table[index] = _Row(provider, snapshot, self._table.number[0], known | bit)
        return True

    def of(self, provider_id: str, snapshot_key: bytes) -> frozenset[str]:
        """Return the parameters that a provider refuses."""
        count = self._table.number[0]
        if not count:
            return frozenset()
        if count != self._known[0]:
            self._known = self._read()
        known = self._known[1].get(_digest(provider_id.encode("utf-8", "surrogatepass")))
        return known[1] if known and known[0] == _digest(snapshot_key) else frozenset()

    def listed(self, provider_id: str, snapshot_key: bytes) -> tuple[str, ...]:
        """Return the same, in the order of the names."""
        refused = self.of(provider_id, snapshot_key)
        return tuple(name for name in self._names if name in refused)

    def _read(self) -> tuple[int, dict[bytes, tuple[bytes, frozenset[str]]]]:
        with self._table.locked():
            count = self._table.number[0]
            rows = [_Row(*row) for row in self._table if row]
        return count, {row.provider: (row.snapshot, self._read_names(row.names)) for row in rows}

    def _read_names(self, bits: int) -> frozenset[str]:
        return frozenset(name for place, name in enumerate(self._names) if bits >> place & 1)


def snapshot_key(snapshot: Snapshot) -> bytes:
    """Name what a snapshot says about providers: alike in all workers, other once any of it is configured otherwise.

    Returns:
        32 bytes, which hold no secret.
    """
    kept = _keys.get(id(snapshot))
    if kept:
        return kept[1]
    providers = [(each.id, each.requires_auth, each.models) for each in (*snapshot.providers, *snapshot.resting)]
    compatibility = snapshot.compatibility
    said = (providers, compatibility.system_prompt, sorted(compatibility.parameters))
    key = hashlib.sha256(repr(said).encode()).digest()
    while len(_keys) >= _KEPT:
        _keys.pop(next(iter(_keys)), None)
    _keys[id(snapshot)] = snapshot, key
    return key


def _relevance(row: _Row | None, provider: bytes) -> tuple[bool, int]:
    """Order rows: the provider's own, then empty ones, then by age."""
    return (row is None or row.provider != provider, row.learned_at if row else 0)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
