import struct
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.tokens import image_size, image_tokens
from packy.tokens.images import image_block_tokens

File = Callable[[int, int], bytes]


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x06\0\0\0"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\xf7\0\0"


def jpeg(width: int, height: int, frame: int = 0xC0, before: bytes = b"") -> bytes:
    return b"\xff\xd8" + before + struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3) + bytes(9)


def segment(marker: int, length: int) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, length + 2) + b"\xc0" * length


def webp(chunk: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def webp_lossy(width: int, height: int) -> bytes:
    return webp(
        b"VP8 "
        + struct.pack("<I", 99)
        + b"\x30\x01\0\x9d\x01\x2a"
        + struct.pack("<HH", width | 0x4000, height | 0x8000)
    )


def webp_lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L" + struct.pack("<IBI", 99, 0x2F, (width - 1) | (height - 1) << 14 | 1 << 28))


def webp_extended(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X" + struct.pack("<II", 10, 0x10) + sides)


FILES = [
    pytest.param(png, (64, 48), id="png"),
    pytest.param(png, (70_000, 3), id="png, wide"),
    pytest.param(gif, (320, 200), id="gif"),
    pytest.param(jpeg, (1024, 768), id="jpeg"),
    pytest.param(lambda w, h: jpeg(w, h, frame=0xC2), (1024, 768), id="jpeg, progressive"),
    pytest.param(lambda w, h: jpeg(w, h, before=segment(0xE1, 65_000) * 2), (4032, 3024), id="jpeg, large EXIF"),
    pytest.param(lambda w, h: jpeg(w, h, before=segment(0xC4, 30)), (10, 20), id="jpeg, tables first"),
    pytest.param(
        lambda w, h: jpeg(w, h, before=b"\xff\xff\xff\x01"), (10, 20), id="jpeg, fill bytes and a bare marker"
    ),
    pytest.param(webp_lossy, (640, 480), id="webp, lossy"),
    pytest.param(webp_lossless, (16_384, 1), id="webp, lossless"),
    pytest.param(webp_extended, (100_000, 70_000), id="webp, extended"),
]


@pytest.mark.parametrize(("file", "size"), FILES)
def test_the_size_is_read_from_the_header(file: File, size: tuple[int, int]) -> None:
    assert image_size(file(*size)) == size


@pytest.mark.parametrize(("file", "size"), FILES)
def test_a_header_that_ends_too_early_has_no_size(file: File, size: tuple[int, int]) -> None:
    data = file(*size)
    for end in [*range(24), *range(24, len(data), 997)]:
        assert image_size(data[:end]) in {None, size}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BM" + bytes(60),
        b"<svg/>",
        png(0, 5),
        gif(5, 0),
        jpeg(0, 0),
        webp(b"ALPH" + bytes(40)),
        b"\xff\xd8\xff\xd9\0\0",
    ],
    ids=["empty", "bmp", "svg", "png 0", "gif 0", "jpeg 0", "webp without an image", "jpeg without a frame"],
)
def test_what_has_no_size_is_unknown(data: bytes) -> None:
    assert image_size(data) is None


MAGICS = [
    b"",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"GIF89a",
    b"\xff\xd8\xff",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"RIFF\0\0\0\0WEBPVP8X",
]


@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=200))
def test_no_bytes_raise(magic: bytes, rest: bytes) -> None:
    size = image_size(magic + rest)
    assert size is None or min(size) > 0


@pytest.mark.parametrize(
    ("width", "height", "tiles"),
    [
        pytest.param(1, 1, 1, id="a pixel"),
        pytest.param(512, 512, 1, id="one tile"),
        pytest.param(513, 512, 2, id="one pixel more"),
        pytest.param(1024, 1024, 4, id="the guide's square example"),
        pytest.param(2048, 4096, 6, id="the guide's tall example"),
        pytest.param(4096, 8192, 6, id="scaled twice as much"),
        pytest.param(1920, 1080, 6, id="a screen"),
        pytest.param(2049, 513, 8, id="billed so: 512.75 pixels are 513"),
        pytest.param(2050, 513, 4, id="billed so: 512.499 pixels are 512"),
        pytest.param(1, 60_000, 4, id="a line"),
    ],
)
@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.1", "gpt-5-codex", "gpt-5.1-codex-max", "house-model"])
def test_gpt_5_pays_70_and_140_a_tile(model: str, width: int, height: int, tiles: int) -> None:
    assert image_tokens(width, height, model) == 70 + 140 * tiles
    assert image_tokens(height, width, model) == 70 + 140 * tiles


@pytest.mark.parametrize(
    ("model", "width", "height", "tokens"),
    [
        pytest.param("gpt-5-mini", 1024, 1024, 1659, id="the guide's 1,024 patches, rate 1.62"),
        pytest.param("gpt-5-mini", 1800, 2400, 2353, id="the guide's 1,452 patches, rate 1.62"),
        pytest.param("gpt-5-nano", 1800, 2400, 3572, id="rate 2.46"),
        pytest.param("codex-mini-latest", 1024, 1024, 1762, id="rate 1.72"),
        pytest.param("gpt-5.1-codex-mini", 1024, 1024, 1659, id="codex mini"),
        pytest.param("gpt-5.2-codex", 1024, 1024, 1229, id="rate 1.2"),
        pytest.param("gpt-5.5", 1245, 1395, 2060, id="as billed in a recorded response"),
        pytest.param("gpt-5.5", 256, 256, 77, id="rounded up"),
        pytest.param("gpt-5.5", 3840, 2160, 9792, id="above the budget of older models"),
        pytest.param("gpt-5.5", 4032, 3024, 11_868, id="at the budget of 10,000 patches"),
        pytest.param("gpt-5.4", 2560, 1440, 2765, id="at 2,048 pixels"),
        pytest.param("gpt-5.6-sol", 4032, 3024, 14_364, id="no budget"),
        pytest.param("gpt-6-astra", 65_535, 65_535, 35_915, id="at the limit of 30,000 patches"),
        pytest.param("gpt-5-mini", 1, 49_152, 104, id="a line"),
    ],
)
def test_other_models_pay_by_patch(model: str, width: int, height: int, tokens: int) -> None:
    assert image_tokens(width, height, model) == tokens


@given(width=st.integers(1, 2**32 - 1), height=st.integers(1, 2**32 - 1))
@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "gpt-5.4", "gpt-5.5", "gpt-6-astra"])
def test_every_size_costs_a_bounded_amount(model: str, width: int, height: int) -> None:
    assert 0 < image_tokens(width, height, model) <= 36_000


def test_a_block_costs_what_its_pixels_cost() -> None:
    data = b64encode(png(2048, 4096) + bytes(3_000_000)).decode()
    assert image_block_tokens(data, "gpt-5") == 910


@pytest.mark.parametrize("data", [None, 5, "", "%%%", "é", "AAAA", "iVBOR"], ids=ascii)
def test_an_image_of_unknown_size_costs_as_much_as_1024_pixels_square(data: object) -> None:
    assert image_block_tokens(data, "gpt-5") == 630


def test_line_breaks_in_base64_are_no_obstacle() -> None:
    text = b64encode(jpeg(512, 512, before=segment(0xE1, 5000))).decode()
    lines = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    assert image_block_tokens(lines, "gpt-5") == 210
