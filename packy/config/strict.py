"""What all schemas of config.yaml share."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from marshmallow import RAISE, Schema, post_load

from packy.config.problems import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import ValidationError

__all__ = ["StrictSchema"]

_UNKNOWN: Final = Finding("is not a known key", "", at_key=True)
_NO_MAPPING: Final = Finding("must be a mapping", "write it as lines `key: value`")


class StrictSchema(Schema):
    """A section: unknown keys are refused, and loading gives the section's model.

    Attributes:
        builds: makes the model from the loaded fields.
    """

    builds: ClassVar[Callable[..., object]] = dict
    # marshmallow nests these as they are, whatever they are; only its annotation says text.
    error_messages = cast("dict[str, str]", {"unknown": _UNKNOWN, "type": _NO_MAPPING})

    class Meta:
        """Unknown keys are errors."""

        unknown = RAISE

    @post_load
    def build(self, data: dict[str, Any], *, partial: object = None, **_: object) -> object:
        """Return the section's model; while only a part is judged, what there is of its fields."""
        return data if partial else type(self).builds(**data)

    def handle_error(self, error: ValidationError, data: object, **kwargs: object) -> None:
        """Give each unknown key the repair that fits it."""
        del data, kwargs
        for key, found in error.messages_dict.items():
            if isinstance(found, list):
                found[:] = [self._unknown(key) if each is _UNKNOWN else each for each in found]

    def _unknown(self, key: str) -> Finding:
        """Return the finding for a key; its repair is empty where no known key is near."""
        known = {str(field.data_key): field for field in self.fields.values()}
        if key in known:
            return Finding("is read-only", "remove the line", at_key=True)
        near = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1)
        return Finding(_UNKNOWN.problem, f"write `{near[0]}`, or remove the line" if near else "", at_key=True)
