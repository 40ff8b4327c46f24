"""Builds a snapshot from config.yaml, the environment and the Codex CLI's files, or says all that is in the way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from packy.config.codex import read_codex
from packy.config.document import Document, Unreadable, read_document
from packy.config.environment import read_environment
from packy.config.exposure import exposed
from packy.config.model import Snapshot, Sources
from packy.config.problems import ConfigError, Problem, dotted
from packy.config.schema import ConfigSchema
from packy.config.sources import merge
from packy.config.supplied import BLOCK
from packy.config.validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packy.config.problems import FieldPath, Finding
    from packy.config.sources import Merged

__all__ = ["DEFAULT_PATH", "load_snapshot"]

DEFAULT_PATH: Final = Path("config.yaml")


def load_snapshot(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    home: Path | None = None,
    block: Mapping[str, object] | None = None,
) -> Snapshot:
    """Load the whole configuration.

    Args:
        path: config.yaml, which must exist; without it `$PACKY_CONFIG`, else ./config.yaml, which need not.
        environ: the environment; the process's own where not given.
        home: the folder in which `.codex` lies; the user's own where not given.
        block: what the file would say under `packycode`, instead of what it says; the file need not exist then.
            Problems with it have no line.

    Returns:
        The snapshot; its `warnings` tell what is wrong without being in the way.

    Raises:
        ConfigError: all problems at once. Neither it nor its traceback's frames hold a secret.
    """
    outcome = _load(path, os.environ if environ is None else environ, home, block)
    if isinstance(outcome, Snapshot):
        return outcome
    del block
    raise ConfigError(outcome)


def _load(
    named: Path | None, environ: Mapping[str, str], home: Path | None, block: Mapping[str, object] | None
) -> Snapshot | tuple[Problem, ...]:
    file = named or Path(environ.get("PACKY_CONFIG") or DEFAULT_PATH)
    try:
        found = read_document(file)
    except Unreadable as error:
        return (error.problem,)
    if found is None and named and block is None:
        fix = f"create it (cp config.example.yaml {named}), or start without naming a file: the defaults do"
        return (Problem("", "does not exist", fix, source=str(named)),)
    document = found or Document(str(file))
    if block is not None:
        document = _with_block(document, block)
    codex = read_codex(environ, home or _home())
    env_file = file.absolute().with_name(".env")
    environment = read_environment(environ, env_file)
    given = [each.place for each in environment.fields.values()]
    merged = merge(document.root, environment, codex)
    root = {**document.root, BLOCK: merged.block} if merged.block or BLOCK in document.root else document.root
    snapshot, findings = validate(ConfigSchema(), root)
    problems = [*document.problems, *merged.problems]
    # What a source could not supply is not missed a second time.
    places = {(each.line, each.column) for each in document.problems}
    for path, finding in findings:
        problem = _problem(document, merged, path, finding)
        if problem.field not in merged.excused and (problem.line, problem.column) not in places:
            problems.append(problem)
    if problems:
        return tuple(sorted(problems, key=lambda each: (each.line is None, each.line, each.column, each.field)))
    snapshot = cast("Snapshot", snapshot)
    exists = found is not None or block is not None
    sources = Sources(file.absolute(), exists, codex.files, env_file)
    packycode = replace(snapshot.packycode, effective_source=merged.highest, effective_sources=merged.sources)
    missing = "" if exists else environ.get("PACKY_CONFIG", "")
    snapshot = replace(snapshot, packycode=packycode, sources=sources)
    idle = _idle(document, merged, given, snapshot, missing)
    return replace(snapshot, warnings=(*merged.warnings, *idle, *exposed(snapshot, file, env_file)))


def _with_block(document: Document, block: Mapping[str, object]) -> Document:
    """Give a document in which another block stands; nothing in it has a place."""
    keys = {path: place for path, place in document.keys.items() if path[0] != BLOCK}
    values = {path: place for path, place in document.values.items() if path[:1] != (BLOCK,)}
    return replace(document, root={**document.root, BLOCK: block}, keys=keys, values=values)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _problem(document: Document, merged: Merged, path: FieldPath, finding: Finding) -> Problem:
    """Give a finding its place: in the file, or where the block that it is about was switched on."""
    line, column = document.place(path, key=finding.at_key)
    source = merged.enabler if line is None and merged.enabler else document.name
    return Problem(dotted(path), finding.problem, finding.fix, finding.value, source, line, column)


def _idle(
    document: Document, merged: Merged, given: Sequence[str], snapshot: Snapshot, missing: str
) -> Iterator[Problem]:
    """Yield what is written but has no effect.

    Args:
        document: config.yaml.
        merged: the block.
        given: the places of what the environment supplies.
        snapshot: what it all amounts to.
        missing: the file that PACKY_CONFIG names, if it does not exist.
    """
    if missing:
        what = "names a file that does not exist, so the defaults are in force"
        yield Problem("", what, f"create {missing}, or unset PACKY_CONFIG", source="environment variable PACKY_CONFIG")
    if "enabled" not in merged.sources:
        if BLOCK in document.root:
            line, column = document.place((BLOCK,), key=True)
            fix = "add `enabled: true` to it, or `enabled: false` if that is meant"
            yield Problem(
                BLOCK, "does not say whether it is enabled, so it is not", fix, "", document.name, line, column
            )
        else:
            for place in given:
                what = "has no effect: nothing enables packycode"
                yield Problem("", what, "export PACKYCODE_API_KEY=THE-KEY as well, or unset it", source=place)
    if not snapshot.providers:
        fix = "export PACKYCODE_API_KEY=THE-KEY, or enable packycode or a codex-api-key entry in config.yaml"
        yield Problem("", "no provider is enabled, so no request can be answered", fix, source=document.name)
