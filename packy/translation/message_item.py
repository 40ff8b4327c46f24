"""What a model says: text, refusals, and the pages that it cites."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from packy.translation.item import Item, array, string
from packy.translation.web_search import citation

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.translation.item import Answer, Json

__all__ = ["MessageItem"]

# What tells one annotation of a part from another.
_IDENTIFYING = ("type", "url", "file_id", "start_index", "end_index")


class MessageItem(Item):
    """Text blocks, one for each content part; a refusal is text too. Annotations that cite no web page are ignored."""

    __slots__ = ("_given", "_let_through", "_noted", "_open", "_runs", "_text", "_write")

    handlers: ClassVar = {
        "response.output_text.delta": "text_delta",
        "response.output_text.done": "text_done",
        "response.output_text.annotation.added": "annotation_added",
        "response.refusal.delta": "refusal_delta",
        "response.refusal.done": "refusal_done",
        "response.content_part.done": "part_done",
    }

    def __init__(self, answer: Answer, number: int) -> None:
        super().__init__(answer, number)
        self._given: dict[int, int] = {}
        self._open: int | None = None
        self._let_through = self._write = answer.stops.text if answer.stops else self.writer.text
        # Only what follows a search is likely to cite: other texts need not be kept.
        self._text: list[str] = []
        if answer.searches.count:
            self._write = self._keep
        # Stop sequences, and citations behind a search, want to see the text.
        self._runs = not answer.stops and not answer.searches.count
        self._noted: set[tuple[object, ...]] = set()

    @property
    def characters(self) -> int:
        """How many it has handed on, where stop sequences do not count them."""
        return 0 if self.answer.stops else sum(self._given.values())

    def text_delta(self, event: Json) -> None:
        """Hand on a piece of text."""
        self._give(event.get("content_index"), string(event.get("delta")))

    def text_done(self, event: Json) -> None:
        """Hand on what the deltas left out."""
        self._complete(event.get("content_index"), string(event.get("text")))

    def run_part(self, event: Json) -> int | None:
        """Any part, where nobody wants to see the text."""
        index = event.get("content_index")
        part = index if isinstance(index, int) else 0
        return part if self.takes_run(part) else None

    def takes_run(self, part: int) -> bool:
        """While its block is the open one."""
        return self._runs and self._open == part

    @property
    def run_writer(self) -> Callable[[bytes], None]:
        """What writes text."""
        return self.writer.run_text

    def ran(self, part: int, characters: int) -> None:
        """Count the characters of a part."""
        self._given[part] += characters

    def annotation_added(self, event: Json) -> None:
        """Cite a page."""
        self._annotate(event.get("content_index"), [event.get("annotation")], "".join(self._text))

    def refusal_delta(self, event: Json) -> None:
        """Hand on a piece of a refusal."""
        self.answer.refused = True
        self._give(event.get("content_index"), string(event.get("delta")))

    def refusal_done(self, event: Json) -> None:
        """Hand on what the deltas of a refusal left out."""
        self.answer.refused = True
        self._complete(event.get("content_index"), string(event.get("refusal")))

    def part_done(self, event: Json) -> None:
        """Hand on what only the finished part carries."""
        self._complete_part(event.get("content_index"), event.get("part"))

    def finish(self, item: Json) -> None:
        """Hand on what only the finished item carries, close; then what a search has found is known."""
        for index, part in enumerate(array(item.get("content"))):
            self._complete_part(index, part)
        self._close()
        self.answer.searches.release(cited_only=True)

    def _complete_part(self, index: object, part: object) -> None:
        if isinstance(part, dict):
            self.answer.refused = self.answer.refused or part.get("type") == "refusal"
            text = string(part.get("text")) or string(part.get("refusal"))
            self._complete(index, text)
            self._annotate(index, array(part.get("annotations")), text)

    def _complete(self, index: object, whole: str) -> None:
        self._give(index, whole[self._given.get(index if isinstance(index, int) else 0, 0) :])

    def _give(self, index: object, text: str) -> None:
        if not text:
            return
        part = index if isinstance(index, int) else 0
        if self._open != part:
            self._close()
            self.writer.open({"type": "text", "text": ""})
            self._open = part
        self._given[part] = self._given.get(part, 0) + len(text)
        self._write(text)

    def _keep(self, text: str) -> None:
        self._text.append(text)
        self._let_through(text)

    def _close(self) -> None:
        if self._open is not None:
            if self.answer.stops:
                self.answer.stops.flush()
            self.writer.close()
            self._open = None
            self._text.clear()

    def _annotate(self, index: object, annotations: list[object], text: str) -> None:
        part = index if isinstance(index, int) else 0
        for annotation in annotations:
            if not isinstance(annotation, dict):
                continue
            # Said up to four times, as texts are.
            which = (
                part,
                *(_plain(annotation.get(key)) for key in _IDENTIFYING),
            )
            if which in self._noted:
                continue
            self._noted.add(which)
            cited = citation(annotation, text)
            if cited is None:
                self.answer.ignored += 1
                continue
            self.answer.searches.cited(cited["url"], cited["title"])
            if part == self._open:
                self.writer.cite(cited)


def _plain(value: object) -> object:
    return value if isinstance(value, str | int) else None
