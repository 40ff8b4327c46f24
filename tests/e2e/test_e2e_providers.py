"""A gateway of its own for each test: providers that die, providers that are slow, workers that are replaced."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import DemoUpstream, call, failure, pause, reasoning, rule, text
from tests.e2e.claude_code import ClaudeCode
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

_FAILOVER = """
codex-api-key:
  - {{name: spare, base-url: {url}, api-key: sk-spare-key}}
routing: {{failover: true}}
"""
_LOOK = call("Bash", {"command": "echo seen", "description": "a step of the test"})
_SILENCE = 330


@pytest.fixture
def spare() -> Iterator[DemoUpstream]:
    """A second upstream, which cannot read the first one's reasoning."""
    with DemoUpstream(account="spare") as upstream:
        yield upstream


def _client(program: Path, folder: Path, gateway: Gateway) -> ClaudeCode:
    return ClaudeCode(program, folder, gateway.url, "canary")


def test_a_spare_provider_takes_over_from_a_dead_one_without_the_client_noticing(
    program: Path, tmp_path: Path, spare: DemoUpstream
) -> None:
    with DemoUpstream() as first:
        config = config_for(first.url, _FAILOVER.format(url=spare.url))
        with Gateway(tmp_path / "gateway", config) as gateway:
            claude = _client(program, tmp_path, gateway)
            first.script(rule(reasoning("One."), _LOOK, times=1), rule(text("The first answer.")))
            assert claude.ask("The first question.").answer == "The first answer."
            first.stop()
            spare.script(rule(reasoning("Two."), _LOOK, times=1), rule(text("The second answer.")))

            run = claude.ask("The second question.", "-c")

            assert run.succeeded
            assert run.answer == "The second answer."
            lines = gateway.requests()
            assert [(line["status"], line["provider"], line.get("failover")) for line in lines] == [
                (200, "packycode", None),
                (200, "packycode", None),
                (200, "spare", True),
                (200, "spare", True),
            ]


@pytest.mark.parametrize("silence", [{"delay_headers": 4}, {"delay_first_event": 4}], ids=["no headers", "no event"])
def test_a_first_answer_that_takes_long_is_waited_for(
    program: Path, tmp_path: Path, upstream: DemoUpstream, silence: dict[str, Any]
) -> None:
    upstream.script(rule(reasoning("At last."), _LOOK, times=1, **silence), rule(text("Here it is.")))
    with Gateway(tmp_path / "gateway", config_for(upstream.url, "timeouts: {ping: 1}")) as gateway:
        run = _client(program, tmp_path, gateway).ask("Say it.")

        assert run.succeeded
        assert run.answer == "Here it is."
        assert len(upstream.requests) == 2
        assert [item["type"] for item in upstream.requests[-1].json["input"]].count("reasoning") == 1
        assert [block["thinking"] for block in run.blocks("thinking")] == ["At last."]


def test_signs_of_life_before_a_call_leave_nothing_in_the_history(
    program: Path, tmp_path: Path, upstream: DemoUpstream
) -> None:
    upstream.script(rule(_LOOK, times=1, delay_headers=3), rule(text("Here it is.")))
    with Gateway(tmp_path / "gateway", config_for(upstream.url, "timeouts: {ping: 1}")) as gateway:
        run = _client(program, tmp_path, gateway).ask("Look.")

        assert run.answer == "Here it is."
        assert [block["thinking"] for block in run.blocks("thinking")] == [""]
        first, second = (exchange.json["input"] for exchange in upstream.requests)
        assert [item["type"] for item in second[len(first) :]] == ["function_call", "function_call_output"]
        assert "thinking" not in str([line.get("dropped") for line in gateway.requests()])


def test_a_failure_after_signs_of_life_is_shown(program: Path, tmp_path: Path, upstream: DemoUpstream) -> None:
    upstream.script(rule(failure("invalid_api_key"), delay_headers=3))
    with Gateway(tmp_path / "gateway", config_for(upstream.url, "timeouts: {ping: 1}")) as gateway:
        run = _client(program, tmp_path, gateway).ask("Say it.")

        assert not run.succeeded
        assert "Repair the key in config.yaml" in run.answer
        # The first time it is told in the stream; so the client asks once more, without one.
        assert len(upstream.requests) <= 2


def test_a_restart_in_the_middle_of_an_answer_goes_unnoticed(
    program: Path, tmp_path: Path, upstream: DemoUpstream
) -> None:
    long = "A sentence of some length. " * 12
    upstream.script(rule(reasoning("Hm."), text(long), _LOOK, rate=12, times=1), rule(text("Gone on.")))
    with (
        Gateway(tmp_path / "gateway", config_for(upstream.url)) as gateway,
        ThreadPoolExecutor(1) as pool,
    ):
        before = set(gateway.worker_pids())
        claude = _client(program, tmp_path, gateway)
        running = pool.submit(claude.ask, "Say it.")
        assert upstream.wait(lambda it: it.requests and it.requests[0].events > 10, 30)
        gateway.signal(signal.SIGHUP)
        assert upstream.in_flight == 1

        run = running.result()

        assert run.succeeded
        assert run.answer == "Gone on."
        assert long in [block["text"] for block in run.blocks("text")]
        gateway.until(lambda _: before.isdisjoint(gateway.worker_pids()))
        assert claude.ask("Go on.", "-c").answer == "Gone on."
        assert len(upstream.requests) == 3
        assert [item["type"] for item in upstream.requests[-1].json["input"]].count("reasoning") == 1
        assert gateway.requests()[-1]["pid"] not in before


@pytest.mark.long
@pytest.mark.parametrize(
    ("steps", "transport", "config"),
    [
        pytest.param([reasoning("Hm.", unfinished=True), pause(_SILENCE)], {}, "", id="within a thought"),
        pytest.param([reasoning("Hm."), pause(_SILENCE)], {}, "", id="after a thought"),
        pytest.param([text("Let me see."), pause(_SILENCE)], {}, "", id="after a text"),
        pytest.param([], {"delay_headers": _SILENCE}, "timeouts: {first-byte: 400}", id="before its beginning"),
    ],
)
def test_a_silence_longer_than_the_client_would_bear_is_survived(
    program: Path,
    tmp_path: Path,
    upstream: DemoUpstream,
    steps: list[dict[str, Any]],
    transport: dict[str, Any],
    config: str,
) -> None:
    upstream.script(rule(*steps, text("And so it is."), **transport))
    with Gateway(tmp_path / "gateway", config_for(upstream.url, config)) as gateway:
        run = _client(program, tmp_path, gateway).ask("Think.", seconds=_SILENCE + 120)

        assert run.succeeded
        assert run.answer == "And so it is."
        assert len(upstream.requests) == 1
