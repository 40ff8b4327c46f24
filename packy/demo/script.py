"""Scripts: rules that say how requests are answered, as plain JSON that is checked before it counts.

    {"settings": {"keys": ["sk-demo"], "rate": 50},
     "rules": [{"when": {"last": "message"}, "times": 1, "reply": [{"type": "text", "text": "Hello."}]},
               {"http": {"status": 429, "headers": {"retry-after": "7"}, "body": {"error": {"message": "…"}}}}]}

The first rule whose conditions hold, and which is not used up, answers; where none does, the demo persona answers.
A rule has exactly one of `reply` (steps, see `packy.demo.steps`), `http`, `raw` (an event stream's body) or `wire`
(octets in place of the whole answer), beside the fields of `Condition` under `when`, and of `Transport` at its top.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from packy.demo.condition import Condition
from packy.demo.script_schema import ANSWERS, ScriptSchema
from packy.demo.settings import Settings
from packy.demo.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Rule", "Script", "ScriptError", "load_script"]


class ScriptError(ValueError):
    """A script that cannot be played.

    Attributes:
        problems: what is wrong, as `rules.0.reply.1.type: …`.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The script is not valid: " + "; ".join(problems))
        self.problems = problems


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One checked rule.

    Attributes:
        when: its conditions.
        times: how many requests it answers; None for no limit.
        kind: `reply`, `http`, `raw` or `wire`.
        answer: what that field holds, checked and complete.
        transport: pace and faults.
    """

    when: Condition
    times: int | None
    kind: str
    answer: Any
    transport: Transport


class Script:
    """The rules in force, and how often each has answered.

    Attributes:
        source: the script as it was given.
        rules: its rules.
        settings: the settings it asks for, over the upstream's own.
    """

    def __init__(self, source: Any, rules: tuple[Rule, ...], settings: Settings) -> None:  # noqa: ANN401 - JSON
        self.source = source
        self.rules = rules
        self.settings = settings
        self._hits = [0] * len(rules)
        self._asked = 0
        self._lock = threading.Lock()

    @property
    def hits(self) -> list[int]:
        """How many requests each rule has answered."""
        return list(self._hits)

    def choose(self, request: dict[str, Any], headers: Mapping[str, str], path: str) -> int | None:
        """Find the index of the rule for a validated request, and count it; None leaves it to the persona."""
        with self._lock:
            self._asked += 1
            for index, rule in enumerate(self.rules):
                left = rule.times is None or self._hits[index] < rule.times
                if left and rule.when.holds(request, headers, path, self._asked):
                    self._hits[index] += 1
                    return index
        return None


def load_script(source: Any, base: Settings | None = None) -> Script:  # noqa: ANN401 - any JSON value
    """Check a script.

    Args:
        source: its JSON, parsed.
        base: the upstream's own settings, which the script's come on top of.

    Raises:
        ScriptError: with all problems at once.
    """
    try:
        data = ScriptSchema().load(source)
    except ValidationError as error:
        raise ScriptError(list(_flat(error.messages_dict))) from None
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data["settings"].items()}
    rules = tuple(_rule(rule) for rule in data["rules"])
    return Script(source, rules, dataclasses.replace(base or Settings(), **settings))


def _rule(data: dict[str, Any]) -> Rule:
    kind = next(name for name in ANSWERS if name in data)
    transport = Transport(**{field.name: data[field.name] for field in dataclasses.fields(Transport)})
    when = Condition(**data["when"])
    return Rule(when, data["times"], kind, data[kind], transport)


def _flat(messages: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - marshmallow's nested messages
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _flat(value, path if key == "_schema" else f"{path}.{key}".removeprefix("."))
    else:
        yield f"{path or 'script'}: {' '.join(messages)}"
