"""The table of docs/configuration.md, from the schemas: `python -m packy.config.reference docs/configuration.md`.

A test compares the table in the page with this one, so neither can change alone.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marshmallow import missing

from packy.config.containers import ByName, ListOf, Section, Shorthand
from packy.config.fields import Choice, Scalar, SecretText
from packy.config.schema import ConfigSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marshmallow import Schema, fields

__all__ = ["config_keys", "reference_table", "update_page"]

_BEGIN = "<!-- generated: python -m packy.config.reference docs/configuration.md -->"
_END = "<!-- end of the generated part -->"
_HEAD = "| key | value | default |\n|---|---|---|"


def config_keys() -> Iterator[tuple[str, fields.Field[Any]]]:
    """Yield every key that config.yaml may hold.

    Yields:
        Its dotted name and its schema field: `packycode.base-url`; `[]` stands for each item of a list, `*` for names
        that are free.
    """
    yield from _walk(ConfigSchema(), "")


def reference_table() -> str:
    """Give the table, in Markdown, one row a key."""
    rows = [f"| `{name}` | {_value(field)} | {_default(field)} |" for name, field in config_keys()]
    return "\n".join([_HEAD, *rows])


def update_page(text: str) -> str:
    """Put the table into a page, between its marks.

    Args:
        text: the page.

    Returns:
        The page with the table as it is now.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page needs the two lines {_BEGIN} and {_END}")
    return f"{before}{_BEGIN}\n\n{reference_table()}\n\n{_END}{after}"


def _walk(schema: Schema, above: str) -> Iterator[tuple[str, fields.Field[Any]]]:
    for each in schema.load_fields.values():
        name = f"{above}{each.data_key}"
        inner: object = each
        if isinstance(each, ListOf):
            name, inner = f"{name}[]", each.inner
        elif isinstance(each, ByName):
            name, inner = f"{name}.*", each.inner
        if not isinstance(inner, Section):
            yield name, inner if isinstance(each, ByName) and isinstance(inner, Scalar) else each
            continue
        if isinstance(inner, Shorthand):
            yield name, inner
        yield from _walk(inner.schema, f"{name}.")


def _value(field: fields.Field[Any]) -> str:
    if isinstance(field, Shorthand):
        return f"a mapping, or only its `{field.chief}`"
    if isinstance(field, ListOf):
        return f"a list; {_value(field.inner)}"
    if isinstance(field, Choice):
        return " · ".join(f"`{word}`" for word in field.choices)
    if isinstance(field, SecretText):
        return "text; secret"
    if isinstance(field, Scalar):
        # The refusal of another type says what is wanted.
        said = re.sub(r"^must be |, not something else$", "", field.mismatch(None).problem)
        return said.replace("|", "\\|")
    return type(field).__name__.lower()


def _default(field: fields.Field[Any]) -> str:
    if field.required:
        return "required"
    default = field.load_default
    if isinstance(field, ListOf):
        return "none"
    if isinstance(field, Shorthand) or default is None or default is missing:
        return ""
    shown = field.example if callable(default) and isinstance(field, Scalar) else default
    if isinstance(shown, bool):
        return f"`{str(shown).lower()}`"
    if isinstance(shown, float):
        return f"`{shown:g}`"
    return f"`{shown}`"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(update_page(page.read_text()))
