"""Problems of the configuration, told to somebody who sends JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import yaml

from packy.config.supplied import BLOCK
from packy.errors import ManagementError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packy.config import Problem

__all__ = ["invalid", "refusal"]

# What the schema calls things in YAML, and what they are called in JSON.
_WORDS: Final = (
    ("write indented lines `key: value` under it", "make it an object"),
    ("indent under it what it is to hold", "make it an object"),
    ("the line", "the field"),
    ("a mapping", "an object"),
    (f" to {BLOCK}", ""),
    ("config.example.yaml shows all keys", "GET /v0/management/openapi.json shows all fields"),
)
_LINE: Final = re.compile(r"`([a-z-]+: [^`]+)`")


def refusal(problems: Sequence[Problem], file: Path) -> ManagementError:
    """Tell why a change is refused.

    Args:
        problems: what is wrong with what it would lead to.
        file: config.yaml.

    Returns:
        422 `invalid_packycode`; 409 `config_invalid` if the file is broken elsewhere, whatever the change is.
    """
    inside = [replace(each, source="") if each.source == str(file) else each for each in problems]
    broken = [each for each in inside if not each.source and (each.line or not each.field)]
    if broken:
        text = f"{file} is not valid as it is; repair it there first (`packy check` shows where)"
        details = [_detail(each) for each in broken]
        return ManagementError(
            409, "config_invalid", text, [{**each, "field": each["field"] or str(file)} for each in details]
        )
    return invalid([_detail(each) for each in inside])


def invalid(details: Sequence[dict[str, str]]) -> ManagementError:
    """Tell that an object cannot be accepted."""
    count = f"{len(details)} problems" if len(details) > 1 else "1 problem"
    first = details[0]
    return ManagementError(
        422, "invalid_packycode", f"{count}; nothing has changed. {first['field']} {first['problem']}", details
    )


def _detail(problem: Problem) -> dict[str, str]:
    line = f"line {problem.line}: " if problem.line else ""
    # Who reads this has not written what the environment or Codex CLI's files say.
    place = f" ({problem.source})" if problem.source and problem.field and not problem.line else ""
    return {
        "field": problem.field.removeprefix(f"{BLOCK}.") or problem.source,
        "problem": line + _in_json(problem.problem) + place,
        "fix": _in_json(problem.fix),
    }


def _in_json(text: str) -> str:
    for ours, theirs in _WORDS:
        text = text.replace(ours, theirs)
    return _LINE.sub(lambda found: f"`{json.dumps(yaml.safe_load(found[1]))[1:-1]}`", text)
