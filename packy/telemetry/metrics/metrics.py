"""From the record of a request to counts: all of it at the request's end, nothing per streamed event."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import gevent
from prometheus_client import CollectorRegistry

from packy.telemetry.events import OTHER
from packy.telemetry.incidents import take_incidents
from packy.telemetry.metrics.exposition import CountsOfAllWorkers, render, state_now
from packy.telemetry.metrics.instruments import Instruments
from packy.telemetry.metrics.vocabulary import Vocabulary
from packy.telemetry.metrics_folder import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from packy.telemetry.metrics.exposition import ConfigState
    from packy.telemetry.record import RequestRecord

__all__ = ["Metrics"]

_CHAT: Final = "chat"
_KINDS: Final = (
    ("input_tokens", "input"),
    ("cached_tokens", "cached"),
    ("output_tokens", "output"),
    ("reasoning_tokens", "reasoning"),
)
_GEN_AI_TYPES: Final = frozenset({"input", "output"})
# What an upstream claims beyond this is no count.
_MOST: Final = 1 << 40


class Metrics:
    """Counts requests, and shows the counts.

    With packy.telemetry.metrics_folder claimed, the counts are those of all workers; otherwise those of this process.

    Args:
        models: gives the upstream models known by name; all others are counted as `other`, since callers may ask for
            models that nobody has ever heard of.
        config: tells how the configuration is.
        ledger_lost: tells how many requests this process's ledger could not enter so far.

    Attributes:
        cooldowns: tells how many providers and models are cooling down; to be set by whoever makes them.
    """

    def __init__(
        self,
        *,
        models: Callable[[], Container[str]],
        config: Callable[[], ConfigState],
        ledger_lost: Callable[[], int] = lambda: 0,
    ) -> None:
        self.cooldowns: Callable[[], int] = lambda: 0
        self._models = models
        self._config = config
        self._ledger_lost = ledger_lost
        self._lost_before = 0
        folder = os.environ.get(VARIABLE)
        registry = CollectorRegistry()
        self._shared = bool(folder)
        self._counts = CountsOfAllWorkers(Path(folder)) if folder else registry
        self._instruments = Instruments(registry)
        self._error_types, self._failures, self._fields = Vocabulary(50), Vocabulary(100), Vocabulary(300)
        self._parameters, self._places = Vocabulary(100), Vocabulary(20)

    def begin_worker(self) -> None:
        """Count this process among those that serve."""
        self._instruments.workers.set(1)

    def end_worker(self) -> None:
        """Count what has happened since the last request, the ledger's last losses among it: there comes no other."""
        self._count_incidents()

    def count_in_flight(self, streaming: bool, change: int) -> None:  # noqa: FBT001 - the label's value
        """Count a Messages request that begins (1) or ends (-1)."""
        _series(self._instruments.in_flight, _word(streaming)).inc(change)

    def __call__(self, record: Mapping[str, object]) -> None:
        """Count a request that has ended.

        Args:
            record: what is admitted of its RequestRecord.
        """
        known = cast("RequestRecord", record)
        instruments = self._instruments
        route, stream = str(record["route"]), _word(known.get("stream"))
        provider, model = known.get("provider") or "", self._model(known.get("upstream_model"))
        error_type, client = self._error_types(known.get("error_type")), str(record.get("client") or "")
        status = f"{record['status']}"[0] + "xx"
        _series(
            instruments.requests, route, str(record["method"]), status, provider, model, client, stream, error_type
        ).inc()
        seconds = _amount(record["duration_ms"]) / 1000
        _series(instruments.request_duration, route, stream).observe(seconds)
        if known.get("cancelled"):
            instruments.cancelled.labels(route, stream).inc()
        if model:
            gen_ai = _CHAT, provider, model
            _series(instruments.generation_duration, *gen_ai, error_type).observe(seconds)
            self._count_generation(known, gen_ai, client)
            if "upstream_wait_ms" in record:
                waited = _amount(record["upstream_wait_ms"]) / 1000
                _series(instruments.overhead, stream).observe(max(seconds - waited, 0))
        self._count_exceptions(known, provider, model)
        self._count_incidents()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Show the counts.

        Args:
            accept: the scraper's `Accept` header.

        Returns:
            The body and its content type.
        """
        self._count_incidents()
        state = state_now(self._config(), self.cooldowns())
        if not self._shared:
            return render(self._counts, state, accept)
        # In a real thread the files are added up beside the worker's streams instead of holding them up.
        shown: tuple[bytes, str] = gevent.get_hub().threadpool.apply(render, (self._counts, state, accept))
        return shown

    def in_flight(self) -> dict[str, int]:
        """Tell how many Messages requests are being answered: `streams`, and `others`."""
        counts = self._counts
        if isinstance(counts, CountsOfAllWorkers):
            # Only the files of gauges: a few hundred bytes for each worker.
            found = gevent.get_hub().threadpool.apply(counts.collect, ("gauge_livesum_*.db",))
        else:
            found = counts.collect()
        name = "packy_requests_in_flight"
        samples = [sample for metric in found if metric.name == name for sample in metric.samples]
        return {
            kind: int(sum(sample.value for sample in samples if sample.labels["stream"] == _word(streaming)))
            for kind, streaming in (("streams", True), ("others", False))
        }

    def _model(self, name: str | None) -> str:
        return (name if name in self._models() else OTHER) if name else ""

    def _count_generation(self, record: RequestRecord, gen_ai: tuple[str, str, str], client: str) -> None:
        """Count what only requests that reached a provider have."""
        _, provider, model = gen_ai
        for field, kind in _KINDS:
            if tokens := _amount(record.get(field)):
                _series(self._instruments.tokens, provider, model, client, kind).inc(tokens)
                if kind in _GEN_AI_TYPES:
                    _series(self._instruments.token_usage, *gen_ai, kind).observe(tokens)
        if ttft := _amount(record.get("ttft_ms")):
            _series(self._instruments.first_token, *gen_ai).observe(ttft / 1000)
        if rate := _amount(record.get("tokens_per_second")):
            _series(self._instruments.output_rate, provider, model).observe(rate)

    def _count_exceptions(self, record: RequestRecord, provider: str, model: str) -> None:
        """Count what most requests do not have."""
        instruments = self._instruments
        if failure := self._failures(record.get("failure")):
            instruments.failures.labels(provider, failure).inc()
        if retries := _amount(record.get("retries")):
            instruments.retries.labels(provider, model).inc(retries)
        if record.get("failover"):
            instruments.failovers.labels(provider, model).inc()
        if ignored := _amount(record.get("ignored")):
            instruments.ignored.labels(provider).inc(ignored)
        for field in record.get("dropped") or ():
            _series(instruments.dropped, self._fields(field)).inc()
        for parameter in record.get("learned") or ():
            instruments.learned.labels(provider, self._parameters(parameter)).inc()

    def _count_incidents(self) -> None:
        for incident in take_incidents():
            if incident.kind == "uncaught":
                self._instruments.uncaught.labels(self._places(incident.where)).inc(incident.times)
            else:
                self._instruments.log_values_dropped.inc(incident.times)
        if lost := self._ledger_lost() - self._lost_before:
            self._instruments.ledger_lost.inc(lost)
            self._lost_before += lost


@lru_cache(maxsize=2048)
def _series(metric: Any, *labels: str) -> Any:  # noqa: ANN401 - prometheus_client's child of any metric
    """Give the child of a metric; its own `labels` takes ten times as long, and each request has fifteen."""
    return metric.labels(*labels)


def _word(flag: object) -> str:
    return "true" if flag is True else "false"


def _amount(value: object) -> float:
    """Give a number that can be counted; 0 for what is none."""
    return value if isinstance(value, int | float) and 0 < value < _MOST else 0
