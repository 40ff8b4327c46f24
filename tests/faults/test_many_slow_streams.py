"""One worker and very many streams at once, each with a word now and then: all whole, in little memory.

`pytest -s` shows the figures measured.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest

from packy.server import raise_open_files
from tests.faults.caller import encode
from tests.support.gateway import ROOT, Gateway, clean_environment, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STREAMS = 2000
PATIENCE = 240
END = b"\r\n0\r\n\r\n"
MIB = 1 << 20
MEMORY = 250 * 1000 * 1000


@contextmanager
def slow_upstream(streams: int, folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a provider whose answers do not end before it is told; give its base URL."""
    command = [sys.executable, "-m", "tests.faults.slow_upstream", str(streams)]
    pipe, environ = subprocess.PIPE, clean_environment(folder)
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, env=environ, text=True) as process:
        try:
            yield _say(process.stdout), process
        finally:
            process.terminate()


def _say(stream: IO[str] | None) -> str:
    assert stream
    return stream.readline().strip()


async def read_all(gateway: Gateway, request: bytes, streams: int, when_all_run: Callable[[], None]) -> list[bytes]:
    """Open all streams; read them to their ends, which come once `when_all_run` has returned."""
    address = urlsplit(gateway.url)

    async def read_one() -> bytes:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request)
        octets = b""
        while not octets.endswith(END) and (piece := await reader.read(65536)):
            octets += piece
        writer.close()
        await writer.wait_closed()
        return octets

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read_one()) for _ in range(streams)]
        await asyncio.to_thread(when_all_run)
    return [reader.result() for reader in readers]


def unframe(octets: bytes) -> bytes:
    """An answer's octets → its body, without HTTP's head and chunk framing."""
    framed, body = octets.partition(b"\r\n\r\n")[2], b""
    while framed:
        size, _, framed = framed.partition(b"\r\n")
        body, framed = body + framed[: int(size, 16)], framed[int(size, 16) + 2 :]
    return body


def test_one_worker_holds_two_thousand_slow_streams(
    tmp_path: Path, read_stream: Callable[[bytes], list[dict[str, Any]]]
) -> None:
    if raise_open_files(STREAMS + 200) < STREAMS + 200:
        pytest.skip("this machine does not let a process open so many connections (ulimit -Hn)")
    with (
        slow_upstream(STREAMS, tmp_path) as (url, upstream),
        Gateway(tmp_path, config_for(url), environ={"PACKY_GRACEFUL_TIMEOUT": "3"}) as gateway,
    ):
        worker = psutil.Process(gateway.worker_pids()[0])
        before, began = worker.memory_full_info(), time.monotonic()
        during = before
        opened = 0.0

        def when_all_run() -> None:
            nonlocal during, opened
            assert _say(upstream.stdout) == "all"
            opened = time.monotonic() - began
            # Each stream has had several words by then: what a stream takes in use, not only in waiting.
            time.sleep(5)
            during = worker.memory_full_info()
            assert upstream.stdin
            upstream.stdin.write("go\n")
            upstream.stdin.flush()

        answers = asyncio.run(read_all(gateway, encode(gateway, stream=True), STREAMS, when_all_run))
        took, used = time.monotonic() - began, worker.cpu_times()
        gateway.until(lambda _: len(gateway.requests()) == STREAMS)
        failures = {line.get("failure") for line in gateway.requests()}

    for octets in answers:
        events = read_stream(unframe(octets))
        assert events[-1]["type"] == "message_stop"
        said = "".join(each["delta"]["text"] for each in events if each["type"] == "content_block_delta")
        assert said.startswith("word word ")
    assert failures == {None}
    grown = (during.rss - before.rss) / STREAMS / 1024
    print(  # noqa: T201 - for `pytest -s`
        f"\n{STREAMS} streams, all open after {opened:.1f} s, whole after {took:.1f} s; worker's "
        f"RSS {before.rss / MIB:.0f} → {during.rss / MIB:.0f} MiB ({grown:.0f} KiB a stream), "
        f"{during.uss / MIB:.0f} MiB of it its own; CPU {used.user + used.system:.1f} s"
    )
    # What the main process has loaded (code, vocabulary) is there once, however many workers share it.
    assert during.uss < MEMORY
