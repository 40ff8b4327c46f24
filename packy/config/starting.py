"""What a process takes up once, when it starts: variables that go before config.yaml, or have no place in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast

from marshmallow import ValidationError

from packy.config.fields import Choice
from packy.config.load import load_snapshot
from packy.config.problems import ConfigError, Problem
from packy.config.quantities import Count
from packy.config.schema import ConfigSchema
from packy.config.validation import judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from packy.config.fields import Scalar
    from packy.config.model import Server, Snapshot
    from packy.config.problems import Finding

__all__ = ["BEFORE_FILE", "Start", "load_to_start", "start_of", "variable_problems"]

BEFORE_FILE: Final = {"host": "PACKY_HOST", "port": "PACKY_PORT", "workers": "PACKY_WORKERS"}
"""Fields of config.yaml before which a variable goes."""

_GRACE: Final = "PACKY_GRACEFUL_TIMEOUT"
_GRACE_SECONDS: Final = 30
_WATCH: Final = "PACKY_WATCH"
_OTHERS: Final[dict[str, Scalar]] = {
    _GRACE: Count(None, (0, 86400), example=str(_GRACE_SECONDS)),
    _WATCH: Choice(None, ("inotify", "polling")),
}


@dataclass(frozen=True, slots=True)
class Start:
    """How a process starts.

    Attributes:
        server: where it listens, and with how many workers.
        grace: seconds that a worker which has to go waits for the answers that are under way.
        watch: how edits of the configuration are noticed.
    """

    server: Server
    grace: int
    watch: Literal["inotify", "polling"]


def load_to_start(path: Path | None = None) -> Snapshot:
    """Load the configuration of a process that starts; this process's variables are judged as well.

    Args:
        path: config.yaml, which must exist; None for the usual one.

    Raises:
        ConfigError: all problems at once, those of the variables first.
    """
    problems = tuple(variable_problems(os.environ))
    try:
        snapshot = load_snapshot(path)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return snapshot


def start_of(snapshot: Snapshot, environ: Mapping[str, str]) -> Start:
    """Tell how a process starts.

    Args:
        snapshot: the configuration.
        environ: variables with no `variable_problems`; one that is empty counts as one that is not set.
    """
    server, fields = snapshot.server, ConfigSchema().load_fields
    for field, variable in BEFORE_FILE.items():
        if given := environ.get(variable):
            server = replace(server, **{field: fields[field].deserialize(_number(given))})
    watch = cast("Literal['inotify', 'polling']", environ.get(_WATCH) or "inotify")
    return Start(server, int(environ.get(_GRACE) or _GRACE_SECONDS), watch)


def variable_problems(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Judge the variables: those that go before a field of config.yaml by the rules of that field."""
    for field, variable in BEFORE_FILE.items():
        if given := environ.get(variable):
            rest = f"`{field}` of config.yaml counts where it is not set"
            for _, finding in judge(ConfigSchema(), {field: _number(given)}):
                yield _problem(variable, finding, rest)
    for variable, scalar in _OTHERS.items():
        if given := environ.get(variable):
            try:
                scalar.deserialize(_number(given))
            except ValidationError as error:
                for finding in cast("list[Finding]", error.messages):
                    yield _problem(variable, finding, f"{scalar.example} counts where it is not set")


# A host that is nothing but digits is none, be it text or a number.
def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def _problem(variable: str, finding: Finding, rest: str) -> Problem:
    fix = f"unset it, or export it with such a value; {rest}"
    return Problem("", finding.problem, fix, finding.value, f"environment variable {variable}")
