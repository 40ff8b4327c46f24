"""The measurements, by name: each takes a `Bench` and gives its figures."""

from bench.scenarios.burst import measure_burst
from bench.scenarios.capacity import measure_capacity
from bench.scenarios.counting import measure_counting
from bench.scenarios.first_token import measure_first_token
from bench.scenarios.lifecycle import measure_lifecycle
from bench.scenarios.memory import measure_memory
from bench.scenarios.paced import measure_paced
from bench.scenarios.telemetry import measure_telemetry
from bench.scenarios.translation import measure_translation

__all__ = ["SCENARIOS"]

SCENARIOS = {
    "paced": measure_paced,
    "burst": measure_burst,
    "first-token": measure_first_token,
    "translation": measure_translation,
    "capacity": measure_capacity,
    "memory": measure_memory,
    "telemetry": measure_telemetry,
    "counting": measure_counting,
    "lifecycle": measure_lifecycle,
}
"""In the order in which they run."""
