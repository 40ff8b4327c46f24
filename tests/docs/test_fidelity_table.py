"""docs/fidelity.md speaks of all that the `anthropic` package's types know, and what it says is what happens."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from packy.translation import Target, translate_request
from tests.support.fidelity_answers import documented, sent
from tests.support.fidelity_probes import probes

if TYPE_CHECKING:
    from tests.support.fidelity_probes import Probe


PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"
NEVER = "never sent"
# What becomes of these shows elsewhere than in the translated request: in its destination, its effort, its answer.
ELSEWHERE = {
    ("Request fields", "model"): "carried",
    ("Request fields", "stream"): "carried",
    ("Request fields", "metadata"): "carried",
    ("Request fields", "stop_sequences"): "emulated",
    ("Request fields", "max_tokens"): "dropped: `max_tokens`",
    ("Inside the fields", "metadata.user_id"): "carried",
    ("Inside the fields", "output_config.effort"): "carried",
    ("Inside the fields", "thinking.budget_tokens"): "carried",
    ("Inside the fields", "thinking: disabled"): "carried",
}

Tables = dict[str, dict[str, dict[str, str]]]


def read() -> Tables:
    """The page's tables by their headings: row → column → cell, notes left out."""
    tables: Tables = defaultdict(dict)
    heading, columns = "", list[str]()
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            heading, columns = line[3:], []
        elif line.startswith("| | "):
            columns = [cell.strip() for cell in line.strip("|").split("|")[1:-1]]
        elif columns and (row := re.match(r"\| `([^`]+)` \|", line)):
            cells = [cell.strip() for cell in line[row.end() :].split("|")]
            tables[heading][row[1]] = dict(zip(columns, cells, strict=False))
    return dict(tables)


TABLES = read()
PROBES = list(probes())


def cell(probe: Probe) -> str:
    return TABLES.get(probe.table, {}).get(probe.row, {}).get(probe.column, "")


def test_the_page_speaks_of_everything_that_a_request_can_hold() -> None:
    missing = [f"{probe.table}: `{probe.row}`, column {probe.column}" for probe in PROBES if not cell(probe)]
    assert not missing, (
        "the anthropic package knows what docs/fidelity.md does not speak of. Translate it (packy/translation), or let "
        "it be dropped by name or refused; then add a row under the heading:\n" + "\n".join(missing)
    )


def test_the_page_speaks_of_everything_that_an_answer_can_hold() -> None:
    missing = [f"{table}: `{row}`" for table, rows in documented().items() for row in rows - TABLES[table].keys()]
    assert not missing, "docs/fidelity.md says nothing of these; add a row under the heading:\n" + "\n".join(missing)


def test_the_page_speaks_of_nothing_else() -> None:
    there: dict[str, set[str]] = defaultdict(set, {table: set(rows) for table, rows in documented().items()})
    for probe in PROBES:
        there[probe.table].add(probe.row)
    gone = [f"{table}: `{row}`" for table, rows in TABLES.items() for row in rows.keys() - there[table]]
    assert not gone, "the anthropic package no longer knows these; take them out of docs/fidelity.md:\n" + "\n".join(
        gone
    )


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.table}, {probe.row}, {probe.column}")
def test_what_the_page_says_of_a_request_is_what_happens(probe: Probe) -> None:
    if elsewhere := ELSEWHERE.get((probe.table, probe.row)):
        assert cell(probe) == elsewhere
        return
    outcome = probe.outcome()
    assert cell(probe) in ({"carried", "emulated"} if outcome == "carried" else {outcome})


@pytest.mark.parametrize("table", documented())
def test_what_the_page_says_of_an_answer_is_what_is_sent(table: str) -> None:
    said = {row for row, cells in TABLES[table].items() if cells["becomes"] != NEVER}
    assert said == sent()[table]
    assert {cells["becomes"] for cells in TABLES[table].values()} <= {"carried", "emulated", NEVER}


def test_max_tokens_is_dropped_unless_the_provider_takes_it() -> None:
    request = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    assert translate_request(request, Target("gpt-5")).dropped == ("max_tokens",)
    taken = translate_request(request, Target("gpt-5", parameters=frozenset({"max_tokens"})))
    assert taken.dropped == ()
    assert b'"max_output_tokens":100' in taken.payload


def test_a_field_that_is_yet_to_come_is_dropped_by_its_name() -> None:
    request = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}], "brand_new": {"a": 1}}
    translation = translate_request(request, Target("gpt-5"))
    assert "brand_new" in translation.dropped
    assert "brand_new" in translation.unknown
