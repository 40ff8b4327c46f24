"""One stream cut after every single byte: the caller sees it end in `message_stop` or in an error, and never a lie.

In packy itself every cut is tried, each in another way of arriving; through a real gateway a sample of them, and with
`--long` every one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from packy.demo import call, reasoning, source, text, web_search
from packy.translation import MessageFolder, ResponseTranslator, StreamWriter, ToolNames
from tests.faults.faulty_upstream import CLOSING, close, events, faulty_upstream, joined, reset, say
from tests.support.gateway import CLIENT_KEY, Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.faulty_upstream import Play

    Json = dict[str, Any]
    ReadStream = Callable[[bytes], list[Json]]

PAGES = (source("https://example.org/ducks", "Ducks"), source("https://example.org/geese", "Geese"))
EDIT = {"file_path": "/src/duck.py", "old_string": "quack()", "new_string": "quack(times=3)\n# Grüße 🦆"}
STREAMS = {
    "two calls": joined(
        events(
            reasoning("**Looking first.** The duck is in src.", "Then it is to quack thrice. 🦆", encrypted=300),
            text("I shall change it — «quack»."),
            call("Read", {"file_path": "/src/duck.py", "limit": 200}),
            call("Edit", EDIT),
            chunk=24,
        )
    ),
    "a web search": joined(
        events(web_search("ducks and geese", *PAGES), text("Ducks quack. Geese do not.", *PAGES), chunk=24)
    ),
}
# Where a stream is cut in the sample: at its very ends, and evenly in between.
SAMPLE = 30


def translator_for(writer: StreamWriter | MessageFolder) -> ResponseTranslator:
    return ResponseTranslator(writer, message_id="msg_1", model="gpt-5", names=ToolNames([]))


def translate(pieces: list[bytes]) -> tuple[bytes, ResponseTranslator]:
    """Translate a stream that ends where the pieces do."""
    writer = StreamWriter("req_1")
    translator = translator_for(writer)
    for piece in pieces:
        translator.feed(piece)
    translator.end()
    return writer.take(), translator


@dataclass(frozen=True)
class Whole:
    """A stream that was not cut, and what becomes of it."""

    octets: bytes
    events: list[Json]

    @property
    def end(self) -> int:
        """The least number of octets after which it is whole: all but the blank line at its end."""
        return len(self.octets) - 2

    def check(self, seen: list[Json], *, cut: bool) -> None:
        """Hold what was seen of it against it."""
        if not cut:
            assert fold(seen) == fold(self.events)
            return
        assert seen[-1]["type"] == "error"
        assert seen[-1]["error"]["type"] == "api_error"
        for mine, whole in zip(blocks_of(seen), blocks_of(self.events), strict=False):
            assert mine["head"]["type"] == whole["head"]["type"]
            if mine["closed"] and mine["head"]["type"] in {"tool_use", "server_tool_use"}:
                assert mine["said"] == whole["said"], "half a call must never be closed"
            assert whole["said"].startswith(mine["said"])


def blocks_of(seen: list[Json]) -> list[Json]:
    """Give the blocks of a stream, each with what was said in it and whether it was closed."""
    blocks: list[Json] = []
    for event in seen:
        match event:
            case {"type": "content_block_start", "content_block": head}:
                blocks.append({"head": {**head, "id": ""}, "said": "", "signed": "", "closed": False})
            case {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": signature}}:
                blocks[-1]["signed"] = signature
            case {"type": "content_block_delta", "delta": delta}:
                blocks[-1]["said"] += next((v for v in delta.values() if v != delta["type"] and isinstance(v, str)), "")
            case {"type": "content_block_stop"}:
                blocks[-1]["closed"] = True
    return blocks


def fold(seen: list[Json]) -> tuple[list[Json], Json]:
    """Give a whole message: its blocks, and how it ended."""
    assert [event["type"] for event in seen[-2:]] == ["message_delta", "message_stop"]
    return blocks_of(seen), seen[-2]["delta"]


@pytest.fixture(scope="module", params=STREAMS)
def whole(request: pytest.FixtureRequest, read_stream: ReadStream) -> Whole:
    octets = STREAMS[request.param]
    written, translator = translate([octets])
    assert translator.failure is None
    return Whole(octets, read_stream(written))


def test_the_streams_have_what_can_be_cut() -> None:
    kinds = {block["head"]["type"] for octets in STREAMS.values() for block in blocks_of(parsed(octets))}

    assert kinds == {"thinking", "text", "tool_use", "server_tool_use", "web_search_tool_result"}
    assert 8000 < len(STREAMS["two calls"]) < 24000


def parsed(octets: bytes) -> list[Json]:
    return [orjson.loads(line[6:]) for line in translate([octets])[0].split(b"\n") if line.startswith(b"data: ")]


@pytest.mark.parametrize(("way", "every"), [("at once", 1), ("cut in two", 13), ("in small pieces", 61)])
def test_cut_after_any_byte_it_ends_in_an_error(whole: Whole, read_stream: ReadStream, way: str, every: int) -> None:
    for length in [*range(0, len(whole.octets), every), len(whole.octets)]:
        rest = whole.octets[:length]
        pieces = {
            "at once": [rest],
            "cut in two": [rest[: length // 2], rest[length // 2 :]],
            "in small pieces": [rest[at : at + 5] for at in range(0, length, 5)],
        }[way]

        written, translator = translate(pieces)

        assert (translator.failure is None) == (length >= whole.end), length
        assert not translator.failure or translator.failure.code == "upstream_cut", length
        whole.check(read_stream(written), cut=length < whole.end)


def test_cut_after_any_byte_there_is_no_whole_message(whole: Whole) -> None:
    for length in range(len(whole.octets)):
        translator = translator_for(MessageFolder())
        translator.feed(whole.octets[:length])
        translator.end()

        assert (translator.failure is not None) == (length < whole.end), length
        assert (translator.stop_reason is None) == (length < whole.end), length


@dataclass(frozen=True)
class Cutter:
    """A gateway, and a provider that cuts a stream where the model's name says."""

    gateway: Gateway
    whole: Whole

    def ask(self, where: int, how: str, *, stream: bool) -> requests.Response:
        body = {"model": f"{how}-{where}", "max_tokens": 99, "stream": stream, "thinking": {"type": "adaptive"}}
        question = {**body, "messages": [{"role": "user", "content": "Hi."}]}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                f"{self.gateway.url}/v1/messages", json=question, headers=self.gateway.headers, timeout=120
            )


@pytest.fixture(scope="module")
def cutter(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cutter]:
    with ExitStack() as stack:

        def cut(_: str, body: bytes) -> Play:
            how, where = orjson.loads(body)["model"].split("-")
            return say(CLOSING, whole.octets[: int(where)], then={"fin": close, "reset": reset}[how])

        url = stack.enter_context(faulty_upstream(cut)).url("cut")
        config = f"client-keys: [{CLIENT_KEY}]\ncodex-api-key: [{{name: cutter, base-url: '{url}', api-key: sk-up}}]\n"
        yield Cutter(stack.enter_context(Gateway(tmp_path_factory.mktemp("cutter"), config)), whole)


def check_cut(cutter: Cutter, read_stream: ReadStream, where: int) -> None:
    whole = cutter.whole
    for how in ("fin", "reset"):
        streamed = cutter.ask(where, how, stream=True)
        message = cutter.ask(where, how, stream=False)

        # A line that lacks its end may be the last one; not so if the connection broke.
        is_whole = where >= (whole.end if how == "fin" else len(whole.octets))
        if streamed.status_code == 200:
            whole.check(read_stream(streamed.content), cut=not is_whole)
        else:
            assert streamed.json()["type"] == "error"
        assert (streamed.status_code == 200) or not is_whole
        assert message.status_code == (200 if is_whole else 502), (where, how)
        assert message.json()["type"] == ("message" if is_whole else "error")


def test_through_a_gateway_a_sample_of_cuts_ends_the_same(cutter: Cutter, read_stream: ReadStream) -> None:
    length = len(cutter.whole.octets)
    places = {0, 1, length - 3, length - 2, length - 1, length, *range(0, length, length // SAMPLE)}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda where: check_cut(cutter, read_stream, where), sorted(places)))


@pytest.mark.long
def test_through_a_gateway_every_cut_ends_the_same(cutter: Cutter, read_stream: ReadStream) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda where: check_cut(cutter, read_stream, where), range(len(cutter.whole.octets) + 1)))
