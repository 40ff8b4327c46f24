"""An answer as one message, for callers that do not stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.message import MessageWriter

if TYPE_CHECKING:
    from packy.translation.usage import Usage

__all__ = ["MessageFolder"]


class MessageFolder(MessageWriter):
    """Folds the steps of an answer into one message.

    Attributes:
        message: the message so far; whole once `finish` has been called.
    """

    __slots__ = ("_open", "_pieces", "message")

    def __init__(self) -> None:
        super().__init__()
        self.message: dict[str, Any] = {}
        self._open = False
        self._pieces: dict[str, list[str]] = {}

    def _started(self, message: dict[str, Any]) -> None:
        self.message = message

    def _opened(self, block: dict[str, Any]) -> None:
        self.message["content"].append(dict(block))
        self._open = True
        self._pieces = {}

    def _delta(self, kind: str, field: str, value: str) -> None:  # noqa: ARG002 - the stream needs the kind, we do not
        self._pieces.setdefault(field, []).append(value)

    def _cited(self, citation: dict[str, Any]) -> None:
        self.message["content"][-1].setdefault("citations", []).append(citation)

    def _closed(self) -> None:
        self._open = False
        block = self.message["content"][-1]
        for field, pieces in self._pieces.items():
            if field == "partial_json":
                block["input"] = _parse_arguments("".join(pieces))
            else:
                block[field] = "".join(pieces)
        self._pieces = {}

    def _finished(self, stop_reason: str, usage: Usage, stop_sequence: str | None) -> None:
        self._drop_open_call()
        self.message["stop_reason"] = stop_reason
        self.message["stop_sequence"] = stop_sequence
        self.message["usage"] = {**self.message["usage"], **usage}

    def _failed(self, type: str, message: str) -> None:  # noqa: A002, ARG002 - the protocol's word; the caller has both
        """Leave the rest of the message as it is: its caller answers with the error instead."""
        self._drop_open_call()

    def _drop_open_call(self) -> None:
        if self._open:
            self.message["content"].pop()


def _parse_arguments(text: str) -> dict[str, Any]:
    """Read a call's arguments; what is no JSON object is wrapped as the tool-use guide of the Messages API has it."""
    if not text:
        return {}
    try:
        parsed = codec.loads_exactly(text)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"INVALID_JSON": text}
