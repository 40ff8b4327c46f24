from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from packy.errors import InvalidRequest, PackyError
from packy.telemetry import describe, logger

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "canary-5d1c"


def deep(levels: int) -> None:
    if levels == 0:
        raise KeyError(SECRET)
    deep(levels - 1)


def caught(run: Callable[[], None]) -> BaseException:
    try:
        run()
    except Exception as error:  # noqa: BLE001 - whatever it raises
        return error
    pytest.fail("raised nothing")


def test_it_tells_the_type_and_the_innermost_frames() -> None:
    description = describe(caught(lambda: deep(10)))
    assert description["error_type"] == "KeyError"
    assert len(description["location"]) == 4
    assert re.fullmatch(r"tests/telemetry/test_exception_description\.py:\d+ in deep", description["location"][-1])


def test_the_text_is_not_in_it() -> None:
    assert SECRET not in repr(describe(caught(lambda: deep(1))))


def test_library_files_are_named_from_their_package() -> None:
    description = describe(caught(lambda: re.compile("(")))  # type: ignore[arg-type] # it raises
    assert [re.sub(r":\d+ ", " ", place) for place in description["location"][1:]] == [
        "re/__init__.py in compile", "re/__init__.py in _compile", "re/_compiler.py in compile",
    ] or description["location"][-1].startswith("re/_parser.py:")  # fmt: skip


def test_causes_are_told_by_type_nearest_first() -> None:
    def fail() -> None:
        try:
            try:
                deep(0)
            except KeyError:
                raise OSError(SECRET)  # noqa: B904 - the context counts too
        except OSError as error:
            raise InvalidRequest("a.b", SECRET) from error

    description = describe(caught(fail))
    assert description["error_type"] == "packy.errors.InvalidRequest"
    assert description["caused_by"] == ["OSError", "KeyError"]


def test_a_suppressed_context_is_no_cause() -> None:
    def fail() -> None:
        try:
            deep(0)
        except KeyError:
            raise OSError(SECRET) from None

    assert "caused_by" not in describe(caught(fail))


def test_a_ring_of_causes_ends() -> None:
    one, other = KeyError(), OSError()
    one.__cause__, other.__cause__ = other, one
    assert len(describe(one)["caused_by"]) <= 5


def test_packys_word_on_its_own_configuration_is_told_on_one_line() -> None:
    assert describe(PackyError("port: is not a number\n  write `port: 8317`"))["message"] == (
        "port: is not a number write `port: 8317`"
    )


def test_what_is_said_to_a_caller_is_not_told() -> None:
    assert "message" not in describe(InvalidRequest("messages.0", SECRET))


@pytest.mark.parametrize("form", ["true", "instance", "triple"])
def test_exc_info_becomes_such_a_description(form: str, lines: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        deep(0)
    except KeyError as error:
        exc_info = {"true": True, "instance": error, "triple": sys.exc_info()}[form]
        logger.error("uncaught", where="main", exc_info=exc_info)
    (line,) = lines()
    assert line["error_type"] == "KeyError"
    assert line["location"]
    assert "dropped_fields" not in line
    assert SECRET not in repr(line)


def test_a_type_whose_name_is_no_name_is_other(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logger.error("uncaught", where="main", exc_info=type(f"a {SECRET}", (Exception,), {})())
    assert lines()[0]["error_type"] == "other"
