"""The Chinese pages say what the English ones say: the same headings, tables, samples and links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import page

if TYPE_CHECKING:
    from tests.docs.pages import Page

PAIRS = [("README.md", "README_CN.md"), ("MANAGEMENT_API.md", "MANAGEMENT_API_CN.md")]
CJK = "\u3400-\u9fff"
# A Chinese character and a Latin letter or digit side by side; punctuation of either kind needs no space.
TOUCHING = re.compile(rf"[{CJK}][A-Za-z0-9`]|[A-Za-z0-9`][{CJK}]")
HALF_WIDTH = re.compile(rf"[{CJK}][,;:!?]|[{CJK}]\.(?:\s|$)")


@pytest.fixture(params=PAIRS, ids=lambda pair: pair[0])
def pair(request: pytest.FixtureRequest) -> tuple[Page, Page]:
    english, chinese = request.param
    return page(english), page(chinese)


def shape(of: Page) -> list[tuple[int, list[int]]]:
    return [(len(table), [len(row) for row in table]) for table in of.tables]


def targets(of: Page) -> list[str]:
    """The links, but for those from one language to the other; pictures may be in the page's own."""
    own = {name for names in PAIRS for name in names}
    return sorted(link.replace("-zh.png", ".png") for link in of.links if link not in own)


def test_the_headings_have_the_same_levels(pair: tuple[Page, Page]) -> None:
    english, chinese = ([level for level, _ in each.headings] for each in pair)
    assert english == chinese


def test_the_tables_have_the_same_rows_and_columns(pair: tuple[Page, Page]) -> None:
    english, chinese = map(shape, pair)
    assert english == chinese


def test_the_samples_are_the_same(pair: tuple[Page, Page]) -> None:
    english, chinese = pair
    assert english.blocks == chinese.blocks


def test_the_links_lead_to_the_same_places(pair: tuple[Page, Page]) -> None:
    english, chinese = map(targets, pair)
    assert english == chinese


def test_the_same_names_are_in_backquotes(pair: tuple[Page, Page]) -> None:
    english, chinese = (each.names for each in pair)
    assert english - chinese == set()
    assert chinese - english == set()


def test_each_leads_to_the_other(pair: tuple[Page, Page]) -> None:
    english, chinese = pair
    assert chinese.name in english.links
    assert english.name in chinese.links


def test_chinese_and_latin_are_set_apart(pair: tuple[Page, Page]) -> None:
    assert TOUCHING.findall(pair[1].prose) == []


def test_chinese_sentences_have_chinese_punctuation(pair: tuple[Page, Page]) -> None:
    assert HALF_WIDTH.findall(pair[1].prose) == []


def test_the_english_pages_are_in_english() -> None:
    for english, _ in PAIRS:
        assert re.findall(rf"[{CJK}]+", page(english).prose) == ["中文"]
