"""What is wrong with a Messages request, and where."""

from __future__ import annotations

__all__ = ["InvalidRequest"]


class InvalidRequest(ValueError):
    """The caller's body is not a valid Messages request.

    Args:
        path: where, as the Messages API writes it: `messages.2.content.0.source`.
        problem: what is wrong there; never holds the value itself.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem
