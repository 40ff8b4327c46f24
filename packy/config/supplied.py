"""Values of the packycode block that come from below config.yaml, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packy.config.problems import Problem, dotted
from packy.config.schema import PackycodeSchema
from packy.config.validation import judge

if TYPE_CHECKING:
    from packy.config.model import SourceName
    from packy.config.problems import FieldPath

__all__ = ["BLOCK", "Issue", "Layer", "Supplied"]

BLOCK = "packycode"


@dataclass(frozen=True, slots=True)
class Supplied:
    """One value.

    Attributes:
        value: as plain data; may be a secret.
        place: where it stands, as problems name it.
        fix: how it is set right there.
    """

    value: object = field(repr=False)
    place: str
    fix: str


@dataclass(frozen=True, slots=True)
class Issue:
    """A problem that matters only where its field is really taken from this layer.

    Attributes:
        path: the field in the block; empty for the layer as a whole.
        problem: what to tell.
        harmless: never in the way, since a default stands in.
    """

    path: FieldPath
    problem: Problem
    harmless: bool = False


@dataclass(slots=True)
class Layer:
    """One source below config.yaml.

    Attributes:
        source: its name in `effective-source`.
        fields: what it supplies, by path in the block.
        issues: what is wrong with it.
    """

    source: SourceName
    fields: dict[FieldPath, Supplied] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def sift(self) -> None:
        """Turn fields that the schema refuses into issues."""
        for path, supplied in list(self.fields.items()):
            data = supplied.value
            for key in reversed(path):
                data = {key: data}
            if isinstance(data, dict) and (found := judge(PackycodeSchema(), data)):
                del self.fields[path]
                finding = found[0][1]
                where = dotted((BLOCK, *path))
                problem = Problem(where, finding.problem, supplied.fix, finding.value, supplied.place)
                self.issues.append(Issue(path, problem))
