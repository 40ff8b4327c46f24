"""Every metric that is counted: names, labels, buckets; docs/metrics.md explains the names.

Base units, and `packy_` before everything that is packy's own. What OpenTelemetry's conventions for generative AI have
a name for goes by that name and its attributes, so that dashboards made for any such server read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Instruments"]

_GEN_AI: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

# The conventions' own: powers of four.
_TOKENS: Final = tuple(4**power for power in range(14))
_FIRST_TOKEN: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60)
_GENERATION: Final = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600)
_REQUEST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_OVERHEAD: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_RATE: Final = (1, 2, 5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)

_PLACES: Final = ("destructor", "greenlet", "main", "request", "sink", "thread")


class Instruments:
    """The counters, histograms and gauges of one process.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, meaning, labels, buckets=buckets, registry=registry)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(name, meaning, labels, registry=registry, multiprocess_mode="livesum")

        self.requests = counter(
            "packy_requests_total", "Requests that have ended.",
            "route", "method", "status", "provider", "model", "client", "stream", "error_type",
        )  # fmt: skip
        self.request_duration = histogram(
            "packy_request_duration_seconds", "From a request's arrival to its end.", ("route", "stream"), _REQUEST
        )
        self.overhead = histogram(
            "packy_overhead_seconds", "Part of a request not spent waiting for the upstream.", ("stream",), _OVERHEAD
        )
        self.tokens = counter(
            "packy_tokens_total", "Tokens as the upstream counted them.", "provider", "model", "client", "kind"
        )
        self.output_rate = histogram(
            "packy_output_tokens_per_second", "Output tokens by the time from the first content to the end.",
            ("provider", "model"), _RATE,
        )  # fmt: skip
        self.cancelled = counter("packy_cancelled_requests_total", "Requests whose caller hung up.", "route", "stream")
        self.failures = counter("packy_failures_total", "What went wrong, in packy's own words.", "provider", "failure")
        self.retries = counter("packy_retries_total", "Attempts beyond a request's first.", "provider", "model")
        self.failovers = counter(
            "packy_failovers_total", "Requests answered by another provider than the first choice.", "provider", "model"
        )
        self.dropped = counter("packy_dropped_fields_total", "Request fields that were not carried.", "field")
        self.learned = counter(
            "packy_learned_parameters_total", "Parameters found out to be refused upstream.", "provider", "parameter"
        )
        self.ignored = counter("packy_ignored_upstream_items_total", "Upstream events not understood.", "provider")
        self.uncaught = counter("packy_uncaught_exceptions_total", "Exceptions nobody caught.", "where")
        for where in _PLACES:
            # From the start: Prometheus sees no increase in a series that begins with 1.
            self.uncaught.labels(where)
        self.log_values_dropped = counter("packy_log_values_dropped_total", "Values that the log did not admit.")
        self.ledger_lost = counter("packy_ledger_lost_requests_total", "Requests that the ledger could not enter.")
        self.in_flight = gauge("packy_requests_in_flight", "Messages requests being answered.", "stream")
        self.workers = gauge("packy_workers", "Worker processes that serve.")
        self.token_usage = histogram(
            "gen_ai_client_token_usage", "Tokens per request.", (*_GEN_AI, "gen_ai_token_type"), _TOKENS
        )
        self.generation_duration = histogram(
            "gen_ai_server_request_duration_seconds", "Duration of Messages requests that reached a provider.",
            (*_GEN_AI, "error_type"), _GENERATION,
        )  # fmt: skip
        self.first_token = histogram(
            "gen_ai_server_time_to_first_token_seconds", "From a request's arrival to its first content.",
            _GEN_AI, _FIRST_TOKEN,
        )  # fmt: skip
