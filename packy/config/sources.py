"""Merges the sources of the packycode block by field: config.yaml, then the environment, then the Codex CLI's files."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, get_args

from packy.config.containers import Section
from packy.config.model import SourceName
from packy.config.problems import dotted
from packy.config.rules import PUBLIC_BASE_URL
from packy.config.schema import PackycodeSchema
from packy.config.supplied import BLOCK, Supplied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from marshmallow import Schema

    from packy.config.codex import CodexLayer
    from packy.config.problems import FieldPath, Problem
    from packy.config.supplied import Issue, Layer

__all__ = ["Merged", "merge"]

_ENABLED: Final = ("enabled",)
_URL: Final = ("base-url",)
_KEY: Final = ("credentials", "openai-api-key")
_AUTH: Final = "requires-openai-auth"


def _leaves(schema: Schema, above: FieldPath = ()) -> Iterator[FieldPath]:
    for each in schema.load_fields.values():
        path = (*above, str(each.data_key))
        if isinstance(each, Section):
            yield from _leaves(each.schema, path)
        else:
            yield path


_LEAVES: Final = tuple(_leaves(PackycodeSchema()))


@dataclass(slots=True)
class Merged:
    """The block as the schema will judge it.

    Attributes:
        block: plain data, with everything that a source supplies.
        sources: source of each supplied field, by its dotted name in the block.
        enabler: where the value that switches the block on or off stands, if not in config.yaml.
        problems: what is wrong with needed values below config.yaml.
        excused: the fields that these problems kept from being supplied.
        warnings: what is wrong with those that are not needed.
    """

    block: object = field(repr=False)
    sources: Mapping[str, SourceName] = field(default_factory=lambda: MappingProxyType({}))
    enabler: str = ""
    problems: list[Problem] = field(default_factory=list)
    excused: set[str] = field(default_factory=set)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def highest(self) -> SourceName | None:
        """The highest source that supplies any field."""
        return next((name for name in get_args(SourceName) if name in self.sources.values()), None)

    def note(self, issue: Issue, *, needed: bool) -> None:
        """Sort an issue in."""
        (self.problems if needed else self.warnings).append(issue.problem)
        if needed:
            self.excused |= {dotted((BLOCK, *path)) for path in ([issue.path] if issue.path else [_URL, _KEY])}


def merge(file: Mapping[str, object], environment: Layer, codex: CodexLayer) -> Merged:
    """Merge the three sources.

    Args:
        file: config.yaml as data. Where it has no `packycode`, a key in the environment or a packycode provider in the
            Codex CLI's files enables the block, and the base URL has a default.
        environment: what the environment supplies; changed by the call.
        codex: what the Codex CLI's files supply; changed by the call.
    """
    written = file.get(BLOCK, {})
    if BLOCK not in file:
        _enable(environment, codex)
    environment.sift()
    codex.sift()
    if not isinstance(written, dict):
        return Merged(written)
    block = copy.deepcopy(written)
    sources: dict[str, SourceName] = {dotted(path): "config.yaml" for path in _LEAVES if _occupied(block, path)}
    enabler = ""
    for layer in (environment, codex):
        for path in (path for path in _LEAVES if path in layer.fields and not _occupied(block, path)):
            _put(block, path, layer.fields[path].value)
            sources[dotted(path)] = layer.source
            if path == _ENABLED:
                enabler = layer.fields[path].place
    by_environment = "env" in {sources.get("enabled"), sources.get(dotted(_KEY))}
    if BLOCK not in file and by_environment and block.get("enabled") and not _occupied(block, _URL):
        _put(block, _URL, PUBLIC_BASE_URL)
    merged = Merged(block, MappingProxyType(sources), enabler)
    for issue in environment.issues:
        if issue.path == ():
            needed = _needed((), block, environment, written=BLOCK in file)
        else:
            needed = not _occupied(written, issue.path) and (issue.path == _ENABLED or _wanted(block, environment))
        merged.note(issue, needed=needed)
    for issue in codex.issues:
        needed = not issue.harmless and _needed(issue.path, block, environment, written=BLOCK in file)
        merged.note(issue, needed=needed)
    return merged


def _enable(environment: Layer, codex: CodexLayer) -> None:
    if _ENABLED not in environment.fields and (key := environment.fields.get(_KEY)):
        environment.fields[_ENABLED] = Supplied(value=True, place=key.place, fix=key.fix)
    if codex.recognised:
        codex.fields[_ENABLED] = Supplied(value=True, place=str(codex.files[0]), fix="")


def _wanted(block: dict[str, object], environment: Layer) -> bool:
    """Whether the block is enabled, or would be if the word for it were right."""
    return block.get("enabled", False) is not False or any(issue.path == _ENABLED for issue in environment.issues)


def _needed(path: FieldPath, block: dict[str, object], environment: Layer, *, written: bool) -> bool:
    """Whether a source below config.yaml is what a field, or the whole block, depends on."""
    keyless = block.get(_AUTH) is not False and not _occupied(block, _KEY)
    if path == ():
        undecided = not written and "enabled" not in block
        return undecided or (_wanted(block, environment) and (keyless or not _occupied(block, _URL)))
    return _wanted(block, environment) and (keyless if path == _KEY else not _occupied(block, path))


def _occupied(block: object, path: FieldPath) -> bool:
    """Whether a block says anything at a path, be it the wrong thing."""
    for key in path:
        if not isinstance(block, dict):
            return True
        if key not in block:
            return False
        block = block[key]
    return True


def _put(block: dict[str, object], path: FieldPath, value: object) -> None:
    for key in path[:-1]:
        block = block.setdefault(str(key), {})  # type: ignore[assignment]
    block[str(path[-1])] = value
