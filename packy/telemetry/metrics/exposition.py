"""What a scrape reads: the counts of all workers, and the state of the gateway at this moment."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from packy import __version__
from packy.telemetry.metrics_folder import sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from prometheus_client import Metric

__all__ = ["ConfigState", "CountsOfAllWorkers", "render", "state_now"]


class ConfigState(NamedTuple):
    """How the configuration is.

    Attributes:
        loaded_at: Unix time at which what is in force was loaded.
        valid: whether the files as they are now are in force.
    """

    loaded_at: float
    valid: bool


class CountsOfAllWorkers(Collector):
    """Adds up the files of all workers, the living and the merged ones; safe to use in a thread.

    Args:
        folder: the claimed one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self, files: str = "*.db") -> Iterable[Metric]:
        """Read them all, with no merge in between.

        Args:
            files: pattern of those that are wanted.
        """
        with sealed(self._folder):
            found = [str(each) for each in sorted(self._folder.glob(files)) if _has_begun(each)]
            merged: Iterable[Metric] = MultiProcessCollector.merge(found)  # type: ignore[no-untyped-call] # it has no types
            return list(merged)


def _has_begun(file: Path) -> bool:
    """Tell whether there is anything in a file: it is empty for a moment, and those of gauges go with their worker."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def state_now(config: ConfigState, cooldowns: int) -> list[Metric]:
    """Describe what is the same whichever worker is asked, and is not counted but looked at.

    Args:
        config: how the configuration is.
        cooldowns: how many providers and models are cooling down.
    """
    build = GaugeMetricFamily("packy_build_info", "Always 1.", labels=("version", "python"))
    build.add_metric((__version__, platform.python_version()), 1)
    return [
        build,
        GaugeMetricFamily(
            "packy_config_last_load_timestamp_seconds", "When the configuration in force was loaded.", config.loaded_at
        ),
        GaugeMetricFamily(
            "packy_config_valid", "Whether the configuration files as they are now are in force.", float(config.valid)
        ),
        GaugeMetricFamily("packy_cooldowns_active", "Providers and models that are cooling down.", float(cooldowns)),
    ]


def render(counts: Collector, state: Iterable[Metric], accept: str) -> tuple[bytes, str]:
    """Write it all down.

    Args:
        counts: asked for what has been counted.
        state: how the gateway is.
        accept: the scraper's `Accept` header.

    Returns:
        The body and its content type: OpenMetrics for those who ask for it, else Prometheus's text format.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_Both(counts, state)), content_type


class _Both(Collector):
    def __init__(self, counts: Collector, state: Iterable[Metric]) -> None:
        self._counts = counts
        self._state = state

    def collect(self) -> Iterator[Metric]:
        yield from self._counts.collect()
        yield from self._state
