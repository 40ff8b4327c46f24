from __future__ import annotations

import ast
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gunicorn as installed
import pytest

from packy.telemetry.gunicorn_messages import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "canary-0b0b"


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_installed_gunicorn_has_each_template(template: str, constants: frozenset[str]) -> None:
    halves = ((template[:at], template[at:]) for at in range(1, len(template)))
    assert template in constants or any(one in constants and other in constants for one, other in halves)


@pytest.fixture(scope="module")
def constants() -> frozenset[str]:
    root = Path(installed.__file__).parent
    files = [*root.glob("*.py"), *root.glob("workers/*.py"), *root.glob("http/*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


@pytest.mark.parametrize(
    ("template", "values", "message"),
    [
        ("Booting worker with pid: %s", (7,), "Booting worker with pid: 7"),
        ("Listening at: %s (%s)", ("http://127.0.0.1:8317,unix:/run/p.sock", 7),
         "Listening at: http://127.0.0.1:8317,unix:/run/p.sock (7)"),
        ("Connection in use: %s", ("('127.0.0.1', 8317)",), "Connection in use: ('127.0.0.1', 8317)"),
        ("Reason: %s", ("Worker failed to boot.",), "Reason: Worker failed to boot."),
        ("Reason: %s", (SECRET,), "Reason: other"),
        ("Worker (pid:%s) was sent %s!", (7, "SIGSEGV"), "Worker (pid:7) was sent SIGSEGV!"),
        ("Error handling request %s %s", ("POST", f"/{SECRET}"), "Error handling request POST …"),
        ("Error handling request %s %s", (SECRET, f"/{SECRET}"), "Error handling request other …"),
        ("Closing connection. %s", (ValueError(SECRET),), "Closing connection. …"),
        ("Exception during worker exit:\n%s", (SECRET,), "Exception during worker exit: …"),
        (f"Invalid request from ip=127.0.0.1: {SECRET}", (), "Invalid request, refused by gunicorn"),
        (f"connection to ('127.0.0.1', 1) failed: {SECRET}", (), "Could not bind the listening address"),
        (f"Current configuration:\n{SECRET}", (), None),
        ("%s %s", ("POST", f"/{SECRET}"), None),
        (SECRET, (), None),
        (ValueError(SECRET), (), None),
    ],
)  # fmt: skip
def test_gunicorns_own_messages_are_readable_and_carry_nothing_else(
    template: object, values: tuple[object, ...], message: str | None, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    logging.getLogger("gunicorn.error").error(template, *values)
    (line,) = lines()
    assert line.get("message") == message
    assert SECRET not in repr(line)


def test_other_loggers_cannot_borrow_a_template(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("gunicorn_like").error("Booting worker with pid: %s", 7)
    assert "message" not in lines()[0]
