"""docs/errors.md has every error that packy can answer, log or print, and none that it cannot."""

from __future__ import annotations

import ast
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, get_args

import packy.routing  # noqa: F401 - brings in its errors
from packy import errors
from packy.ledger.failures import Reason
from packy.upstream import UpstreamError
from packy.upstream.probe.result import ProbeCode
from tests.docs.pages import page, words
from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = page("docs/errors.md")
FAILURES, REFUSALS, PROBES, STARTING, REASONS = PAGE.tables
# No texts of packy's, or no texts.
FOREIGN = {"messages.2.content.0: …", "limits.max-body"}


def syntax(*places: str) -> Iterator[ast.AST]:
    for each in places:
        place = ROOT / each
        for path in place.rglob("*.py") if place.is_dir() else (place,):
            if "demo" not in path.parts:
                yield from ast.walk(ast.parse(path.read_text()))


def text_of(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def failure_codes() -> Iterator[str]:
    """Yield the code of every failure that is made somewhere: positional, by keyword, or in a table."""
    places = {"Failure": 3, "interrupted": 1, "replace": 9}
    for node in syntax("packy/translation", "packy/upstream", "packy/exchange", "blueprints"):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in places:
                yield from map(text_of, args[places[name] : places[name] + 1])
                yield from (text_of(each.value) for each in keywords if each.arg == "code")
            case ast.Tuple(elts=[_, ast.Constant(value=int()), ast.Constant(), ast.Constant(value=str() as code), _]):
                yield code


def own_answers() -> Iterator[tuple[int, str]]:
    """Yield status and type of everything that packy answers of its own accord, the management API left out."""
    todo: list[type[errors.GatewayError]] = [errors.GatewayError]
    while todo:
        kind = todo.pop()
        if not issubclass(kind, errors.ManagementError | UpstreamError) and kind.__module__.startswith("packy."):
            yield kind.status, kind.type
            todo += kind.__subclasses__()
    for node in syntax("packy", "middleware", "blueprints"):
        match node:
            case ast.Call(func=ast.Name(id="GatewayError"), keywords=keywords):
                given = {each.arg: each.value for each in keywords}
                status = given.get("status")
                if isinstance(status, ast.Constant) and isinstance(status.value, int):
                    yield status.value, text_of(given.get("type")) or errors.GatewayError.type
            case ast.Tuple(elts=[ast.Name(), ast.Constant(value=int() as refused), ast.Constant() | ast.Name()]) if (
                refused in set(HTTPStatus)
            ):
                yield refused, "invalid_request_error"


def column(table: list[list[str]], place: int = 0) -> list[str]:
    return [row[place] for row in table[1:]]


def names(table: list[list[str]]) -> list[str]:
    """The first column, without the backquotes."""
    return [cell.strip("`") for cell in column(table)]


def test_every_failure_is_explained_and_nothing_else() -> None:
    assert sorted(names(FAILURES)) == sorted(set(failure_codes()) - {""})


def test_every_refusal_is_explained_and_nothing_else() -> None:
    named = {(int(status), kind) for status, kind in re.findall(r"(\d{3}) `([a-z_]+)`", "\n".join(column(REFUSALS)))}
    assert named == set(own_answers())


def test_every_finding_of_a_live_check_is_explained_and_nothing_else() -> None:
    assert names(PROBES) == list(get_args(ProbeCode))


def test_every_reason_of_the_ledger_is_explained_and_nothing_else() -> None:
    assert names(REASONS) == list(get_args(Reason))


def literals() -> str:
    """All texts in the code, one a line; `…` stands for what is filled in."""
    found = []
    for node in syntax("packy", "middleware", "blueprints", "wsgi.py", "gunicorn.conf.py"):
        match node:
            case ast.JoinedStr(values=parts):
                found.append("".join(text_of(part) or "…" for part in parts))
            case ast.Constant(value=str() as text):
                found.append(text)
    return "\n".join(found)


def test_the_messages_are_as_packy_says_them() -> None:
    everything = literals()
    for cell in (*column(REFUSALS, 1), *column(STARTING)):
        for quoted in words(cell) - FOREIGN:
            assert quoted.replace("N problems", "").replace(" N ", " … ").strip("… ") in everything, quoted


def test_every_row_has_a_repair() -> None:
    assert all(all(cell for cell in row) for table in PAGE.tables for row in table)
