"""The input tokens that are told before the upstream has counted are of the right size, whatever a request holds."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from typing import Any

import pytest

from packy.tokens import count_request
from packy.translation import Target, pack_reasoning, translate_request

Json = dict[str, Any]


def noise(length: int) -> bytes:
    return hashlib.shake_128(b"noise").digest(length)


def png(width: int, height: int) -> str:
    """A picture of noise, as large as one of its size can be."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", noise(width * height)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def pdf(pages: int) -> str:
    page = b"1 0 obj << /Type /Page >> endobj " + noise(40_000)
    return base64.b64encode(b"%PDF-1.4 " + page * pages).decode()


def image(width: int, height: int) -> Json:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png(width, height)}}


WORDS = {"type": "text", "text": "What do you see here, and what would you change about it? " * 40}
DOCUMENT = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf(5)}}
BEHIND_A_URL = {"type": "document", "source": {"type": "url", "url": "https://a.example/d.pdf"}}
ITEM = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" * 600}
THOUGHT = {"type": "thinking", "thinking": "", "signature": pack_reasoning(ITEM)}
CALL = {"type": "tool_use", "id": "t", "name": "Read", "input": {"file_path": "screenshot.png"}}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": [image(1280, 800), DOCUMENT]}


def user(*content: Json) -> Json:
    return {"role": "user", "content": list(content)}


def assistant(*content: Json) -> Json:
    return {"role": "assistant", "content": list(content)}


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([user(WORDS)], id="text"),
        pytest.param([user(image(1280, 800))], id="a megabyte of a screenshot"),
        pytest.param([user(WORDS, *[image(1024, 768)] * 8)], id="several images"),
        pytest.param([user(WORDS, DOCUMENT)], id="a PDF"),
        pytest.param([user(BEHIND_A_URL)], id="a PDF behind a URL"),
        pytest.param([user(WORDS), assistant(CALL), user(RESULT)], id="what a tool has read"),
        pytest.param([user(WORDS), *[assistant(THOUGHT, WORDS), user(WORDS)] * 20], id="encrypted reasoning"),
    ],
)
def test_the_estimate_is_near_the_count(messages: list[Json]) -> None:
    request = {"model": "m", "max_tokens": 1, "messages": messages}
    estimate = translate_request(request, Target("gpt-5")).estimate
    assert 0.5 < estimate / count_request(request, "gpt-5") < 2
