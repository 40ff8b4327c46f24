"""The documentation as data: headings, tables, code blocks, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
# As on GitHub: letters, digits, `_` and `-` stay, blanks become hyphens.
_NO_ANCHOR = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands behind the fence, and its text."""

    info: str
    text: str


@dataclass(frozen=True)
class Page:
    """A Markdown page."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def prose(self) -> str:
        """Everything but the fenced blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def blocks(self) -> list[Block]:
        return [Block(info.strip(), text) for info, text in _FENCE.findall(self.text)]

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        return [(len(marks), title) for marks, title in _HEADING.findall(self.prose)]

    @cached_property
    def anchors(self) -> set[str]:
        return {_NO_ANCHOR.sub("", title.lower()).replace(" ", "-") for _, title in self.headings}

    @cached_property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    @property
    def names(self) -> set[str]:
        """What stands in backquotes outside of the fenced blocks."""
        return words(self.prose)

    @cached_property
    def tables(self) -> list[list[list[str]]]:
        """All tables: rows of cells, without the line under the head."""
        tables: list[list[list[str]]] = []
        previous = ""
        for line in self.prose.splitlines():
            if line.startswith("|"):
                if not previous.startswith("|"):
                    tables.append([])
                cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
                if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                    tables[-1].append(cells)
            previous = line
        return tables

    def section(self, title: str) -> str:
        """The text under a heading, up to the next of its level or above."""
        found = re.search(rf"^(#+) {re.escape(title)}$", self.text, re.MULTILINE)
        assert found, f"{self.name} has no heading {title!r}"
        rest = self.text[found.end() :]
        end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest


def page(name: str) -> Page:
    """A page by its path from the root."""
    return Page(ROOT / name)


def all_pages() -> list[Page]:
    """The pages at the root, those in docs/, and those that explain a folder."""
    folders = ("docs", "deploy", ".github")
    found = [*ROOT.glob("*.md"), *(path for each in folders for path in (ROOT / each).rglob("*.md"))]
    return [Page(path) for path in sorted(found)]


def words(text: str) -> set[str]:
    """What a text has in backquotes."""
    return set(re.findall(r"`([^`\n]+)`", text))
