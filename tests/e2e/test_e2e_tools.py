"""Claude Code's tool loop: a call goes down, the tool runs, its result goes back up under the same call id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packy.demo import call, reasoning, rule, text, when

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e


def test_a_file_that_is_read_reaches_the_upstream_as_the_output_of_that_call(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    note = claude.folder / "note.txt"
    note.write_text(f"first line\n{canary} in the second, with ümlauts and “quotes”\n")
    upstream.script(
        rule(call("Read", {"file_path": str(note)}, call_id="call_read"), when=when(last="message"), times=1),
        rule(text(f"It says {canary}.")),
    )

    run = claude.ask("What does the note say?")

    assert run.succeeded
    assert run.answer == f"It says {canary}."
    first, second = (exchange.json for exchange in upstream.requests)
    assert second["input"][: len(first["input"])] == first["input"], "the history must stay as it was"
    made, output = second["input"][len(first["input"]) :]
    assert (made["type"], made["call_id"], made["name"]) == ("function_call", "call_read", "Read")
    assert (output["type"], output["call_id"]) == ("function_call_output", "call_read")
    assert f"{canary} in the second, with ümlauts and “quotes”" in output["output"]


def test_a_command_runs_and_its_output_goes_on_to_the_next_call(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    upstream.script(
        rule(reasoning("Write."), call("Bash", _bash(f"printf {canary} > made.txt && echo written")), times=1),
        rule(text("Now look."), call("Bash", _bash("cat made.txt")), times=1),
        rule(text("Done.")),
    )

    run = claude.ask("Make a file, then show it.")

    assert run.answer == "Done."
    assert (claude.folder / "made.txt").read_text() == canary
    kinds = [item["type"] for item in upstream.requests[-1].json["input"]]
    tail = ["reasoning", "function_call", "function_call_output", "message", "function_call", "function_call_output"]
    assert kinds[-len(tail) :] == tail, "what was said and called must keep its order"
    outputs = [item["output"] for item in upstream.requests[-1].json["input"] if "output" in item]
    assert outputs == ["written", canary]


def test_a_tool_that_fails_is_told_apart_from_one_that_succeeds(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(rule(call("Bash", _bash("echo torn; exit 3")), times=1), rule(text("I see.")))

    assert claude.ask("Try it.").answer == "I see."

    output = upstream.requests[-1].json["input"][-1]["output"]
    assert output.startswith("[tool error] ")
    assert "torn" in output


def test_parallel_calls_of_one_turn_all_get_their_own_output(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    note = claude.folder / "note.txt"
    note.write_text(f"{canary} of the note")
    upstream.script(
        rule(
            call("Bash", _bash(f"sleep 0.3; echo {canary} of the shell"), call_id="call_slow"),
            call("Read", {"file_path": str(note)}, call_id="call_quick"),
            times=1,
        ),
        rule(text("Both.")),
    )

    run = claude.ask("Do both at once.")

    assert run.answer == "Both."
    assert len(upstream.requests) == 2, "both outputs must come in one turn"
    items = upstream.requests[-1].json["input"]
    outputs = {item["call_id"]: item["output"] for item in items if item["type"] == "function_call_output"}
    assert outputs.keys() == {"call_slow", "call_quick"}
    assert f"{canary} of the shell" in outputs["call_slow"]
    assert f"{canary} of the note" in outputs["call_quick"]


def _bash(command: str) -> dict[str, str]:
    return {"command": command, "description": "a step of the test"}
