"""What may not occur twice in config.yaml: keys, and the names that logs and metrics tell things apart by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packy.config.problems import Finding

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

__all__ = ["client_label", "provider_name", "repetitions"]


def client_label(index: int) -> str:
    """Return the label of a client key that has none of its own."""
    return f"key-{index + 1}"


def provider_name(index: int) -> str:
    """Return the name of a `codex-api-key` entry that has none of its own."""
    return f"codex-{index + 1}"


def repetitions(raw: Mapping[str, object]) -> dict[str, object]:
    """Find what occurs twice.

    Args:
        raw: config.yaml as data, not yet judged: whatever has the wrong type is passed over.

    Returns:
        Findings nested as marshmallow nests them: section, position, key.
    """
    wrong: dict[str, object] = {}
    for section, marks in (("client-keys", _client), ("codex-api-key", _provider)):
        items = raw.get(section)
        first: dict[Hashable, int] = {}
        found: dict[int, dict[str, list[Finding]]] = {}
        for index, item in enumerate(items if isinstance(items, list) else ()):
            for key, what, value in marks(index, item):
                if first.setdefault((key, value), index) != index:
                    finding = Finding(
                        f"is the same {what} as that of {section}[{first[key, value]}]",
                        "change or remove one of the two",
                    )
                    found.setdefault(index, {}).setdefault(key, []).append(finding)
        if found:
            wrong[section] = found
    return wrong


def _client(index: int, item: object) -> Iterator[tuple[str, str, str]]:
    """Yield key, description and value of what tells client keys apart."""
    entry = item if isinstance(item, dict) else {"key": item}
    label, key = entry.get("label", client_label(index)), entry.get("key")
    if isinstance(label, str):
        yield "label", "label", label
    if isinstance(key, str):
        yield "key", "key", key


def _provider(index: int, item: object) -> Iterator[tuple[str, str, str]]:
    """Yield key, description and value of what tells providers apart."""
    if not isinstance(item, dict):
        return
    name, key, url = item.get("name", provider_name(index)), item.get("api-key"), item.get("base-url")
    if isinstance(name, str):
        yield "name", "name", name
    if isinstance(key, str) and isinstance(url, str):
        yield "api-key", "key for the same base-url", f"{url.rstrip('/')}\0{key}"
