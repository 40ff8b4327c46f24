"""A caller who does not read on: nothing is read on from the provider either, and all of it comes once he does."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil

from tests.faults.caller import Caller, encode
from tests.faults.faulty_upstream import CLOSING, close, event, faulty_upstream
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Json = dict[str, Any]

STREAMS, EVENTS, LETTERS = 10, 1500, 8000
# Per stream, and for the allocator's pools and whatever else a worker needs when it is busy for the first time.
ALLOWED, SLACK = 256 << 10, 24 << 20
ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
BEGINNING = event("response.created", response={"id": "resp_1", "status": "in_progress", "output": []}) + event(
    "response.output_item.added", output_index=0, item=ITEM
)
USAGE = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
END = event("response.completed", response={"id": "resp_1", "status": "completed", "output": [], "usage": USAGE})


class Source:
    """A provider with a great deal to say, which counts how often it could."""

    def __init__(self) -> None:
        self.said = 0

    def __call__(self, connection: socket.socket) -> bool:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        connection.sendall(CLOSING + BEGINNING)
        for number in range(EVENTS):
            delta = f"{number:06d}" + "x" * LETTERS
            connection.sendall(
                event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=delta)
            )
            self.said += 1
        connection.sendall(END)
        return close(connection)


class SlowCaller(Caller):
    """One whose system takes little for him."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)


def stands_still(count: Callable[[], int]) -> int:
    """Wait until a count has not moved for a while; give it."""
    before, since = count(), time.monotonic()
    deadline = since + 60
    while time.monotonic() - since < 2:
        assert time.monotonic() < deadline, "it goes on and on"
        time.sleep(0.05)
        if (now := count()) != before:
            before, since = now, time.monotonic()
    return before


def test_who_does_not_read_holds_his_provider_up(tmp_path: Path, read_stream: Callable[[bytes], list[Json]]) -> None:
    sources: list[Source] = []

    def choose(_name: str, _body: bytes) -> Source:
        sources.append(Source())
        return sources[-1]

    with ExitStack() as stack:
        upstream = stack.enter_context(faulty_upstream(choose))
        gateway = stack.enter_context(Gateway(tmp_path, config_for(upstream.url("source"))))
        worker = psutil.Process(gateway.worker_pids()[0])
        with Caller(gateway) as first:
            assert first.send(encode(gateway, stream=True)).read().status == 200
        sources.clear()
        before = worker.memory_info().rss

        callers = [stack.enter_context(SlowCaller(gateway)) for _ in range(STREAMS)]
        for caller in callers:
            caller.send(encode(gateway, stream=True))
        gateway.until(lambda _: upstream.in_flight == STREAMS)
        said = stands_still(lambda: sum(source.said for source in sources))
        grown = worker.memory_info().rss - before
        answers = [caller.read() for caller in callers]

    held, each = said * LETTERS / STREAMS / 1024, grown / STREAMS / 1024
    print(f"\nper stream: {held:.0f} KiB in kernel buffers, RSS {each:.0f} KiB")  # noqa: T201 - for `pytest -s`
    assert said < STREAMS * EVENTS * 3 // 4
    assert grown < STREAMS * ALLOWED + SLACK
    whole = "".join(f"{number:06d}" + "x" * LETTERS for number in range(EVENTS))
    for answer in answers:
        events = read_stream(answer.body)
        assert events[-1]["type"] == "message_stop"
        said_to_him = "".join(each["delta"]["text"] for each in events if each["type"] == "content_block_delta")
        # No diff of twelve megabytes, should they ever differ.
        assert (said_to_him == whole) is True
