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

    def within(self, place: str) -> InvalidRequest:
        """Tell the same from one level further out.

        Each level adds its own place, so that nobody writes down paths while nothing is wrong.

        Args:
            place: where, in the whole, the part stands that the path so far leads through: `messages.2`.

        Returns:
            The error, its path lengthened.
        """
        return InvalidRequest(f"{place}.{self.path}" if self.path else place, self.problem)
