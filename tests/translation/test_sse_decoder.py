"""Server-sent events, whatever their line ends and wherever the network cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packy.translation import EventTooLarge, SseDecoder

Events = list[tuple[bytes, bytes]]


def decode(chunks: list[bytes], *, close: bool = True) -> Events:
    decoder = SseDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + (decoder.close() if close else [])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"data: a\n\n", [(b"", b"a")], id="no name"),
        pytest.param(b"event: e\ndata: a\n\n", [(b"e", b"a")], id="a name"),
        pytest.param(b"event:e\ndata:a\n\n", [(b"e", b"a")], id="no space after the colon"),
        pytest.param(b"data:  a \n\n", [(b"", b" a ")], id="one space goes, the others stay"),
        pytest.param(b"data: a\ndata: b\n\n", [(b"", b"a\nb")], id="data lines are joined by a line feed"),
        pytest.param(
            b"event: e\n\ndata: a\n\n", [(b"", b"a")], id="an event without data is none, and its name is gone"
        ),
        pytest.param(b"event: e\ndata: a\n\ndata: b\n\n", [(b"e", b"a"), (b"", b"b")], id="a name holds for one event"),
        pytest.param(b": comment\n\n:\ndata: a\n:\n\n", [(b"", b"a")], id="comments"),
        pytest.param(b"id: 1\nretry: 10\nother: x\ndata: a\n\n", [(b"", b"a")], id="other fields"),
        pytest.param(b"\n\n\ndata: a\n\n\n", [(b"", b"a")], id="more blank lines than needed"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"", b"a"), (b"", b"b")], id="CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")], id="CR"),
        pytest.param(b"data: a\r\ndata: b\n\r", [(b"", b"a\nb")], id="mixed line ends"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")], id="byte order mark"),
        pytest.param(b"\xef\xbb\xbf\ndata: a\n\n", [(b"", b"a")], id="byte order mark on a line of its own"),
        pytest.param(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [(b"", b"a")], id="byte order mark in the middle"),
        pytest.param("data: a\u2028b\u2029c\x85d\x0be\x0cf\n\n".encode(), None, id="no other line ends"),
        pytest.param(b"data: \xff\xfe\n\n", [(b"", b"\xff\xfe")], id="bytes that are not UTF-8 are passed on"),
        pytest.param(b"data: a\n", [(b"", b"a")], id="the last blank line is missing"),
        pytest.param(b"data: a", [(b"", b"a")], id="the last line end is missing"),
        pytest.param(b"\xef\xbb\xbfdata: a", [(b"", b"a")], id="byte order mark, and no line end at all"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_a_stream_decodes_to_its_events_whole_and_byte_by_byte(data: bytes, expected: Events | None) -> None:
    if expected is None:
        expected = [(b"", data[len("data: ") : -2])]
    assert decode([data]) == expected
    assert decode([data[i : i + 1] for i in range(len(data))]) == expected
    assert decode([piece for i in range(len(data)) for piece in (b"", data[i : i + 1])]) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_an_event_is_given_as_soon_as_its_blank_line_is_there(end: bytes) -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a" + end) == []
    # A lone CR may be half of a CRLF, yet waiting for the rest would hold the event back until the next one.
    assert decoder.feed(end[:1]) == [(b"", b"a")]
    assert decoder.feed(end[1:] + b"data: b" + end + end) == [(b"", b"b")]


TEXT = st.text(st.characters(exclude_characters="\r\n"), max_size=12)
LINES = st.lists(TEXT, min_size=1, max_size=3)
NOISE = st.lists(st.sampled_from([": ping", ":", "id: 7", "retry: 5", "unknown"]), max_size=2)
NAME = st.one_of(st.none(), st.from_regex(r"[a-z._]{1,12}", fullmatch=True))
EVENT = st.tuples(NAME, LINES, NOISE, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())


@given(events=st.lists(EVENT, max_size=6), places=st.lists(st.integers(0, 10_000), max_size=12), mark=st.booleans())
@example(events=[(None, ["a"], [], "\r\n", True), ("e", ["\u2028"], [], "\r", True)], places=[8, 9, 10, 11], mark=True)
def test_events_survive_any_line_ends_and_any_cut(
    events: list[tuple[str | None, list[str], list[str], str, bool]], places: list[int], *, mark: bool
) -> None:
    text = "\ufeff" if mark else ""
    for name, lines, noise, end, space in events:
        given_name = [f"event: {name}"] if name else []
        gap = " " if space or any(line.startswith(" ") for line in lines) else ""
        text += end.join([*noise, *given_name, *(f"data:{gap}{line}" for line in lines), "", ""])
    expected = [((name or "").encode(), "\n".join(lines).encode()) for name, lines, *_ in events]
    assert decode(cut(text.encode(), places), close=False) == expected


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=20))
@example(b"\xef\xbb\xbfdata: x", [1])
@example(b"data: x\r\n\r\n", [8, 10])
def test_any_bytes_decode_the_same_wherever_they_are_cut(data: bytes, places: list[int]) -> None:
    assert decode(cut(data, places)) == decode([data])


class TestSizeBound:
    LIMIT = 1000

    @pytest.fixture
    def decoder(self) -> SseDecoder:
        return SseDecoder(max_event=self.LIMIT)

    @pytest.mark.parametrize(
        "piece",
        [
            pytest.param(b"data: " + b"x" * 50, id="one line"),
            pytest.param(b"x" * 50, id="one line that is no field"),
            pytest.param(b"data: " + b"x" * 50 + b"\n", id="many data lines"),
            pytest.param(b"data:\n", id="many empty data lines"),
        ],
    )
    def test_an_event_that_never_ends_is_refused(self, decoder: SseDecoder, piece: bytes) -> None:
        with pytest.raises(EventTooLarge, match=str(self.LIMIT)):
            list(map(decoder.feed, [piece] * (self.LIMIT + 1)))

    def test_the_bound_is_each_events_own(self, decoder: SseDecoder) -> None:
        event = b"data: " + b"x" * (self.LIMIT - 100)
        for _ in range(5):
            assert decoder.feed(event) == []
            assert decoder.feed(b"\n\n") == [(b"", event[6:])]

    def test_many_events_in_one_chunk_are_not_one_large_event(self, decoder: SseDecoder) -> None:
        assert len(decoder.feed(b"data: a\ndata: b\n\n" * self.LIMIT)) == self.LIMIT

    def test_the_error_holds_nothing_of_the_event(self, decoder: SseDecoder) -> None:
        with pytest.raises(EventTooLarge) as caught:
            decoder.feed(b"data: canary" * self.LIMIT)
        assert "canary" not in str(caught.value)
