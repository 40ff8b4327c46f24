from __future__ import annotations

import os
import time
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import proc
from bench.figures import FIGURES, Measured
from bench.machine import facts
from bench.plot import plot
from bench.profiling import tally
from bench.report import as_json, table
from bench.scenarios.capacity import search
from bench.summary import both_sides, percentile, ratios

_DELAYS = {"delay_us": {"50": 1000, "99": 9000}}
_TRIED: list[dict[str, Any]] = [
    {"streams": 150, "nginx": _DELAYS, "packy": _DELAYS},
    {"streams": 300, "nginx": _DELAYS, "failed": "<they did not open>"},
]


@pytest.mark.parametrize(("p", "expected"), [(0, 1), (50, 2), (75, 3), (76, 4), (100, 4)], ids=str)
def test_a_percentile_is_the_nearest_rank(p: int, expected: int) -> None:
    assert percentile([1, 2, 3, 4], p) == expected


@given(st.lists(st.floats(allow_nan=False), min_size=1).map(sorted), st.integers(0, 100))
def test_so_many_percent_do_not_exceed_a_percentile(values: list[float], p: int) -> None:
    found = percentile(values, p)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= p * len(values)


def test_each_round_is_divided_by_the_yardstick_of_that_round() -> None:
    assert ratios([6.0, 8.0], [2.0, 4.0]) == [3.0, 2.0]


def test_a_comparison_tells_both_medians() -> None:
    seen = {"nginx": [{"p50": 1.0}, {"p50": 3.0}, {"p50": 2.0}], "packy": [{"p50": 4.0}]}
    assert both_sides(seen, "p50", "ms") == "nginx 2.00 ms, packy 4.00 ms"


def test_a_yardstick_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="measure longer"):
        ratios([1.0], [0.0])


@pytest.mark.parametrize("limit", [0, 149, 150, 151, 299, 300, 412, 700, 1199, 1200, 5000])
def test_the_search_for_the_most_streams_ends_close_below_them(limit: int) -> None:
    asked: list[int] = []

    def holds(streams: int) -> bool:
        asked.append(streams)
        return streams <= limit

    found = search(holds, 8)
    assert found <= limit
    assert limit - found < 50 or found == 1200
    assert len(asked) <= 12


@pytest.mark.parametrize("name", ["python", "a b", "a) S 1 (b", ""], ids=["plain", "space", "parenthesis", "empty"])
def test_cpu_time_is_read_behind_any_name(name: str) -> None:
    assert proc._ticks(f"1 ({name}) S 2 3 4 5 6 7 8 9 10 11 140 28 16 17") == 168  # noqa: SLF001 - the parser


def test_cpu_time_grows_with_work_and_not_with_waiting() -> None:
    pids = [os.getpid()]
    began, deadline = proc.cpu_seconds(pids), time.monotonic() + 30
    while proc.cpu_seconds(pids) - began < 0.05:
        assert time.monotonic() < deadline
    assert proc.cpu_seconds([]) == 0


def test_memory_of_a_process_is_resident_and_shared() -> None:
    memory = proc.memory(os.getpid())
    assert memory["rss"] >= memory["pss"] > 1_000_000


@pytest.mark.parametrize(
    ("key", "value", "met", "effort"),
    [
        ("paced_cpu", 1.0, True, 0.5),
        ("paced_cpu", 4.0, False, 2.0),
        ("idle_streams", 6000, True, 0.5),
        ("idle_streams", 0, False, float("inf")),
        ("count_tokens", 60.0, None, None),
    ],
)
def test_a_figure_knows_its_target(key: str, value: float, met: bool | None, effort: float | None) -> None:  # noqa: FBT001 - a table
    measured = Measured(key, [value, value, 1e9 if value else 0.0])
    assert measured.value == value
    assert measured.met is met
    assert measured.effort == effort


def test_the_table_shows_value_target_verdict_and_note() -> None:
    text = table([Measured("paced_cpu", [1.5, 3.5, 2.5], note="packy carried 80%"), Measured("reload", [200.0])])
    first, second, note = text.split("\n")[1:]
    assert first.split("  ")[-1] == "1.50 to 3.50 (3)"
    assert all(part in first for part in ("2.50", "x nginx", "≤ 2", "missed"))
    assert "met" not in second
    assert note.endswith("packy carried 80%")


def test_a_figure_of_other_circumstances_is_no_verdict() -> None:
    measured = Measured("paced_cpu", [1.0], sound=False)
    assert measured.met is None
    assert "unsound" in table([measured])


def test_the_raw_results_hold_all_figures_and_what_is_missing() -> None:
    document = orjson.loads(as_json([Measured("reload", [2.0, 1.0, 9.0])], {"packy": "1"}, {"paced": "no nginx"}))
    assert document["figures"]["reload"]["value"] == 2.0
    assert document["figures"]["reload"]["values"] == [2.0, 1.0, 9.0]
    assert document["missing"] == {"paced": "no nginx"}
    assert document["packy"] == "1"


def test_the_machine_is_described_without_saying_whose_it_is() -> None:
    text = orjson.dumps(facts()).decode()
    assert os.uname().nodename not in text
    assert os.path.expanduser("~") not in text  # noqa: PTH111 - as text


def test_the_picture_is_well_formed_and_has_a_bar_for_each_target() -> None:
    measured = [Measured(key, [1.0], {"tried": _TRIED} if key == "paced_streams" else {}) for key in FIGURES]
    picture = ET.fromstring(plot(measured))  # noqa: S314 - our own
    tags = [element.tag.rpartition("}")[2] for element in picture]
    assert tags.count("rect") == 1 + sum(figure.target is not None for figure in FIGURES.values())
    assert tags.count("polyline") == 2


def test_a_picture_of_nothing_is_one_as_well() -> None:
    assert ET.fromstring(plot([])).tag.endswith("svg")  # noqa: S314 - our own


def test_samples_are_counted_in_functions_and_in_their_callers() -> None:
    own, whole = tally(["run (a/b.py:1);read (a/c.py:5) 3", "run (a/b.py:2) 2", "run (a/b.py:9);run (a/b.py:1) 1"])
    assert own == {"read (a/c.py)": 3, "run (a/b.py)": 3}
    assert whole == {"read (a/c.py)": 3, "run (a/b.py)": 6}
