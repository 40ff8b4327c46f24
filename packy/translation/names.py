"""Tool names and call ids within the limits of the Responses API, and back.

The Responses API takes tool names that match `^[a-zA-Z0-9_-]{1,64}$` and call ids of up to 64 characters; MCP tools of
Claude Code have longer ones (measured with Claude Code 2.1.197). A short form depends on nothing but the long one, so
it is the same in every turn, worker and process, and the upstream's prompt cache holds.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ToolNames", "short_call_id"]

LIMIT = 64
_ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def short_call_id(call_id: str) -> str:
    """Give the form of a tool_use id that fits the Responses API.

    Args:
        call_id: the id as the client knows it.

    Returns:
        The id itself, or `call_` and 40 hex digits that depend on it alone.
    """
    return call_id if len(call_id) <= LIMIT else f"call_{_digest(call_id)[:40]}"


class ToolNames:
    """The tool names of one request: the client's → the upstream's, and back for the answer.

    Args:
        names: every tool name the request declares. Names that fit are taken first, so that no short form takes one's
            place.
    """

    __slots__ = ("_downstream", "_upstream")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._upstream: dict[str, str] = {}
        self._downstream: dict[str, str] = {}
        odd = []
        for name in names:
            if _ALLOWED.fullmatch(name):
                self._upstream[name] = self._downstream[name] = name
            else:
                odd.append(name)
        for name in odd:
            self.upstream(name)

    def upstream(self, name: str) -> str:
        """Give the name to send upstream; names from the history that no tool declares are added on the way.

        Args:
            name: the client's name.

        Returns:
            A name that the Responses API takes, unique in this request.
        """
        known = self._upstream.get(name)
        if known is not None:
            return known
        fits = _ALLOWED.fullmatch(name) and name not in self._downstream
        short = name if fits else self._shorten(name)
        self._upstream[name] = short
        self._downstream[short] = name
        return short

    def downstream(self, name: str) -> str:
        """Give the client's name for one that the upstream used.

        Args:
            name: the name in the upstream's answer.

        Returns:
            The client's name; one that was never sent is handed on as it is.
        """
        return self._downstream.get(name, name)

    def _shorten(self, name: str) -> str:
        digest = _digest(name)
        readable = _FORBIDDEN.sub("_", name)
        for width in range(8, len(digest)):
            short = f"{readable[: LIMIT - width - 1]}_{digest[:width]}"
            if short not in self._downstream:
                return short
        return digest
