"""Numbers reach the other side as they were written: nothing is rounded on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import call, rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream

NUMBERS = [
    "0",
    "-1",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "-9999999999999999999",
    "123456789012345678901234567890123456789012345678901234567890",
    "9" * 400,
    "0.1",
    "-0.0",
    "1.0",
    "2.5e-8",
    "1.7976931348623157e+308",
]

# %s is the number.
BODY = """{"model": "gpt-5", "max_tokens": 5, "messages": [{"role": "user", "content": "x"},
{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {"n": %s, "text": "é"}}]},
{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "y"}]}]}"""


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:24])
def test_tool_input_goes_up_unchanged(post: Any, upstream: DemoUpstream, number: str) -> None:
    assert post(data=(BODY % number).encode()).status_code == 200

    assert upstream.requests[0].json["input"][1]["arguments"] == f'{{"n":{number},"text":"é"}}'


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "0.1"])
def test_tool_schemas_go_up_unchanged(post: Any, upstream: DemoUpstream, number: str) -> None:
    schema = f'{{"type": "object", "properties": {{"n": {{"type": "number", "maximum": {number}}}}}}}'
    tools = f'"tools": [{{"name": "b", "input_schema": {schema}}}]'

    assert post(data=BODY.replace('"max_tokens"', f'{tools}, "max_tokens"') % "1").status_code == 200

    assert f'"maximum":{number}}}'.encode() in upstream.requests[0].body


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:24])
def test_tool_calls_come_down_unchanged(
    post: Any, question: Callable[..., dict[str, Any]], upstream: DemoUpstream, number: str
) -> None:
    upstream.script(rule(call("b", f'{{"n":{number}}}'), chunk=0))

    whole, stream = post(question()), post(question(stream=True))

    assert f'"input":{{"n":{number}}}' in whole.text
    assert f'"partial_json":"{{\\"n\\":{number}}}"' in stream.text
