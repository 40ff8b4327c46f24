"""Links between pages lead somewhere; those to other places are https."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import Page, all_pages
from tests.support.gateway import ROOT

PAGES = all_pages()


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.name)
def test_every_link_leads_somewhere(source: Page) -> None:
    for link in source.links:
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            continue
        target = (source.path.parent / parts.path).resolve() if parts.path else source.path
        assert target.exists(), f"{source.name} links to {link}, which is not there"
        assert target.is_relative_to(ROOT), link
        if parts.fragment:
            assert parts.fragment in Page(target).anchors, f"{link} has no such heading"


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.name)
def test_a_link_that_is_written_as_a_path_leads_there(source: Page) -> None:
    for shown, link in re.findall(r"\[`?([\w./-]+\.(?:md|yaml|conf))`?\]\(([^)\s#]+)[^)]*\)", source.prose):
        assert ("/" + link).endswith("/" + shown.removeprefix("docs/")), f"{source.name}: {shown} leads to {link}"


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.name)
def test_every_file_that_is_named_is_there(source: Page) -> None:
    """Paths in backquotes, where they are plainly of this repository."""
    roots = ("packy/", "middleware/", "blueprints/", "tests/", "docs/", "deploy/", "contracts/", "bench/", ".ci/")
    for word in source.names:
        if word.startswith(roots) and not set(word) & set(" *…<{"):
            assert (ROOT / word.split(":")[0]).exists(), f"{source.name} names {word}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[str] = set()
    todo = [page for page in PAGES if page.name == "README.md"]
    while todo:
        current = todo.pop()
        if current.name in seen:
            continue
        seen.add(current.name)
        targets = {(current.path.parent / urlsplit(link).path).resolve() for link in current.links if "://" not in link}
        todo += [page for page in PAGES if page.path in targets]
    folders = (".github/", "deploy/")
    assert {page.name for page in PAGES if not page.name.startswith(folders)} - seen == set()
