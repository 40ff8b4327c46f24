"""Counts for Prometheus, made from the records of requests.

Import it after packy.telemetry.metrics_folder has claimed the folder, wherever several processes count together.
"""

from packy.telemetry.metrics.exposition import ConfigState
from packy.telemetry.metrics.instruments import Instruments
from packy.telemetry.metrics.metrics import Metrics

__all__ = ["ConfigState", "Instruments", "Metrics"]
