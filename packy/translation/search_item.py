"""The server's own web searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packy.translation.item import Item, array, string
from packy.translation.web_search import sources_of

if TYPE_CHECKING:
    from packy.translation.item import Answer, Json

__all__ = ["SearchItem"]


class SearchItem(Item):
    """A web search: known when it is over. Pages that the model opened or searched through are counted as ignored."""

    __slots__ = ("_begun",)

    def __init__(self, answer: Answer, number: int) -> None:
        super().__init__(answer, number)
        self._begun: Json = {}

    def begin(self, item: Json) -> None:
        """Keep what is known, should there be no more."""
        self._begun = item

    def finish(self, item: Json) -> None:
        """Write the search, and its result where it is known."""
        item = item or self._begun
        action = item.get("action")
        action = action if isinstance(action, dict) else {}
        if action.get("type", "search") != "search":
            self.answer.ignored += 1
            return
        queries = (string(query) for query in (action.get("query"), *array(action.get("queries"))))
        searches = self.answer.searches
        searches.search(self.answer.fresh_id("srvtoolu_", item, self.number), next(filter(None, queries), ""))
        if item.get("status") == "failed":
            searches.failed()
        elif (pages := sources_of(action)) is not None:
            searches.found(pages)
