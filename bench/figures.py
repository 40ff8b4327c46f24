"""The figures, and what packy is to reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FIGURES", "Figure", "Measured"]


@dataclass(frozen=True, slots=True)
class Figure:
    """What is measured.

    Attributes:
        title: for the table.
        unit: of its values.
        bound: `≤` or `≥` the target.
        target: None for figures that are told, but not aimed at.
    """

    title: str
    unit: str
    bound: Literal["≤", "≥"] = "≤"
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its values.

    Attributes:
        key: which of `FIGURES`.
        values: one for each round.
        details: whatever else was seen, for the raw results.
        note: what has to be known to read the values; shown below the table.
        sound: whether the circumstances were those that the figure is about.
    """

    key: str
    values: Sequence[float]
    details: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    sound: bool = True

    @property
    def figure(self) -> Figure:
        """Give what this measures."""
        return FIGURES[self.key]

    @property
    def value(self) -> float:
        """Give the median of the rounds."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Tell whether the target is met; None without one, and where nobody can tell."""
        if self.figure.target is None or not self.sound:
            return None
        return self.value <= self.figure.target if self.figure.bound == "≤" else self.value >= self.figure.target

    @property
    def effort(self) -> float | None:
        """Give the value as a multiple of its target, turned so that 1 is the target and less is better."""
        if not self.figure.target:
            return None
        if self.figure.bound == "≤":
            return self.value / self.figure.target
        return self.figure.target / self.value if self.value else float("inf")


FIGURES: Mapping[str, Figure] = {
    "paced_cpu": Figure("CPU per event, 300 streams of 50 events/s", "x nginx", "≤", 2.0),
    "burst_cpu": Figure("CPU per event, bursts", "x nginx", "≤", 4.0),
    "ttft_p50": Figure("added time to first token at 50 requests/s, p50", "ms", "≤", 1.5),
    "ttft_p99": Figure("added time to first token at 50 requests/s, p99", "ms", "≤", 6.0),
    "ttft_proxy": Figure("the same with a bare Flask proxy, which only hands on, p50", "ms"),
    "ttft_flask": Figure("the same with a bare Flask view, which asks nobody, p50", "ms"),
    "translation_70k": Figure("request translation, 70 KB", "x orjson", "≤", 3.0),
    "translation_1m": Figure("request translation, 1 MB, 500 turns", "x orjson", "≤", 3.0),
    "translation_8m": Figure("request translation, 8 MB, 500 turns", "x orjson", "≤", 3.0),
    "translation_turns": Figure("request translation, 8 MB of 2 KB turns", "x orjson", "≤", 3.0),
    "translation_growth": Figure("its growth from 1 MB to 8 MB, against orjson's", "x", "≤", 1.5),
    "translation_pause": Figure("its time after a pause of 20 ms, to that without", "x"),
    "paced_streams": Figure("streams of 50 events/s before p99 adds 20 ms", "streams", "≥", 600),
    "idle_streams": Figure("streams that wait, in one worker", "streams", "≥", 3000),
    "stream_rss": Figure("memory of an open stream", "KB", "≤", 40),
    "worker_rss_bare": Figure("memory of an idle worker, no vocabulary", "MB", "≤", 90),
    "worker_rss": Figure("memory of an idle worker, all pages", "MB"),
    "worker_pss": Figure("memory of an idle worker, its share", "MB"),
    "telemetry_request": Figure("telemetry, of a request", "us"),
    "telemetry_event": Figure("telemetry, of an event of a long answer", "ns"),
    "count_tokens": Figure("count_tokens, 200,000 tokens", "ms"),
    "startup": Figure("start to ready, one worker", "s", "≤", 1.0),
    "startup_all": Figure("start to ready, a worker for each core", "s"),
    "reload": Figure("write of config.yaml to effect", "ms"),
}
"""By key, in the order of the table."""
