"""YAML text as nodes with their places: by libyaml where it can, in a fraction of a millisecond.

Where libyaml objects, or is not there, PyYAML's own parser decides: it takes sixty times as long for a file full of
comments, but its errors are the ones that packy has words for.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.resolver import BaseResolver

__all__ = ["TAG", "compose_nodes"]

TAG: Final = "tag:yaml.org,2002:"

# The PyYAML of some systems comes without libyaml.
_Libyaml: Any = getattr(getattr(yaml, "cyaml", None), "CParser", None)


class _NoAliases(Composer):
    """Composes nodes, and refuses aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # type: ignore[attr-defined] # the parser's, as is get_event
            raise yaml.MarkedYAMLError(problem="alias", problem_mark=self.get_event().start_mark)  # type: ignore[attr-defined]
        return super().compose_node(parent, index)


class _CoreResolver(BaseResolver):
    """Gives tags by the core schema of YAML 1.2."""


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _CoreResolver.add_implicit_resolver(TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)


class _Loader(_NoAliases, _CoreResolver, yaml.BaseLoader):
    """PyYAML's own parser."""


if _Libyaml is not None:

    class _FastLoader(_NoAliases, _CoreResolver, _Libyaml):  # type: ignore[misc] # its types are not known
        """libyaml's."""

        def __init__(self, text: str) -> None:
            _Libyaml.__init__(self, text)
            _NoAliases.__init__(self)
            _CoreResolver.__init__(self)


def compose_nodes(text: str) -> yaml.Node | None:
    """Parse YAML.

    Args:
        text: one document.

    Returns:
        Its root, tagged by the core schema of YAML 1.2; None if there is none.

    Raises:
        yaml.YAMLError, ValueError, OverflowError, RecursionError: as PyYAML's parser does; and MarkedYAMLError with
            the problem `alias` at an alias.
    """
    if _Libyaml is not None:
        with suppress(yaml.YAMLError, ValueError, OverflowError, RecursionError):
            return _FastLoader(text).get_single_node()
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()
