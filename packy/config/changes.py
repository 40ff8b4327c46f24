"""What has changed from one snapshot to the next, field by field, without a secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from packy.config.model import Alias, ClientKeys, CodexApiKey
from packy.config.secret import Secret
from packy.config.sections import Price

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.config.model import Snapshot

__all__ = ["client_counts", "describe_changes"]

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
    return [
        change
        for each in fields(before)
        if each.name not in _DERIVED
        for change in _compare(_name(each.name), *(_part(snapshot, each.name) for snapshot in (before, after)))
    ]


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


def _part(snapshot: Snapshot, attribute: str) -> object:
    if attribute != "aliases":
        return getattr(snapshot, attribute)
    # An alias for the default model moves with it, which is no change of its own.
    usual = snapshot.packycode.defaults.model
    return tuple(replace(each, model="the default model") if each.model == usual else each for each in snapshot.aliases)


def _name(attribute: str) -> str:
    """The file's own name of a field of the snapshot."""
    return {"codex_api_keys": "codex-api-key", "server": ""}.get(attribute, attribute.replace("_", "-"))


def _compare(name: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a snapshot holds
    if old == new:
        return
    if isinstance(old, ClientKeys) and isinstance(new, ClientKeys):
        yield from _compare_entries(name, {k.label: k for k in old.entries}, {k.label: k for k in new.entries})
    elif _entries(old, CodexApiKey) or _entries(new, CodexApiKey):
        yield from _compare_entries(name, {k.name: k for k in old}, {k.name: k for k in new})
    elif _entries(old, Alias) or _entries(new, Alias):
        yield from _compare_entries(name, {k.pattern: k for k in old}, {k.pattern: k for k in new})
    elif type(old) is type(new) and is_dataclass(old):
        for each in fields(old):
            if not each.name.startswith("effective_"):
                part = f"{name}.{_name(each.name)}" if name else _name(each.name)
                yield from _compare(part, getattr(old, each.name), getattr(new, each.name))
    elif isinstance(old, Secret) or isinstance(new, Secret):
        yield f"{name}: updated"
    else:
        later = " (from the next start on)" if name in _AT_START else ""
        yield f"{name}: {_show(old)} -> {_show(new)}{later}"


def _entries(value: object, kind: type) -> bool:
    return isinstance(value, tuple) and any(isinstance(each, kind) for each in value)


def _compare_entries(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for label in [*old, *(each for each in new if each not in old)]:
        entry = f"{name}.{label}"
        if label not in new:
            yield f"{entry}: removed"
        elif label not in old:
            yield f"{entry}: added"
        elif isinstance(new[label], CodexApiKey | Alias):
            yield from _compare(entry, old[label], new[label])
        elif old[label] != new[label]:
            yield f"{entry}: updated"
    before, after = ([label for label in each if _ordered(label, each[label])] for each in (old, new))
    if before != after and set(before) == set(after):
        yield f"{name}: {_show(tuple(before))} -> {_show(tuple(after))}"


def _ordered(label: str, entry: object) -> bool:
    """Whether the place of an entry among the others matters."""
    return isinstance(entry, CodexApiKey) or (isinstance(entry, Alias) and "*" in label)


def _show(value: object) -> str:
    """Write a value as it is written in the file."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{Decimal(str(value)):f}".removesuffix(".0")
    if isinstance(value, Price):
        value = {_name(each.name): getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_show(each)}' for name, each in value.items())}}}"
    if isinstance(value, tuple | frozenset):
        shown = [_show(each) for each in value]
        return f"[{', '.join(sorted(shown) if isinstance(value, frozenset) else shown)}]"
    return str(value)
