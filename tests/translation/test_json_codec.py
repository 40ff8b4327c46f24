"""Numbers and texts come out of the codec as they went in, or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.translation import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable

# Lone surrogates and integers of any size included; floats are those that JSON has.
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
WIDE = st.integers(min_value=2**60, max_value=10**60) | st.integers(min_value=-(10**60), max_value=-(2**60))


@given(DOCUMENTS)
def test_every_document_survives_the_round_trip(document: Any) -> None:
    assert loads(dumps(document)) == document


@given(WIDE, st.sampled_from(["%d", "[%d]", '{"a": %d}', '{"a":[0,%d ,"\\ud83d"]}', "[-0.5,\n%d]"]))
def test_integers_over_64_bits_stay_integers(number: int, around: str) -> None:
    text = around % number

    assert json.loads(dumps(loads(text.encode()))) == json.loads(text)


@given(st.text(alphabet='0123456789 ,:-.[]{}"ab\\u', max_size=60))
def test_what_is_taken_is_what_the_standard_library_takes(text: str) -> None:
    def read(parse: Callable[[bytes], Any]) -> str:
        try:
            return repr(parse(text.encode()))
        except ValueError:
            return "refused"

    assert read(loads) == read(json.loads)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"[" * 10_000 + b"]" * 10_000, id="deep"),
        pytest.param(b'["\\ud83d"' + b",[" * 10_000 + b"]" * 10_001, id="deep, by the other parser"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'["\\ud83d", -Infinity]', id="infinity, by the other parser"),
        pytest.param(b"1e400", id="a float out of range"),
        pytest.param(b'["\\ud83d", 1e400]', id="a float out of range, by the other parser"),
        pytest.param(b"1" * 5000, id="an integer without end"),
        pytest.param(b'{"a": "canary", "\xff": 1}', id="not UTF-8"),
        pytest.param('{"\u755c": 1}'.encode("utf-16-le"), id="UTF-16"),
        pytest.param(b'{"a": "canary" "b": "canary"}', id="a missing comma"),
        pytest.param(b'{"a": "canary\\ud83d", canary}', id="a bare word, by the other parser"),
    ],
)
def test_what_is_no_json_is_refused_without_being_repeated(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        loads(document)

    assert "canary" not in str(caught.value)
