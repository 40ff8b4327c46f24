"""Base64 of images and documents is refused where it is none, and handed on as it came where it is."""

from __future__ import annotations

import binascii
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from packy.translation import InvalidRequest, Target, loads, translate_request

Json = dict[str, Any]

ENCODED = st.binary(max_size=40).map(lambda data: binascii.b2a_base64(data, newline=False).decode())
DAMAGED = st.tuples(ENCODED, st.integers(0, 60), st.text(alphabet="=A/+-_ \n\0é😀\ud83d", max_size=5)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
)
ODD = st.text(alphabet="A/=", max_size=10)


def sent(data: str) -> str:
    """Give the URL that an image becomes."""
    source = {"type": "base64", "media_type": "image/png", "data": data}
    messages = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    translation = translate_request({"model": "m", "max_tokens": 1, "messages": messages}, Target("gpt-5"))
    url: str = loads(translation.payload)["input"][0]["content"][0]["image_url"]
    return url


@given(ENCODED | DAMAGED | ODD)
@example("A===")
@example("====")
@example("A AA")
@example("AA==AAAA")
@example("AAA\n")
def test_what_is_taken_is_what_can_be_decoded(data: str) -> None:
    try:
        decoded = binascii.a2b_base64(data.encode("ascii"), strict_mode=True)
    except ValueError:
        decoded = b""
    try:
        taken = sent(data) == f"data:image/png;base64,{data}"
    except InvalidRequest:
        taken = False
    assert taken == bool(decoded)
