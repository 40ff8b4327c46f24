"""Web searches: a `web_search_call` item becomes a `server_tool_use` block and its `web_search_tool_result`.

What was found is known at once where the upstream says the search's sources, as `include` can ask it to. Otherwise the
result block is held back until the text that follows has cited its pages.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.signature import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packy.translation.message import MessageWriter

__all__ = ["Searches", "citation", "sources_of"]

Json = dict[str, Any]

_NAME = "web_search"
_LONGEST_CITED_TEXT = 150
_FAILED = {"type": "web_search_tool_result_error", "error_code": "unavailable"}


class Searches:
    """The web searches of one answer.

    Args:
        writer: where their blocks go.

    Attributes:
        count: how many there were.
    """

    __slots__ = ("_cited", "_held", "_writer", "count")

    def __init__(self, writer: MessageWriter) -> None:
        self._writer = writer
        self._held: str | None = None
        self._cited: dict[str, str] = {}
        self.count = 0

    def search(self, tool_use_id: str, query: str) -> None:
        """Write that a search was made; its result is held back until it is found, failed, or released."""
        self.release()
        self.count += 1
        self._writer.open({"type": "server_tool_use", "id": tool_use_id, "name": _NAME, "input": {}})
        self._writer.arguments(codec.dumps({"query": query}).decode("utf-8"))
        self._writer.close()
        self._held = tool_use_id
        self._cited = {}

    def found(self, pages: Iterable[tuple[str, str]]) -> None:
        """Write the result that is held back.

        Args:
            pages: address and title of each; a page is given once.
        """
        results = [
            {
                "type": "web_search_result",
                "url": url,
                "title": title or url,
                "encrypted_content": _opaque(url),
                "page_age": None,
            }
            for url, title in dict(pages).items()
        ]
        self._result(results)

    def failed(self) -> None:
        """Write that the search that is held back found nothing because it failed."""
        self._result(_FAILED)

    def cited(self, url: str, title: str) -> None:
        """Take a page that a text cites: the result that is held back has it."""
        if self._held is not None:
            self._cited[url] = self._cited.get(url) or title

    def release(self, *, cited_only: bool = False) -> None:
        """Write the result that is held back, if there is one, with the pages cited so far.

        Args:
            cited_only: go on holding it back if none has been.
        """
        if self._held is not None and (self._cited or not cited_only):
            self.found(self._cited.items())

    def _result(self, content: list[Json] | Json) -> None:
        self._writer.open({"type": "web_search_tool_result", "tool_use_id": self._held, "content": content})
        self._writer.close()
        self._held = None


def sources_of(action: Json) -> list[tuple[str, str]] | None:
    """Read the pages that a search found.

    Args:
        action: of the `web_search_call` item.

    Returns:
        Address and title of each, the title empty where the upstream says none; None where it says no sources at all.
    """
    sources = action.get("sources")
    if not isinstance(sources, list):
        return None
    pages: dict[str, str] = {}
    for source in sources:
        # A source may also be one of the upstream's own feeds, which has a name and no address.
        if isinstance(source, dict) and isinstance(url := source.get("url"), str) and url:
            title = source.get("title")
            pages[url] = pages.get(url) or (title if isinstance(title, str) else "")
    return list(pages.items())


def citation(annotation: Json, text: str) -> Json | None:
    """Translate an annotation of a text.

    Args:
        annotation: of an `output_text` part.
        text: the part's text as far as it is known; its indexes count characters.

    Returns:
        The citation; None where the annotation cites no web page.
    """
    url = annotation.get("url")
    if annotation.get("type") != "url_citation" or not isinstance(url, str) or not url:
        return None
    title = annotation.get("title")
    start, end = annotation.get("start_index"), annotation.get("end_index")
    valid = type(start) is type(end) is int and 0 <= start < end <= len(text)
    return {
        "type": "web_search_result_location",
        "url": url,
        "title": title if isinstance(title, str) and title else url,
        "cited_text": text[start:end][:_LONGEST_CITED_TEXT] if valid else "",
        "encrypted_index": _opaque(url),
    }


def _opaque(url: str) -> str:
    """Fill a field that only the Messages API's own servers could read."""
    return PREFIX + hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
