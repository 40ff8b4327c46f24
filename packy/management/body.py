"""The body of a management request: one JSON object, read strictly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from packy.errors import ManagementError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["read_object"]

_DEEPEST: Final = 10


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object, whatever content type it was sent with.

    Args:
        data: the body.

    Returns:
        The object.

    Raises:
        ManagementError: 400; it is no JSON in UTF-8, has a key twice, or is something else than an object.
    """
    if not data.strip():
        raise _bad("is empty; send a JSON object")
    try:
        text = data.decode("utf-8-sig")
        body = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
        # `\ud800` is JSON, but no text.
        json.dumps(body, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    except UnicodeError:
        problem = "is not UTF-8 text"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError:
        problem = "has a number that is too long"
    else:
        if isinstance(body, dict) and _is_flat(body):
            return body
        problem = "is nested too deeply" if isinstance(body, dict) else 'must be a JSON object, as in {"enabled": true}'
    raise _bad(problem)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _bad("has a key twice in one object; send it once")
    return found


def _is_flat(body: object) -> bool:
    """Tell whether there is no end to follow: the object has two levels, and this is generous."""
    level = [body]
    for _ in range(_DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in _inside(each)]
    return not level


def _inside(container: dict[str, object] | list[object]) -> Iterable[object]:
    return container.values() if isinstance(container, dict) else container


def _constant(_name: str) -> NoReturn:
    raise _bad("has a number that JSON does not have (NaN or Infinity)")


def _bad(problem: str) -> ManagementError:
    return ManagementError(400, "bad_request", f"the body {problem}")
