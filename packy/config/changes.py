"""What has changed from one snapshot to the next, field by field, without a secret in it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from packy.config.model import ClientKeys, CodexApiKey
from packy.config.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.config.model import Snapshot

__all__ = ["changed_fields", "client_counts", "describe_changes"]

# What a process takes up once, when it starts.
_AT_START = {"host", "port", "workers", "logging.format", "logging.level"}
# Derived from the rest, or about where it came from: no change of their own.
_DERIVED = {"providers", "resting", "sources", "warnings"}


def describe_changes(before: Snapshot, after: Snapshot) -> list[str]:
    """Summarise what has changed.

    Args:
        before: the snapshot until now.
        after: the snapshot from now on.

    Returns:
        `packycode.base-url: a -> b` for each field, in the order of the file; `packycode.credentials.openai-api-key:
        updated` where a secret is concerned; `codex-api-key.NAME: added` or `removed` for entries of lists.
    """
    return [text or f"{name}: updated" for name, text in _changes(before, after)]


def changed_fields(before: Snapshot, after: Snapshot) -> list[str]:
    """Name the fields that have changed, without their values: for the audit log."""
    return [name for name, _ in _changes(before, after)]


def client_counts(snapshot: Snapshot) -> dict[str, int]:
    """Count the upstream clients by kind.

    Args:
        snapshot: the snapshot in force.

    Returns:
        `packycode` and `codex_api_key`: how many are in use; `resting`: how many Packycode has put to rest.
    """
    kinds = [provider.kind for provider in snapshot.providers]
    return {
        "packycode": kinds.count("packycode"),
        "codex_api_key": kinds.count("codex-api-key"),
        "resting": len(snapshot.resting),
    }


def _changes(before: Snapshot, after: Snapshot) -> list[tuple[str, str]]:
    return [
        change
        for each in fields(before)
        if each.name not in _DERIVED
        for change in _compare(_name(each.name), getattr(before, each.name), getattr(after, each.name))
    ]


def _name(attribute: str) -> str:
    """The file's own name of a field of the snapshot."""
    return {"codex_api_keys": "codex-api-key", "server": ""}.get(attribute, attribute.replace("_", "-"))


def _compare(name: str, old: Any, new: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - whatever a snapshot holds
    if old == new:
        return
    if isinstance(old, ClientKeys) and isinstance(new, ClientKeys):
        yield from _compare_entries(name, {k.label: k for k in old.entries}, {k.label: k for k in new.entries})
    elif _entries(old) or _entries(new):
        yield from _compare_entries(name, {k.name: k for k in old}, {k.name: k for k in new})
    elif type(old) is type(new) and is_dataclass(old):
        for each in fields(old):
            if not each.name.startswith("effective_"):
                part = f"{name}.{_name(each.name)}" if name else _name(each.name)
                yield from _compare(part, getattr(old, each.name), getattr(new, each.name))
    elif isinstance(old, Secret) or isinstance(new, Secret):
        yield name, ""
    else:
        later = " (from the next start on)" if name in _AT_START else ""
        yield name, f"{name}: {_show(old)} -> {_show(new)}{later}"


def _entries(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(each, CodexApiKey) for each in value)


def _compare_entries(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for label in [*old, *(each for each in new if each not in old)]:
        entry = f"{name}.{label}"
        if label not in new:
            yield entry, f"{entry}: removed"
        elif label not in old:
            yield entry, f"{entry}: added"
        elif isinstance(new[label], CodexApiKey):
            yield from _compare(entry, old[label], new[label])
        elif old[label] != new[label]:
            yield entry, ""


def _show(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | frozenset):
        shown = [each.pattern if hasattr(each, "pattern") else str(each) for each in value]
        return f"[{', '.join(sorted(shown) if isinstance(value, frozenset) else shown)}]"
    return str(value)
