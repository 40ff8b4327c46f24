"""Every field of the configuration as it is in force, and where it comes from. The schemas say which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from packy.config import BEFORE_FILE, ConfigSchema, Secret
from packy.config.containers import Section
from packy.config.document import Unreadable, read_document
from packy.config.quantities import Seconds, Size
from packy.config.schema import CodexApiKeySchema
from packy.inspection.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marshmallow import Schema
    from marshmallow.fields import Field

    from packy.config import Alias, Snapshot

__all__ = ["EffectiveField", "effective_fields"]

Value: TypeAlias = bool | int | float | str | list[str] | None

_NONE: Final = "-"
_BLOCK: Final = "packycode."
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


@dataclass(frozen=True, slots=True)
class EffectiveField:
    """One field.

    Attributes:
        field: its dotted path, as in `packycode.defaults.model`; entries of lists go by their names.
        value: as JSON has it; a secret is masked, sizes are bytes, durations seconds, None is nothing at all.
        text: the value as people read it.
        source: `config.yaml`, `environment variable NAME`, `NAME in .env`, `codex-cli` or `default`.
    """

    field: str
    value: Value
    text: str
    source: str


def effective_fields(snapshot: Snapshot, environ: Mapping[str, str]) -> list[EffectiveField]:
    """List all fields, in the order of the schema.

    Args:
        snapshot: the configuration.
        environ: for the variables that go before host, port and workers.
    """
    return list(_Listing(snapshot, environ).section(ConfigSchema(), snapshot, _written(snapshot), ""))


def _written(snapshot: Snapshot) -> object:
    """Read what config.yaml itself says, as the snapshot does not keep it."""
    path = snapshot.sources.config_file
    try:
        document = read_document(path) if path else None
    except Unreadable:
        document = None  # it has just been read; what has become of it meanwhile is no matter of the snapshot
    return document.root if document else {}


@dataclass(frozen=True, slots=True)
class _Listing:
    snapshot: Snapshot
    environ: Mapping[str, str]

    def section(self, schema: Schema, model: object, written: object, above: str) -> Iterator[EffectiveField]:
        """List a section.

        Args:
            schema: the section's.
            model: its object in the snapshot.
            written: what config.yaml says of it, if anything.
            above: what its fields' paths begin with.
        """
        for each in schema.load_fields.values():
            key = str(each.data_key)
            said = written.get(key) if isinstance(written, dict) else None
            value = attrgetter(each.attribute or str(each.name))(model)
            match key:
                case "client-keys" if value.entries:
                    for entry in value.entries:
                        yield EffectiveField(f"{key}.{entry.label}", Secret.MASK, Secret.MASK, "config.yaml")
                case "client-keys":
                    yield EffectiveField(key, [], "none: whoever can connect is let in", "default")
                case "codex-api-key" if value:
                    for entry, item in zip(value, said if isinstance(said, list) else [], strict=False):
                        yield from self.section(
                            CodexApiKeySchema(exclude=["name"]), entry, item, f"{key}.{entry.name}."
                        )
                case "aliases":
                    yield from (self.alias(alias, said) for alias in value)
                case _ if isinstance(each, Section):
                    yield from self.section(each.schema, value, said, f"{above}{key}.")
                case _:
                    yield self.leaf(each, f"{above}{key}", value, present=said is not None)

    def leaf(self, each: Field[Any], field: str, value: object, *, present: bool) -> EffectiveField:
        """List a single field."""
        variable = BEFORE_FILE.get(field, "")
        if given := self.environ.get(variable):
            number = isinstance(value, int) and given.isdecimal()
            return EffectiveField(field, int(given) if number else given, given, f"environment variable {variable}")
        plain = _plain(value)
        return EffectiveField(field, plain, _text(each, plain), self.source(field, present=present))

    def source(self, field: str, *, present: bool) -> str:
        """Name where a field comes from."""
        if not field.startswith(_BLOCK):
            return "config.yaml" if present else "default"
        inner = field.removeprefix(_BLOCK)
        found = self.snapshot.packycode.effective_sources.get(inner, "default")
        if found != "env":
            return found
        place = place_of(self.snapshot, tuple(inner.split(".")), self.environ) or "environment"
        return place.replace(str(self.snapshot.sources.env_file), ".env")

    def alias(self, alias: Alias, said: object) -> EffectiveField:
        """List an alias: `MODEL`, or `MODEL(EFFORT)` as callers write it."""
        target = f"{alias.model}({alias.effort})" if alias.effort else alias.model
        source = "config.yaml" if isinstance(said, dict) and alias.pattern in said else "default"
        return EffectiveField(f"aliases.{alias.pattern}", target, target, source)


def _plain(value: object) -> Value:
    if isinstance(value, Mapping):
        return [f"{name}: {each}" for name, each in value.items()]
    if isinstance(value, tuple | frozenset):
        items = [str(item) for item in value]
        return sorted(items) if isinstance(value, frozenset) else items
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)  # a Secret's text is its mask


def _text(each: Field[Any], value: Value) -> str:
    if isinstance(each, Seconds):
        return f"{value:g} s"
    if isinstance(each, Size) and isinstance(value, int):
        unit, size = next(((unit, size) for unit, size in _UNITS if value % size == 0), ("B", 1))
        return f"{value // size}{unit}"
    if isinstance(value, list):
        return ", ".join(value) or _NONE
    if isinstance(value, bool):
        return str(value).lower()
    return _NONE if value is None else str(value)
