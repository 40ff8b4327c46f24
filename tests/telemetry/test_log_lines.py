from __future__ import annotations

import io
import logging
import os
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import structlog

from packy.telemetry import configure_logging, is_configured, logger
from packy.telemetry.stdlib import StandardLoggingHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    Lines = Callable[[], list[dict[str, Any]]]

SECRET = "canary-77aa"


def test_a_line_has_time_level_event_and_process(lines: Lines) -> None:
    logger.warning("request", status=200)
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {"level": "warning", "event": "request", "status": 200, "pid": os.getpid()}


def test_the_caller_cannot_set_time_level_or_process(lines: Lines) -> None:
    logger.info("request", timestamp="x", level="x", pid=1)
    (line,) = lines()
    assert line["timestamp"] != "x"
    assert (line["level"], line["pid"], line["dropped_fields"]) == ("info", os.getpid(), 2)


@pytest.mark.usefixtures("lines")
def test_lines_below_the_level_are_not_written() -> None:
    stream = io.BytesIO()
    configure_logging("json", "warning", stream)
    logger.info("request")
    logging.getLogger("urllib3").info("x")
    logger.warning("request")
    logging.getLogger("urllib3").warning("x")
    assert [orjson.loads(line)["level"] for line in stream.getvalue().splitlines()] == ["warning", "warning"]


@pytest.mark.usefixtures("lines")
def test_the_console_format_is_one_readable_line_without_colours_off_a_terminal() -> None:
    stream = io.BytesIO()
    configure_logging("console", "info", stream)
    logger.info("request", status=200, model="gpt-5", secret=SECRET)
    assert re.fullmatch(
        r"\S+Z \[info\] request status=200 model=gpt-5 dropped_fields=1 pid=\d+\n", stream.getvalue().decode()
    )


@pytest.mark.usefixtures("lines")
def test_a_log_that_nobody_reads_fails_nothing() -> None:
    stream = io.BytesIO()
    configure_logging("json", "info", stream)
    stream.close()
    logger.info("request")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as broken:
        configure_logging("json", "info", broken)
        logger.info("request")


def test_it_knows_whether_it_was_configured(lines: Lines) -> None:
    assert is_configured()
    logging.root.handlers.clear()
    assert not is_configured()
    assert lines() == []


def test_structlog_itself_is_gated_too(lines: Lines) -> None:
    structlog.get_logger("any").bind(secret=SECRET).info("request", status=200)
    assert SECRET not in repr(lines())
    assert lines()[0]["dropped_fields"] == 1


def test_a_librarys_record_is_told_by_logger_level_and_place_only(lines: Lines) -> None:
    logging.getLogger("urllib3.connectionpool").warning("Retrying %s", SECRET)
    (line,) = lines()
    assert (line["event"], line["logger"], line["level"]) == ("log", "urllib3.connectionpool", "warning")
    assert re.fullmatch(r"tests/telemetry/test_log_lines\.py:\d+ in test_a_librarys_record\w+", line["location"][0])
    assert SECRET not in repr(line)


def test_a_librarys_exception_is_told_by_type(lines: Lines) -> None:
    try:
        os.stat(SECRET)  # noqa: PTH116 - any OSError that quotes it
    except OSError:
        logging.getLogger("requests").exception(SECRET)
    (line,) = lines()
    assert line["error_type"] == "FileNotFoundError"
    assert SECRET not in repr(line)


@pytest.mark.parametrize(
    ("levelno", "level"),
    [(5, None), (10, "debug"), (15, "debug"), (25, "info"), (30, "warning"), (45, "error"), (99, "critical")],
)
def test_odd_levels_become_the_next_lower_known_one(levelno: int, level: str | None, lines: Lines) -> None:
    logging.getLogger("odd").log(levelno, "x")
    assert [line["level"] for line in lines()] == ([level] if level else [])


@pytest.mark.parametrize("logger_name", ["gunicorn.error", "urllib3"])
def test_a_record_whose_arguments_do_not_fit_prints_nothing(
    logger_name: str, lines: Lines, capfd: pytest.CaptureFixture[str]
) -> None:
    StandardLoggingHandler().handle(
        logging.LogRecord(logger_name, logging.ERROR, "x.py", 1, "Listening at: %s (%s)", (SECRET,), None)
    )
    assert [line["event"] for line in lines()] == ["log"]
    assert SECRET not in repr(lines())
    assert capfd.readouterr() == ("", "")


def test_loggers_with_handlers_of_their_own_lose_them(lines: Lines) -> None:
    stray = logging.getLogger("stray")
    stream = io.StringIO()
    stray.addHandler(logging.StreamHandler(stream))
    stray.propagate = False
    configure_logging("json", "info", io.BytesIO())
    stray.error(SECRET)
    assert (stream.getvalue(), stray.handlers, stray.propagate) == ("", [], True)
    assert lines() == []
