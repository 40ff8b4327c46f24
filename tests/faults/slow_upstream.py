"""A provider with all the time in the world: `python -m tests.faults.slow_upstream N`.

Prints its base URL. Each answer begins, and goes on with a word now and then. Once N are under way it prints `all`, and
once it is told so by a line on stdin, all of them come to their ends.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Any

import orjson

SECONDS = 2.0
WORD = "word "
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
PART = {"type": "output_text", "text": "", "annotations": []}
USAGE = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + b"data: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


BEGINNING = (
    event("response.created", response={"id": "resp_1", "status": "in_progress", "output": []})
    + event("response.output_item.added", output_index=0, item=ITEM)
    + event("response.content_part.added", item_id="msg_1", output_index=0, content_index=0, part=PART)
)
DELTA = event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=WORD)
END = event(
    "response.output_item.done", output_index=0, item={**ITEM, "status": "completed", "content": [{**PART, "text": ""}]}
) + event("response.completed", response={"id": "resp_1", "status": "completed", "output": [], "usage": USAGE})


async def main(streams: int) -> None:
    """Serve until all have been served."""
    begun, ended = 0, 0
    release, over = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal begun, ended
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        writer.write(HEAD + BEGINNING + DELTA)
        begun += 1
        if begun == streams:
            print("all", flush=True)  # noqa: T201 - its way to speak
        while not release.is_set():
            try:
                await asyncio.wait_for(release.wait(), SECONDS)
            except TimeoutError:
                writer.write(DELTA)
        writer.write(DELTA + END)
        with suppress(ConnectionError):  # a reader that has it all may be gone already
            await writer.drain()
        writer.close()
        ended += 1
        if ended == streams:
            over.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)  # noqa: T201 - see above
    await asyncio.to_thread(sys.stdin.readline)
    release.set()
    await over.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
