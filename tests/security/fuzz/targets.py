"""What is fuzzed: each target takes any bytes, and raises nothing but what its room documents (that is caught here)."""

from __future__ import annotations

import random
import tempfile
from contextlib import suppress
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from urllib3.exceptions import ProtocolError

from packy import translation
from packy.config import ConfigError, PackycodeSchema, load_snapshot
from packy.config.document import Unreadable, parse_document
from packy.config.validation import validate
from packy.config.writer import ConfigNotWritable, _edited
from packy.errors import ManagementError
from packy.management import read_object
from packy.translation import (
    EventTooLarge,
    MessageFolder,
    ResponseTranslator,
    SseDecoder,
    StreamWriter,
    Target,
)
from packy.upstream.chunked import ChunkedDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packy.translation import ToolNames

__all__ = ["CORPUS", "TARGETS", "fuzz_one", "seeds"]

_BLOCK: Final = {"enabled": False}

CORPUS: Final = Path(__file__).with_name("corpus")
_SPARE: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 2**63, 1e308, "", " ", "\ud83d", "\x00", "user", "text", "tool_use", "x" * 300, [], {},
    [[]], [None],
    {"type": None}, {"type": "text"}, {"type": "text", "text": 1}, {"": ""}, [{}, {"type": "tool_result"}],
)  # fmt: skip


def sse(data: bytes) -> None:
    """Decode server-sent events; where the bytes are cut makes no difference."""
    pieces = list(_cut(data))
    whole, parts = SseDecoder(1 << 16), SseDecoder(1 << 16)
    with suppress(EventTooLarge):
        expected = whole.feed(data) + whole.close()
        assert [event for piece in pieces for event in parts.feed(piece)] + parts.close() == expected


def chunked(data: bytes) -> None:
    """Take the chunked coding off; where the bytes are cut makes no difference."""
    whole = ChunkedDecoder()
    try:
        expected = whole.feed(data)
    except ProtocolError:
        return
    parts = ChunkedDecoder()
    assert b"".join(map(parts.feed, _cut(data))) == expected
    assert parts.ended == whole.ended


def answer(data: bytes) -> None:
    """Translate an upstream's stream, whole and streamed; it always comes to an end."""
    for writer in (StreamWriter("req_0"), MessageFolder()):
        translator = ResponseTranslator(
            writer, message_id="msg_0", model="m", names=_names(), stop_sequences=["STOP"], learn_after=2
        )
        for piece in _cut(data):
            translator.feed(piece)
        translator.end()
        assert translator.ended


def translate(data: bytes) -> None:
    """Translate a request: as it is, and seeds with parts of them exchanged."""
    for source in (data, _varied("translate", data)):
        try:
            body = translation.loads(source)
        except ValueError:
            continue
        if isinstance(body, dict):
            with suppress(translation.InvalidRequest):
                translated = translation.translate_request(body, Target(model="gpt-5", effort="low", cache_key="k"))
                assert isinstance(translation.loads(translated.payload), dict)


def config(data: bytes) -> None:
    """Load config.yaml, and put a block into it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(ConfigError):
            assert repr(load_snapshot(Path(file.name), {}, Path("/nonexistent")))
    with suppress(Unreadable, ConfigNotWritable):
        new = _edited(data, parse_document(data, "config.yaml"), _BLOCK)
        assert parse_document(new, "config.yaml").root["packycode"] == _BLOCK


def management(data: bytes) -> None:
    """Read and judge the body of a management request."""
    for source in (data, _varied("management", data)):
        with suppress(ManagementError):
            body = read_object(source)
            _, findings = validate(PackycodeSchema(), body)
            assert all(finding.problem for _, finding in findings)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    each.__name__: each for each in (sse, chunked, answer, translate, config, management)
}


def fuzz_one(data: bytes) -> None:
    """Run the target that the first byte chooses."""
    if data:
        list(TARGETS.values())[data[0] % len(TARGETS)](data[1:])


def seeds(target: str) -> list[bytes]:
    """Give the corpus of a target."""
    return [file.read_bytes() for file in sorted((CORPUS / target).iterdir())]


@cache
def _names() -> ToolNames:
    translated = translation.translate_request(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}], "tools": _TOOLS},
        Target(model="m"),
    )
    return translated.names


_TOOLS: Final = [{"name": "look", "input_schema": {"type": "object"}}]


def _cut(data: bytes) -> Iterator[bytes]:
    """Cut bytes into pieces, always the same for the same bytes."""
    chance = random.Random(len(data) + sum(data[:64]))  # noqa: S311 - no secret
    places = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(min(len(data), 12)))})
    return (data[start:end] for start, end in pairwise(places))


def _varied(target: str, data: bytes) -> bytes:
    """Exchange values of a seed, as the bytes say: what is still JSON gets further than what is not."""
    chance = random.Random(data)  # noqa: S311 - no secret
    document = orjson.loads(chance.choice(_DOCUMENTS.setdefault(target, seeds(target))))
    for _ in range(chance.randrange(1, 4)):
        place = chance.choice([*_containers(document)])
        keys = [*place] if isinstance(place, dict) else [*range(len(place))]
        if not keys:
            continue
        key = chance.choice(keys)
        match chance.randrange(4):
            case 0 if isinstance(place, dict):
                del place[key]
            case 1 if isinstance(place, dict):
                place[chance.choice(("type", "content", "\ud83d", "", "zzz"))] = deepcopy(chance.choice(_SPARE))
            case 2:
                place[key] = deepcopy(chance.choice([*_containers(document)]))
            case _:
                place[key] = deepcopy(chance.choice(_SPARE))
    return translation.dumps(document)


_DOCUMENTS: dict[str, list[bytes]] = {}


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _containers(each)
