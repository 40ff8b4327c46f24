"""The chunked coding, taken off: what an encoder of our own puts in comes out, however the network cuts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from packy.upstream.chunked import ChunkedDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_ENDS = st.sampled_from([b"\r\n", b"\n"])
# Names and values of extensions and trailers: printable, and no line ends.
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12).map(str.encode)
CHUNKS = st.tuples(st.binary(min_size=1, max_size=60), st.integers(0, 5), st.booleans(), st.none() | WORDS, LINE_ENDS)
CUTS = st.lists(st.integers(1, 40), max_size=40)


def encode(chunks: Iterable[tuple[bytes, int, bool, bytes | None, bytes]], trailers: list[bytes], end: bytes) -> bytes:
    """Chunk data by the grammar of RFC 9112, section 7.1: sizes with zeros, in either case; extensions; trailers."""
    body = b""
    for data, zeros, upper, extension, line_end in chunks:
        size = b"0" * zeros + f"{len(data):{'X' if upper else 'x'}}".encode()
        body += size + (b"" if extension is None else b" ;" + extension) + line_end + data + line_end
    return body + b"00" + end + b"".join(b"x-" + trailer + b": " + trailer + end for trailer in trailers) + end


def pieces_of(data: bytes, cuts: list[int]) -> Iterable[bytes]:
    """Cut data into pieces of the given sizes; the rest is the last."""
    at = 0
    for size in cuts:
        yield data[at : at + size]
        at += size
    yield data[at:]


def decode(pieces: Iterable[bytes]) -> tuple[bytes, ChunkedDecoder]:
    decoder = ChunkedDecoder()
    return b"".join([decoder.feed(piece) for piece in pieces]), decoder


@given(chunks=st.lists(CHUNKS, max_size=12), trailers=st.lists(WORDS, max_size=3), end=LINE_ENDS, cuts=CUTS)
def test_what_is_encoded_comes_out_however_it_is_cut(
    chunks: list[tuple[bytes, int, bool, bytes | None, bytes]], trailers: list[bytes], end: bytes, cuts: list[int]
) -> None:
    encoded = encode(chunks, trailers, end)

    data, decoder = decode(pieces_of(encoded, cuts))

    assert data == b"".join(chunk[0] for chunk in chunks)
    assert (decoder.ended, decoder.surplus) == (True, False)


@given(chunks=st.lists(CHUNKS, max_size=6), data=st.data())
def test_without_its_last_byte_it_has_not_ended(
    chunks: list[tuple[bytes, int, bool, bytes | None, bytes]], data: st.DataObject
) -> None:
    encoded = encode(chunks, [], b"\r\n")
    cut = data.draw(st.integers(0, len(encoded) - 1))

    found, decoder = decode([encoded[:cut]])

    assert not decoder.ended
    assert b"".join(chunk[0] for chunk in chunks).startswith(found)


@given(data=st.binary(max_size=200) | st.text("0123456789abcdefgx;\r\n -+_", max_size=200).map(str.encode), cuts=CUTS)
def test_anything_else_is_refused_or_waits_for_more_and_the_cuts_do_not_matter(data: bytes, cuts: list[int]) -> None:
    outcomes: list[object] = []
    for pieces in ([data], pieces_of(data, cuts), [data[i : i + 1] for i in range(len(data))]):
        try:
            found, decoder = decode(pieces)
            outcomes.append((found, decoder.ended, decoder.surplus))
        except ProtocolError:
            outcomes.append(ProtocolError)

    assert outcomes[1:] == outcomes[:1] * 2


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param(b"\r\n", id="no size"),
        pytest.param(b"zz\r\n", id="not hexadecimal"),
        pytest.param(b"-5\r\nhello\r\n", id="negative"),
        pytest.param(b"+5\r\nhello\r\n", id="signed"),
        pytest.param(b"0x5\r\nhello\r\n", id="as in C"),
        pytest.param(b"1_0\r\n", id="as in Python"),
        pytest.param(b"5 5\r\nhello\r\n", id="two sizes"),
        pytest.param("\u0665\r\n".encode(), id="digits of another script"),
        pytest.param(b"f" * 17 + b"\r\n", id="beyond any length"),
        pytest.param(b";name=value\r\n", id="an extension alone"),
        pytest.param(b"5\r\nhello!\r\n", id="longer than its size"),
        pytest.param(b"7\r\nhello\r\n0\r\n\r\n", id="shorter than its size"),
        pytest.param(b"5;" + b"x" * 5000 + b"\r\nhello\r\n", id="an extension without measure"),
        pytest.param(b"1" * 5000, id="a size without an end"),
        pytest.param(b"0\r\n" + b"x: y\r\n" * 5000 + b"\r\n", id="trailers without end"),
        pytest.param(b"0\r\nx: " + b"y" * 5000 + b"\r\n\r\n", id="a trailer without measure"),
        pytest.param(b"data: {}\n\n", id="not chunked at all"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_what_is_malformed_is_refused_by_name(malformed: bytes, piece: int) -> None:
    with pytest.raises(ProtocolError):
        decode(malformed[i : i + piece] for i in range(0, len(malformed), piece))


def test_what_follows_the_end_is_told_and_dropped() -> None:
    data, decoder = decode([b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n", b"more"])

    assert (data, decoder.ended, decoder.surplus) == (b"hello", True, True)


def test_nothing_is_kept_of_what_has_been_handed_on() -> None:
    decoder = ChunkedDecoder()
    decoder.feed(b"fffffff\r\n")

    for _ in range(100):
        assert len(decoder.feed(b"x" * 65536)) == 65536
    assert decoder.feed(b"") == b""
