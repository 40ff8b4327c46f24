"""What a tool returns beside text: pictures and documents arrive at the upstream, octet by octet."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import call, failed, http, rule, text

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode
    from tests.e2e.conftest import EchoServer

pytestmark = pytest.mark.e2e

Json = dict[str, Any]

_CALL_AND_OUTPUT = ("function_call", "function_call_output")


def test_a_picture_that_is_read_reaches_the_upstream_as_an_image_of_the_same_bytes(
    claude: ClaudeCode, upstream: DemoUpstream
) -> None:
    picture = claude.folder / "picture.png"
    picture.write_bytes(_png(40, 30))
    upstream.script(rule(call("Read", {"file_path": str(picture)}), times=1), rule(text("A red one.")))

    assert claude.ask("What colour is it?").answer == "A red one."

    (part,) = upstream.requests[-1].json["input"][-1]["output"]
    assert part["type"] == "input_image"
    head, _, data = part["image_url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == picture.read_bytes()


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param([http(400, {"error": {"message": "Bad.", "code": "invalid_image_format"}})], id="told by HTTP"),
        pytest.param([failed("invalid_image", "Bad.")], id="told by the stream"),
    ],
)
def test_a_picture_that_the_upstream_refuses_is_left_out_and_the_conversation_goes_on(
    claude: ClaudeCode, upstream: DemoUpstream, refusal: list[Json]
) -> None:
    (claude.folder / "picture.png").write_bytes(_png(40, 30))
    look = call("Read", {"file_path": str(claude.folder / "picture.png")})
    upstream.script(rule(look, times=1), rule(*refusal, times=1), rule(text("I cannot see it.")))

    run = claude.ask("What colour is it?")

    assert run.succeeded
    assert run.answer == "I cannot see it."
    assert len(upstream.requests) == 3, "it must not be sent again as it was"
    assert b"input_image" in upstream.requests[1].body
    assert b"input_image" not in upstream.requests[2].body


def test_a_pdf_that_is_read_reaches_the_upstream_as_a_file_of_the_same_bytes(
    claude: ClaudeCode, upstream: DemoUpstream
) -> None:
    document = claude.folder / "paper.pdf"
    document.write_bytes(_pdf())
    upstream.script(rule(call("Read", {"file_path": str(document)}), times=1), rule(text("An empty page.")))

    assert claude.ask("What does it say?").answer == "An empty page."

    contents = [item.get("content") or item.get("output") or [] for item in upstream.requests[-1].json["input"]]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    (part,) = [part for part in parts if part["type"] == "input_file"]
    head, _, data = part["file_data"].partition(",")
    assert head == "data:application/pdf;base64"
    assert base64.b64decode(data) == document.read_bytes()


def test_a_result_of_text_and_picture_keeps_both_in_their_order(
    claude: ClaudeCode, upstream: DemoUpstream, echo_server: EchoServer, canary: str
) -> None:
    picture = base64.b64encode(_png(40, 30)).decode()
    upstream.script(
        rule(call(echo_server.short_tool, {"text": canary, "picture": picture}), times=1), rule(text("Seen."))
    )

    assert claude.ask("Show it.", *echo_server.options).answer == "Seen."

    said, shown = upstream.requests[-1].json["input"][-1]["output"]
    assert said == {"type": "input_text", "text": f"echo: {canary}"}
    assert (shown["type"], shown["image_url"]) == ("input_image", f"data:image/png;base64,{picture}")


def test_a_picture_and_a_document_that_are_read_at_once_both_arrive(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    (claude.folder / "picture.png").write_bytes(_png(40, 30))
    (claude.folder / "paper.pdf").write_bytes(_pdf())
    reads = [call("Read", {"file_path": str(claude.folder / name)}) for name in ("picture.png", "paper.pdf")]
    upstream.script(rule(*reads, times=1), rule(text("Both.")))

    assert claude.ask("Look at both.").answer == "Both."

    items = upstream.requests[-1].json["input"]
    contents = [item.get("content") or item.get("output") or [] for item in items]
    kinds = [part["type"] for content in contents if isinstance(content, list) for part in content]
    assert (kinds.count("input_image"), kinds.count("input_file")) == (1, 1)
    calls, outputs = ([item["call_id"] for item in items if item["type"] == kind] for kind in _CALL_AND_OUTPUT)
    assert sorted(outputs) == sorted(calls)


def _png(width: int, height: int) -> bytes:
    """Draw a red rectangle."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xc8\x1e\x1e" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _pdf() -> bytes:
    """Write a document of one empty page."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, table)
    return out + head + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
