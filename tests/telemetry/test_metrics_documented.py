"""docs/metrics.md, the dashboard and the alert rules speak of the metrics that there are, and of all of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from prometheus_client import CollectorRegistry

from packy.telemetry.metrics import ConfigState, Instruments
from packy.telemetry.metrics.exposition import state_now
from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DASHBOARD = ROOT / "deploy/grafana/packy.json"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
PAGE = ROOT / "docs/metrics.md"

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
# Prometheus sets these itself.
OF_PROMETHEUS = {"up": frozenset({"job", "instance"})}
COMMON = frozenset({"job", "instance", "le"})
FUNCTIONS = {
    "absent",
    "count",
    "histogram_quantile",
    "increase",
    "label_values",
    "max",
    "min",
    "rate",
    "sum",
    "time",
    "vector",
}
KEYWORDS = {"and", "by", "or", "unless", "without"}


class Family(NamedTuple):
    """One metric: its name as people use it, what it is, its labels in order."""

    name: str
    kind: str
    labels: tuple[str, ...]


def families() -> list[Family]:
    """List all that packy can show."""
    found = []
    for instrument in vars(Instruments(CollectorRegistry())).values():
        (metric,) = instrument.describe()
        name = metric.name + ("_total" if metric.type == "counter" else "")
        found.append(Family(name, metric.type, tuple(instrument._labelnames)))  # noqa: SLF001 - told nowhere else
    states: list[Any] = list(state_now(ConfigState(0, valid=True), 0))
    found += [Family(state.name, state.type, tuple(state._labelnames)) for state in states]  # noqa: SLF001 - the same
    return found


def series() -> dict[str, frozenset[str]]:
    """Give the names that queries may use, with their labels."""
    named = dict(OF_PROMETHEUS)
    for name, kind, labels in families():
        for suffix in SUFFIXES[kind]:
            named[name.removesuffix("_total") + suffix] = frozenset(labels)
    return named


def documented() -> list[Family]:
    """List the rows of the tables of metrics."""
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*)\| \S", PAGE.read_text(), re.MULTILINE)
    return [Family(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows]


def queries() -> Iterator[tuple[str, str]]:
    """Yield every expression of the dashboard and the rules, with its place."""
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"${variable['name']}", re.sub(r", \w+\)$", ")", variable["definition"])
    for rule in alert_rules():
        yield rule["alert"], rule["expr"]


def alert_rules() -> list[dict[str, Any]]:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert rules
    return rules


def test_the_page_lists_every_metric_with_its_type_and_labels() -> None:
    assert sorted(documented()) == sorted(families())


def test_every_label_is_explained() -> None:
    table = PAGE.read_text().partition("## The labels")[2].partition("\n## ")[0]
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    assert {label for family in families() for label in family.labels} - {"version", "python"} == explained


def test_names_follow_the_practice() -> None:
    for name, kind, labels in families():
        assert re.fullmatch(r"(packy|gen_ai)_[a-z_]+", name)
        assert name.endswith("_total") == (kind == "counter")
        assert not re.search(r"_(ms|milliseconds|minutes|kb)(_|$)", name)
        assert not {"le", "pid", "job", "instance"} & set(labels)


@pytest.mark.parametrize(("place", "query"), [*queries()], ids=lambda each: str(each)[:40])
def test_every_query_uses_metrics_and_labels_that_there_are(place: str, query: str) -> None:
    known = series()
    bare = re.sub(r"\$__rate_interval|\$__range", "5m", query)
    assert bare.count("(") == bare.count(")"), place
    used = set()
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", bare):
        used.add(name)
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            assert label in known[name] | COMMON, f"{name} has no label {label}"
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", "", bare)
    groups = re.findall(r"\b(?:by|without) \(([^)]*)\)", bare)
    grouped = {label for labels in groups for label in labels.split(", ")}
    assert used, "every series is restricted to a job"
    assert grouped <= COMMON | frozenset().union(*(known[name] for name in used))
    words = set(re.findall(r"[a-zA-Z_]\w*", re.sub(r"\b(by|without) \([^)]*\)", "", bare)))
    assert words <= used | FUNCTIONS | KEYWORDS


def test_the_dashboard_shows_what_operators_ask_for() -> None:
    shown = " ".join(query for _, query in queries())
    for name, _, _ in families():
        assert name in shown, f"{name} is on no panel and in no rule"


def test_panels_have_places_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


ENDINGS = {
    "a refused key of the provider": ('status="4xx", provider="p", error_type="authentication_error"', True),
    "a stream that breaks off": ('status="2xx", provider="p", error_type="api_error"', True),
    "an error of the gateway": ('status="5xx", provider="", error_type="api_error"', True),
    "a wrong client key": ('status="4xx", provider="", error_type="authentication_error"', False),
    "a request that is too long": ('status="4xx", provider="p", error_type="invalid_request_error"', False),
    "a good answer": ('status="2xx", provider="p", error_type=""', False),
}


@pytest.mark.parametrize(("labels", "alarming"), ENDINGS.values(), ids=ENDINGS.keys())
def test_what_callers_cannot_help_raises_the_alarm_and_nothing_else(
    tmp_path: Path, labels: str, *, alarming: bool
) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt install prometheus")
    series = 'packy_requests_total{job="packy", instance="i", route="/v1/messages", %s}'
    values = {labels: "0+10x40", 'status="2xx", provider="p", error_type="", model="m"': "0+90x40"}
    found = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": series % given, "values": value} for given, value in values.items()],
                "promql_expr_test": [
                    {
                        "expr": 'count(ALERTS{alertname="PackyErrorRatio", alertstate="firing"})',
                        "eval_time": "30m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if alarming else [],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(found))
    told = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_each_alert_tells_what_is_wrong_and_where_to_look(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description"}
    templates = " ".join(rule["annotations"].values())
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))
    for label in re.findall(r"\$labels\.(\w+)", templates):
        assert not grouped or label in grouped, f"the expression does not keep {label}"
