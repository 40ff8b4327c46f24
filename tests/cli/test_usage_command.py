"""`packy usage`: the ledger as a table with bars, and as CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import pytest

from packy.config import Secret
from packy.ledger.report import sparkline
from tests.cli.desk import Desk
from tests.support.ledger import enter

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

PRICES = "prices: {gpt-5: {input: 2, cached-input: 0.5, output: 10}}\n"
RECORDS: tuple[dict[str, Any], ...] = (
    {"client": "laptop", "upstream_model": "gpt-5", "input_tokens": 1_000_000, "output_tokens": 20_000},
    {"client": "laptop", "upstream_model": "gpt-5", "input_tokens": 500_000, "ago": 3 * 86_400},
    {"client": "ci", "upstream_model": "o3", "input_tokens": 7, "error_type": "api_error"},
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    found = Desk(tmp_path, monkeypatch)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return found


@pytest.fixture
def used(desk: Desk) -> Desk:
    """A desk with a ledger in the home folder, where it is by default."""
    enter(None, RECORDS)
    return desk


def table(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [re.split(r" {2,}", line) for line in result.stdout.split("\n\n")[1].splitlines()]


def test_it_shows_what_was_used_by_model_and_what_it_may_have_cost(used: Desk) -> None:
    used.write(PRICES)
    result = used.packy("usage")

    assert result.stdout.startswith("Usage in the last 7 days\n")
    assert table(result) == [
        ["MODEL", "REQUESTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST"],
        ["gpt-5", "2", "0", "1,500,000", "0", "20,000", "0", "3.20"],
        ["o3", "1", "1", "7", "0", "0", "0", "-"],
        ["total", "3", "1", "1,500,007", "0", "20,000", "0", "3.20"],
    ]
    assert "no price in config.yaml: o3" in result.stdout


def test_bars_show_when(used: Desk) -> None:
    text = used.packy("usage").stdout
    assert "requests  ▁▁▁▅▁▁█  most 2\n" in text
    assert "Each bar stands for a day" in text


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--by", "client"), ["ci", "laptop"]),
        (("--by", "provider"), ["-"]),
        (("--window", "1h"), ["gpt-5", "o3"]),
        (("--client", "ci"), ["o3"]),
        (("--model", "gpt-5", "--by", "client"), ["laptop"]),
    ],
)
def test_options_choose_what_is_shown(used: Desk, options: tuple[str, ...], names: list[str]) -> None:
    assert [row[0] for row in table(used.packy("usage", *options))[1:-1]] == names


def test_csv_is_for_programs(used: Desk) -> None:
    header, *lines, total = csv.reader(io.StringIO(used.packy("usage", "--csv", "--by", "day").stdout))
    assert header[:3] == ["day", "requests", "errors"]
    assert len(lines) == 2
    assert total[:2] == ["total", "3"]


def test_without_entries_it_says_so_and_leaves_nothing_behind(desk: Desk) -> None:
    result = desk.packy("usage")
    assert result.exit_code == 0
    assert "No request in the last 7 days" in result.stdout
    assert not (desk.codex_home.parent / ".local").exists()


def test_the_database_of_the_configuration_is_read(desk: Desk, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    enter(Secret(url), RECORDS)
    desk.write(f"ledger: {{url: '{url}'}}\n")
    assert [row[0] for row in table(desk.packy("usage"))[1:]] == ["gpt-5", "o3", "total"]


@pytest.mark.parametrize(
    ("config", "options", "status", "told"),
    [
        ("ledger: {enabled: false}\n", (), 1, "ledger: {enabled: true}"),
        ("ledger: {url: 'postgresql+psycopg://u:canary@127.0.0.1:1/x'}\n", (), 1, "cannot be reached"),
        ("", ("--window", "soon"), 2, "write it as in 30m, 24h or 7d"),
        ("", ("--by", "mood"), 2, "'model', 'provider', 'client', 'day'"),
        ("ledger: {enabled: perhaps}\n", (), 2, "ledger.enabled"),
    ],
    ids=["off", "unreachable", "window", "group", "configuration"],
)
def test_what_is_in_the_way_is_told_with_its_repair(
    desk: Desk, config: str, options: tuple[str, ...], status: int, told: str
) -> None:
    desk.write(config)
    result = desk.packy("usage", *options)
    assert (result.exit_code, result.stdout) == (status, "")
    assert told in result.stderr


@pytest.mark.parametrize(
    ("values", "bars"),
    [([], ""), ([0, 0], "▁▁"), ([0, 1, 1000], "▁▂█"), ([7, 7], "██"), ([1, 2, 3, 4, 5, 6, 7], "▂▃▄▅▆▇█")],
    ids=str,
)
def test_a_bar_is_as_high_as_its_value(values: list[int], bars: str) -> None:
    assert sparkline(values) == bars
