"""What happened, never what was said."""

from packy.telemetry.allow_list import AllowList
from packy.telemetry.events import EVENTS
from packy.telemetry.exceptions import describe
from packy.telemetry.hooks import uncaught
from packy.telemetry.logs import configure_logging, is_configured, logger
from packy.telemetry.record import RequestRecord

__all__ = [
    "EVENTS",
    "AllowList",
    "RequestRecord",
    "configure_logging",
    "describe",
    "is_configured",
    "logger",
    "uncaught",
]
