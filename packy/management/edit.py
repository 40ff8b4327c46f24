"""PUT and PATCH as changes to the packycode block of config.yaml."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from packy.config import ConfigError, PackycodeSchema, Secret, load_snapshot
from packy.config.containers import Section
from packy.config.problems import dotted
from packy.config.supplied import BLOCK
from packy.errors import ManagementError
from packy.management.resource import entity_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from marshmallow import Schema

    from packy.config import Snapshot
    from packy.config.problems import FieldPath

__all__ = ["Edit", "Moved"]

_SECTION: Final = "credentials"
_KEY: Final = "openai-api-key"


class Moved(Exception):
    """The block is no longer what a check was made for."""


class Edit:
    """Makes the new block from the one that is written, for `write_packycode`.

    Args:
        body: the request's.
        path: config.yaml.
        in_force: the running configuration.
        merge: PATCH (RFC 7396: nested, null takes a field out of the file) instead of PUT.
        matches: judges the ETag of the present state, for If-Match; None for any.

    Attributes:
        fields: dotted names of what has been changed in the file; `unknown` stands for names that the block does not
            have, which are the caller's own text.
        expected: the only block that may come out; None for any.
    """

    def __init__(
        self,
        body: dict[str, Any],
        path: Path,
        in_force: Snapshot,
        *,
        merge: bool,
        matches: Callable[[str], bool] | None = None,
    ) -> None:
        self.fields: list[str] = []
        self.expected: dict[str, Any] | None = None
        self._body = body
        self._path = path
        self._in_force = in_force
        self._merge = merge
        self._matches = matches

    def __call__(self, written: dict[str, Any]) -> dict[str, Any]:
        """Give the new block.

        Raises:
            Moved: it is not the one expected.
        """
        if self._merge:
            block = _merged(written or self._implied(), self._body, PackycodeSchema())
        else:
            block = copy.deepcopy(self._body)
        self._keep_key(block, written)
        if self.expected is not None and block != self.expected:
            raise Moved
        self.fields = [dotted((BLOCK, *_known(path))) for path in _differences(written, block)]
        return block

    def approve(self, _after: Snapshot) -> None:
        """Have the last word on a change that is valid (RFC 9110 judges preconditions after all else).

        Raises:
            ManagementError: 412; the present state is not the one that the caller knows.
        """
        if self._matches and not self._matches(entity_tag(self._now())):
            text = "the object has changed since you read it; GET it again, and repeat what you want on that"
            raise ManagementError(412, "precondition_failed", text)

    def _now(self) -> Snapshot:
        try:
            return load_snapshot(self._path if self._path.exists() else None)
        except ConfigError:
            return self._in_force

    def _implied(self) -> dict[str, Any]:
        """Give what is in force only because there is no block yet, and would change with the first field of one."""
        packycode = self._now().packycode
        if not packycode.enabled:
            return {}
        url = {"base-url": packycode.base_url} if "base-url" not in packycode.effective_sources else {}
        return {"enabled": True, **url}

    def _keep_key(self, block: dict[str, Any], written: dict[str, Any]) -> None:
        """Put the key in the place of its mask; one that is not from the file does not get there either."""
        section = block.get(_SECTION)
        if not isinstance(section, dict):
            return
        given = section.get(_KEY)
        if not isinstance(given, str) or not given.startswith(Secret.MASK):
            return
        own = written.get(_SECTION)
        key = own.get(_KEY) if isinstance(own, dict) else None
        if isinstance(key, str):
            if Secret(key).masked == given:
                section[_KEY] = key
            return
        elsewhere = self._now().packycode.credentials.openai_api_key
        if elsewhere and elsewhere.masked == given:
            del section[_KEY]
            if not section:
                del block[_SECTION]


def _merged(written: dict[str, Any], patch: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    """Merge as RFC 7396 says; but null for what the schema does not know stays, to be refused like any other value."""
    block = dict(written)
    known = {str(field.data_key): field for field in schema.load_fields.values()} if schema else {}
    for key, value in patch.items():
        if value is None and (key in known or key in block):
            block.pop(key, None)
        elif isinstance(value, dict):
            present, field = block.get(key), known.get(key)
            inner = field.schema if isinstance(field, Section) else None
            block[key] = _merged(present if isinstance(present, dict) else {}, value, inner)
        else:
            block[key] = value
    return block


def _known(path: FieldPath) -> Iterator[str]:
    """Yield a path as far as the schema has it."""
    schema: Schema | None = PackycodeSchema()
    for key in path:
        known = {str(field.data_key): field for field in schema.load_fields.values()} if schema else {}
        if key not in known:
            yield "unknown"
            return
        yield str(key)
        field = known[str(key)]
        schema = field.schema if isinstance(field, Section) else None


def _differences(before: object, after: object, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Yield the paths at which two blocks say something else."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            absent: object = {} if isinstance(before.get(key), dict) or isinstance(after.get(key), dict) else None
            yield from _differences(before.get(key, absent), after.get(key, absent), (*path, key))
    elif before != after or type(before) is not type(after):
        yield path
