"""The fields of the settings form, taken from the contract of the management API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from packy.config.contract import packycode_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Field", "form_fields"]

# The switch on the page is for the first; the others cannot be set.
_ELSEWHERE: Final = frozenset({"enabled", "effective-source", "effective-sources"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form.

    Attributes:
        name: dotted, as in the `details` of a refusal.
        kind: what to show it with; `password` for what must not be read over a shoulder.
        choices: what a `choice` is between.
    """

    name: str
    kind: Literal["text", "url", "password", "switch", "choice"]
    choices: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its id in the page."""
        return f"field-{self.name.replace('.', '-')}"


def form_fields() -> tuple[Field, ...]:
    """Give the fields of the packycode block that the form has, in the order of the contract."""
    return tuple(_fields(packycode_schema("read"), ""))


def _fields(schema: dict[str, Any], prefix: str) -> Iterator[Field]:
    for key, prop in schema["properties"].items():
        name = f"{prefix}{key}"
        if name in _ELSEWHERE:
            continue
        if "properties" in prop:
            yield from _fields(prop, f"{name}.")
        elif prop["type"] == "boolean":
            yield Field(name, "switch")
        elif "enum" in prop:
            yield Field(name, "choice", tuple(prop["enum"]))
        else:
            formats: dict[str, Literal["url", "password"]] = {"uri": "url", "password": "password"}
            yield Field(name, formats.get(prop.get("format", ""), "text"))
