"""The environment as a source of the packycode block: the process's own, and `.env` beside config.yaml below it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from dotenv.parser import parse_stream

from packy.config.document import Unreadable, decode, read_bytes
from packy.config.problems import Problem
from packy.config.rules import EFFORTS, PUBLIC_BASE_URL
from packy.config.supplied import Issue, Layer, Supplied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packy.config.problems import FieldPath

__all__ = ["VARIABLES", "read_environment"]

_FIELDS: Final[tuple[tuple[str, FieldPath, str], ...]] = (
    ("PACKYCODE_ENABLED", ("enabled",), "export PACKYCODE_ENABLED=true or PACKYCODE_ENABLED=false"),
    ("PACKYCODE_BASE_URL", ("base-url",), f"export PACKYCODE_BASE_URL={PUBLIC_BASE_URL}"),
    ("PACKYCODE_API_KEY", ("credentials", "openai-api-key"), "export PACKYCODE_API_KEY with the key, in one piece"),
    ("PACKYCODE_MODEL", ("defaults", "model"), "export PACKYCODE_MODEL=gpt-5"),
    (
        "PACKYCODE_REASONING_EFFORT",
        ("defaults", "model-reasoning-effort"),
        f"export PACKYCODE_REASONING_EFFORT={EFFORTS[-1]} (or {', '.join(EFFORTS[:-1])})",
    ),
)

VARIABLES: Final[dict[str, FieldPath]] = {variable: path for variable, path, _ in _FIELDS}
"""The variables that are read, each with the field of the block that it supplies."""


def read_environment(environ: Mapping[str, str], file: Path | None = None) -> Layer:
    """Collect what the environment supplies. A variable that is set but empty counts, and is refused.

    Args:
        environ: the process's environment.
        file: a `.env` for what the process's environment does not have; need not exist. Values are taken as they are,
            without `$VARIABLE`s filled in. Lines with other variables are none of packy's business.
    """
    layer = Layer("env")
    lines = _read(file, layer) if file else {}
    for variable, path, fix in _FIELDS:
        if (text := environ.get(variable)) is not None:
            place, fix = f"environment variable {variable}", f"{fix}, or unset it"  # noqa: PLW2901 - completed
        elif variable in lines:
            text, place = lines[variable], f"{variable} in {file}"
        else:
            continue
        value = {"true": True, "false": False}.get(text, text) if path == ("enabled",) else text
        layer.fields[path] = Supplied(value, place, fix)
    return layer


def _read(file: Path, layer: Layer) -> dict[str, str]:
    """Read the lines that matter; what is wrong with them, or with the file, becomes an issue of the layer."""
    name, values = str(file), dict[str, str]()
    try:
        text = decode(read_bytes(file) or b"", name)
    except Unreadable as error:
        layer.issues.append(Issue((), error.problem))
        return {}
    for line in parse_stream(io.StringIO(text)):
        if line.key is not None and line.value is not None:
            values[line.key] = line.value
        elif meant := next((each for each in VARIABLES if each in line.original.string), None):
            what, fix = "has a line that is no NAME=value", f"write {meant}= and its value there, or remove the line"
            # What dotenv calls the line begins with the empty ones before it.
            text = line.original.string
            number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            layer.issues.append(Issue((), Problem("", what, fix, source=name, line=number)))
    return values
