"""Strict marshmallow fields for mappings and lists; they judge the type before marshmallow looks inside."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from packy.config import rules
from packy.config.fields import StrictField
from packy.config.problems import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from marshmallow import Schema

__all__ = ["ByName", "ListOf", "Section", "Shorthand"]


class Section(StrictField, fields.Nested):
    """A mapping with a schema of its own; absent, it takes the schema's defaults.

    Args:
        nested: that schema.
        data_key: its key in the file; None for an item of a list.
    """

    wants = "a mapping"

    def __init__(self, nested: type[Schema], data_key: str | None = None) -> None:
        super().__init__(
            nested,
            data_key=data_key,
            load_default=lambda: nested().load({}),
            pre_load=self.unfold,
        )

    def unfold(self, value: object) -> object:
        """Return the mapping to load, or refuse what is none."""
        if not isinstance(value, dict):
            raise ValidationError([self.mismatch(value)])
        return value

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything else; the repair lists the keys."""
        keys = ", ".join(str(each.data_key) for each in self.schema.load_fields.values())
        return Finding(super().mismatch(value).problem, f"write indented lines `key: value` under it; its keys: {keys}")


class Shorthand(Section):
    """A section that may be written as one text, which is then the value of its chief key.

    Args:
        nested: the section's schema.
        chief: that key.
    """

    def __init__(self, nested: type[Schema], chief: str) -> None:
        super().__init__(nested)
        self.chief = chief

    def unfold(self, value: object) -> object:
        """Return the mapping that a text stands for; a number is one whose quotes are missing."""
        return super().unfold({self.chief: value} if isinstance(value, str | int | float) else value)


class ListOf(StrictField, fields.List[Any]):
    """A list; the model holds a tuple.

    Args:
        inner: the field of each item.
        data_key: its key in the file.
        attribute: name in the model, where it is not the field's own.
        become: what the model holds instead of a tuple.
    """

    wants = "a list"

    def __init__(
        self,
        inner: fields.Field[Any],
        data_key: str,
        become: Callable[[Iterable[Any]], object] = tuple,
        attribute: str | None = None,
    ) -> None:
        super().__init__(
            inner,
            data_key=data_key,
            attribute=attribute,
            load_default=lambda: become(()),
            pre_load=self._judge,
            post_load=become,
        )

    def _judge(self, value: object) -> object:
        if not isinstance(value, list):
            raise ValidationError([self.mismatch(value)])
        return value

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything else."""
        return Finding(super().mismatch(value).problem, "put `- ` in front of each item, one item a line")


class ByName(StrictField):
    """A mapping from free names to values of one kind; the model holds it read-only.

    Args:
        inner: the field of each value.
        data_key: its key in the file.
        line: what one line of it looks like, for the repair.
    """

    wants = "a mapping"

    def __init__(self, inner: fields.Field[Any], data_key: str, line: str) -> None:
        super().__init__(data_key=data_key, load_default=lambda: MappingProxyType({}), pre_load=self._load)
        self.inner = inner
        self._line = line

    def _load(self, value: object) -> MappingProxyType[str, object]:
        if not isinstance(value, dict):
            raise ValidationError([Finding(self.mismatch(value).problem, f"write it as indented lines `{self._line}`")])
        loaded: dict[str, object] = {}
        wrong: dict[str, object] = {}
        for name, each in value.items():
            finding = rules.model(name)
            try:
                loaded[name] = self.inner.deserialize(each)
            except ValidationError as error:
                wrong[name] = error.messages
            if finding:
                wrong[name] = [Finding(finding.problem, finding.fix, at_key=True)]
        if wrong:
            raise ValidationError(wrong)
        return MappingProxyType(loaded)
