"""A caller who hangs up: the provider's connection closes, the slot is free, and the record says `cancelled`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from select import select
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.faults.caller import Caller, encode
from tests.faults.fault import ANSWER, HALF, OPENING, TEXT
from tests.faults.faulty_upstream import CLOSING, faulty_upstream, hold, http_error, reset, say, sized
from tests.support.gateway import CLIENT_KEY, Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.faulty_upstream import FaultyUpstream, Play

    Json = dict[str, Any]

CONFIG = """\
client-keys: [%s]
limits: {max-concurrent: 1}
routing: {failover: true, cooldown: 1}
codex-api-key:
  - {name: first, base-url: '%s', api-key: sk-one, models: %s}
  - {name: second, base-url: '%s', api-key: sk-two, models: %s}
"""
FINE = say(sized(ANSWER))
BUSY = say(http_error(503, {"error": {"message": "No."}}))
BROKEN = say(http_error(500, {"error": {"message": "No."}}))
SILENT = say(then=hold)
# What the first and the second provider do, one request after the other; the last of each goes on.
MOMENTS: dict[str, tuple[list[Play], list[Play]]] = {
    "while the headers are waited for": ([SILENT], [FINE]),
    "while the first event is waited for": ([say(CLOSING, then=hold)], [FINE]),
    "while the first content is waited for": ([say(CLOSING, OPENING, then=hold)], [FINE]),
    "in the middle of the answer": ([say(CLOSING, HALF, then=hold)], [FINE]),
    "while an error's body is waited for": ([say(http_error(500, b"x" * 99)[:-9], then=hold)], [FINE]),
    "around the pause before a second try": ([BUSY, SILENT], [SILENT]),
    "while the next provider is asked": ([BROKEN], [SILENT]),
    "while the next provider answers": ([BROKEN], [say(CLOSING, HALF, then=hold)]),
}
MODES = [(moment, how, stream) for moment in MOMENTS for how in ("closes", "resets") for stream in (True, False)]


def model_for(moment: str, how: str, stream: bool) -> str:  # noqa: FBT001 - one of MODES
    return f"m{list(MOMENTS).index(moment)}-{how}-{int(stream)}"


class Scene:
    """A gateway with room for one request, and two providers that do what they are told for a model."""

    def __init__(self, stack: ExitStack, folder: Any) -> None:
        self._plays: dict[tuple[str, str], list[Play]] = {}
        self.asked: list[tuple[str, str]] = []
        self.upstream: FaultyUpstream = stack.enter_context(faulty_upstream(self._choose))
        # A record has no name that is nobody's but the caller's.
        models = f"[fine, probed, {', '.join(model_for(*mode) for mode in MODES)}]"
        config = CONFIG % (CLIENT_KEY, self.upstream.url("first"), models, self.upstream.url("second"), models)
        self.gateway: Gateway = stack.enter_context(Gateway(folder, config))

    def play(self, model: str, first: list[Play], second: list[Play]) -> None:
        self._plays |= {("first", model): list(first), ("second", model): list(second)}

    def _choose(self, name: str, body: bytes) -> Play:
        model = orjson.loads(body)["model"]
        plays = self._plays[name, model]
        self.asked.append((name, model))
        return plays.pop(0) if len(plays) > 1 else plays[0]

    def octets(self, model: str, **fields: Any) -> bytes:
        return encode(self.gateway, model=model, **fields)

    def until(self, holds: Callable[[], object]) -> None:
        self.gateway.until(lambda _: holds())

    def record(self, model: str) -> Json:
        """Give the latest record of a model's requests, once there is one."""

        def find(_: str) -> Json | None:
            return next((line for line in reversed(self.gateway.requests()) if line["model"] == model), None)

        found: Json = self.gateway.until(find)
        return found

    def text(self, model: str) -> str:
        """Ask, until there is a slot, and give the text of the answer."""

        def ask(_: str) -> Json | None:
            with Caller(self.gateway) as caller:
                answer = caller.send(self.octets(model)).read()
            assert answer.status in {200, 429}
            return orjson.loads(answer.body) if answer.status == 200 else None

        message: Json = self.gateway.until(ask)
        return "".join(block.get("text", "") for block in message["content"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        running = Scene(stack, tmp_path_factory.mktemp("cancelling"))
        yield running
        assert running.gateway.lines("uncaught") == []


@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_hanging_up_ends_all_that_was_under_way(scene: Scene, moment: str, how: str, *, stream: bool) -> None:
    model = model_for(moment, how, stream)
    first, second = MOMENTS[moment]
    scene.play(model, first, second)
    last = ("second" if len(first) == 1 and first[0] is BROKEN else "first", model)

    with Caller(scene.gateway) as caller:
        caller.send(scene.octets(model, stream=stream))
        scene.until(lambda: last in scene.asked)
        if stream and "answer" in moment.rsplit(maxsplit=1)[-1]:
            assert caller.begin().status == 200
        if how == "resets":
            reset(caller.socket)
    closed = time.monotonic()

    scene.until(lambda: scene.upstream.in_flight == 0)
    # It is to be one second; a busy machine is given some more.
    assert time.monotonic() - closed < 6
    record = scene.record(model)
    assert record["cancelled"] is True
    assert not {"failure", "error_type", "stop_reason"} & record.keys()
    scene.play("fine", [FINE], [FINE])
    assert scene.text("fine") == TEXT


def test_who_hangs_up_on_a_probe_leaves_it_to_the_next(scene: Scene) -> None:
    model = "probed"
    scene.play(model, [BROKEN, SILENT, FINE], [FINE])
    assert scene.text(model) == TEXT
    assert scene.record(model)["provider"] == "second"
    asked = scene.asked.count(("first", model))

    def probe(_: str) -> bool:
        """Ask until the cooldown is over and the first provider is tried; it does not answer."""
        with Caller(scene.gateway) as caller:
            caller.send(scene.octets(model))
            scene.until(lambda: scene.asked.count(("first", model)) > asked or select([caller.socket], [], [], 0)[0])
            return scene.asked.count(("first", model)) > asked

    scene.gateway.until(probe)
    scene.until(lambda: scene.upstream.in_flight == 0)

    assert scene.text(model) == TEXT
    assert scene.record(model)["provider"] == "first"
