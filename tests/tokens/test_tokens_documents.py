import time
import zlib
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.tokens import count_text, image_tokens, pdf_pages
from packy.tokens.documents import UNKNOWN_PAGES, base64_document_tokens, pages_tokens

PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"
TREE = b"2 0 obj << /Type /Pages /Count 3 /Kids [] >> endobj\n"


def plain(pages: int, page: bytes = PAGE) -> bytes:
    objects = b"".join(b"%d 0 obj %s endobj\n" % (number + 3, page) for number in range(pages))
    return b"%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n" + TREE + objects + b"%%EOF\n"


def object_stream(content: bytes, header: bytes = b"/Type /ObjStm /N 9 /First 40 /Filter /FlateDecode") -> bytes:
    packed = zlib.compress(content)
    return b"7 0 obj <<%s /Length %d>>stream\r\n%s\r\nendstream endobj\n" % (header, len(packed), packed)


@pytest.mark.parametrize("pages", [1, 2, 57])
@pytest.mark.parametrize(
    "page",
    [PAGE, b"<</Type/Page/Parent 2 0 R>>", b"<</Parent 2 0 R/Type\n/Page>>"],
    ids=["spaced", "compact", "line break"],
)
def test_page_objects_are_counted_and_the_page_tree_is_not(pages: int, page: bytes) -> None:
    assert pdf_pages(plain(pages, page)) == pages


def test_pages_in_compressed_object_streams_are_counted() -> None:
    data = plain(1) + object_stream(PAGE * 40) + object_stream(TREE) + object_stream(PAGE * 2, b"/Type/ObjStm/N 2")
    assert pdf_pages(data) == 43


@pytest.mark.parametrize(
    ("data", "pages"),
    [
        pytest.param(b"%PDF-1.7 " + bytes(120_000), 3, id="nothing readable"),
        pytest.param(object_stream(b"").replace(b"x\x9c", b"??"), 1, id="not deflated, or encrypted"),
        pytest.param(b"/Type /ObjStm" + bytes(600) + b"stream\nendstream", 1, id="stream too far away"),
        pytest.param(b"/Type /ObjStm >>stream\n" + zlib.compress(PAGE), 1, id="stream without an end"),
        pytest.param(b"", 1, id="empty"),
    ],
)
def test_a_pdf_without_readable_pages_is_estimated_by_its_size(data: bytes, pages: int) -> None:
    assert pdf_pages(data) == pages


BOMB = object_stream(b" " * 2**24)
HEADER = b"/Type/ObjStm stream\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(BOMB * 1000, id="bombs"),
        pytest.param(HEADER * 500_000, id="streams that never end"),
        pytest.param(HEADER * 500_000 + b"endstream", id="streams that end together"),
        pytest.param((HEADER + b"endstream ") * 300_000, id="many empty streams"),
        pytest.param(b"/Type/ObjStm " * 800_000, id="many headers"),
        pytest.param((b"/Type" + b" " * 8) * 800_000, id="many types"),
    ],
)
def test_hostile_pdfs_take_bounded_time(data: bytes) -> None:
    started = time.perf_counter()
    assert pdf_pages(data) >= 1
    assert time.perf_counter() - started < 5


@given(
    data=st.lists(st.sampled_from([HEADER, PAGE, b"endstream", b"\r\n", b"x\x9c"]) | st.binary(max_size=30)).map(
        b"".join
    )
)
def test_no_bytes_raise(data: bytes) -> None:
    assert pdf_pages(data) >= 1


def test_a_page_costs_its_text_and_its_image() -> None:
    assert pages_tokens(3, "gpt-5") == 3 * (800 + 630)
    assert pages_tokens(1, "gpt-5.5") == 800 + image_tokens(768, 994, "gpt-5.5")


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize(
    ("data", "media_type", "tokens"),
    [
        pytest.param(encoded(plain(5)), "application/pdf", lambda: pages_tokens(5, "gpt-5"), id="pdf"),
        pytest.param(encoded(b"two words"), "text/plain", lambda: count_text("two words"), id="text"),
        pytest.param(encoded(b"caf\xe9"), "text/csv", lambda: count_text("caf\ufffd"), id="text, not UTF-8"),
        pytest.param(encoded(plain(2)), None, lambda: pages_tokens(2, "gpt-5"), id="no type"),
        pytest.param("é", "application/pdf", lambda: pages_tokens(UNKNOWN_PAGES, "gpt-5"), id="not base64"),
        pytest.param({"a": 1}, "application/pdf", lambda: pages_tokens(UNKNOWN_PAGES, "gpt-5"), id="not a string"),
    ],
)
def test_a_base64_document_costs_what_is_in_it(data: object, media_type: object, tokens: Callable[[], int]) -> None:
    assert base64_document_tokens(data, media_type, "gpt-5") == tokens()
