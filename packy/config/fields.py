"""Strict marshmallow fields: no value changes its type, and every refusal comes with its repair.

They raise `marshmallow.ValidationError` holding a list of `Finding`, which marshmallow nests by path like its own
texts. The type is judged in `validate` or, for containers, in `pre_load`; what the model holds is made in `post_load`.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict, Unpack, cast

from marshmallow import ValidationError, fields, missing

from packy.config import rules
from packy.config.problems import Finding, shown
from packy.config.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


__all__ = [
    "BaseUrl",
    "Choice",
    "Options",
    "Scalar",
    "SecretText",
    "StrictField",
    "Switch",
    "Text",
]

_KINDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


class Options(TypedDict, total=False):
    """What every scalar field may be given.

    Attributes:
        attribute: dotted name in the model, where it is not the field's own.
        default: the value that an absent key stands for.
        example: the value as one would write it in YAML, for the repairs; the default where not given.
        required: whether the key must be there.
    """

    attribute: str
    default: object
    example: str
    required: bool


class StrictField(fields.Field[Any]):
    """What all fields share: null and other types are refused, and repairs quote the line to write."""

    wants: ClassVar[str]
    example = ""

    @property
    def line(self) -> str:
        """The line to write, as in `port: 8317`; in a list only the value."""
        return f"`{self.data_key}: {self.example}`" if self.data_key else f"`{self.example}`"

    def make_error(self, key: str, **kwargs: object) -> ValidationError:
        """Return the error for a missing or null value; other errors are made by `refuse`."""
        del kwargs
        if key == "required":
            return ValidationError([Finding("is missing", f"add {self.line}")])
        fix = f"give it a value, as in {self.line}" if self.example else "indent under it what it is to hold"
        return ValidationError([Finding("is empty", f"{fix}, or remove the line")])

    def mismatch(self, value: object) -> Finding:
        """Return the finding for a value of another type."""
        kind = _KINDS.get(type(value), "something else")
        return Finding(f"must be {self.wants}, not {kind}", f"write {self.line}")


class Scalar(StrictField):
    """A single value. Unless it is a secret, problems show it.

    Args:
        data_key: its key in the file; None for an item of a list.
        options: see `Options`.
    """

    types: ClassVar[tuple[type, ...]]

    def __init__(self, data_key: str | None = None, **options: Unpack[Options]) -> None:
        default = options.get("default", missing)
        super().__init__(
            data_key=data_key,
            attribute=options.get("attribute"),
            load_default=default,
            required=options.get("required", False),
            allow_none=False,  # marshmallow allows null where the default is None
            validate=self._judge,
            post_load=self.convert,
        )
        self.example = options.get("example") or (
            default if isinstance(default, str) else json.dumps(default, default=str)
        )

    def deserialize(
        self, value: object, attr: str | None = None, data: Mapping[str, object] | None = None, **kwargs: object
    ) -> object:
        """Load one value; findings show it where they may."""
        try:
            return super().deserialize(value, attr, data, **kwargs)
        except ValidationError as error:
            found = cast("list[Finding]", error.messages)
        raise ValidationError([replace(each, value=self.show(value)) for each in found])

    def _judge(self, value: object) -> None:
        if finding := self.check(value) if type(value) in self.types else self.mismatch(value):
            raise ValidationError([finding])

    def check(self, value: Any) -> Finding | None:  # noqa: ANN401 - narrowed by each subclass to its `types`
        """Return what is wrong with a value of one of `types`; nothing, as long as no subclass knows better."""
        del value
        return None

    def convert(self, value: Any) -> object:  # noqa: ANN401 - narrowed by each subclass to its `types`
        """Return what the model holds."""
        return value

    def show(self, value: object) -> str:
        """Return the value as problems may show it; empty for not at all."""
        return shown(value)


class Switch(Scalar):
    """A boolean."""

    types = (bool,)
    wants = "true or false"

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything else, `yes` and 1 included."""
        del value
        return Finding(f"must be {self.wants}", f"write `{self.data_key}: true` or `{self.data_key}: false`")


class Text(Scalar):
    """Text that is not empty.

    Args:
        data_key: its key in the file; None for an item of a list.
        rule: what else it must be.
        options: see `Options`.
    """

    types = (str,)
    wants = "text"

    def __init__(
        self,
        data_key: str | None = None,
        rule: Callable[[str], Finding | None] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(data_key, **options)
        self.rule = rule

    def check(self, value: str) -> Finding | None:
        """Refuse empty text, then ask the rule."""
        if not value:
            return Finding("is empty", f"give it a value, as in {self.line}, or remove the line")
        return self.rule(value) if self.rule else None

    def mismatch(self, value: object) -> Finding:
        """Return the finding for another type; a number or boolean only lacks its quotes."""
        finding = super().mismatch(value)
        quotable = isinstance(value, int | float) and not self.check(str(value))
        return replace(finding, fix="put the value in quotes") if quotable else finding


class BaseUrl(Text):
    """The URL in front of `/responses`; shown only if no secret can be in it."""

    def __init__(self, data_key: str, **options: Unpack[Options]) -> None:
        options.setdefault("example", rules.PUBLIC_BASE_URL)
        super().__init__(data_key, rules.base_url, **options)

    def show(self, value: object) -> str:
        """Return the URL without anything that may be secret."""
        return rules.shown_url(value)


class SecretText(Text):
    """A key. Never shown, and dumped as its mask."""

    def convert(self, value: str) -> Secret:
        """Wrap it."""
        return Secret(value)

    def show(self, value: object) -> str:
        """Return nothing, whatever the value is."""
        del value
        return ""

    def _serialize(self, value: object, attr: str | None, obj: object, **kwargs: object) -> str | None:
        del attr, obj, kwargs
        return value.masked if isinstance(value, Secret) else None


class Choice(Scalar):
    """One of a few words.

    Args:
        data_key: its key in the file; None for an item of a list.
        choices: the words.
        options: see `Options`.
    """

    types = (str,)

    def __init__(self, data_key: str | None, choices: Iterable[str], **options: Unpack[Options]) -> None:
        self.choices = tuple(choices)
        options.setdefault("example", self.choices[0])
        super().__init__(data_key, **options)

    def check(self, value: str) -> Finding | None:
        """Refuse any other word."""
        return None if value in self.choices else self.mismatch(value)

    def mismatch(self, value: object) -> Finding:
        """Return the finding for anything else; the repair names the nearest word."""
        near = difflib.get_close_matches(str(value).lower(), self.choices, n=1)
        word = near[0] if near else self.example
        what = f"one of {', '.join(self.choices)}" if len(self.choices) > 1 else self.choices[0]
        return Finding(f"must be {what}", f"write `{self.data_key}: {word}`" if self.data_key else f"write `{word}`")
