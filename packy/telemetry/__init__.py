"""What happened, never what was said."""

from packy.telemetry.allow_list import AllowList, admit
from packy.telemetry.events import EVENTS
from packy.telemetry.exceptions import describe
from packy.telemetry.hooks import uncaught
from packy.telemetry.incidents import Incident, report_incident, take_incidents
from packy.telemetry.logs import configure_logging, is_configured, logger
from packy.telemetry.record import RequestRecord

__all__ = [
    "EVENTS",
    "AllowList",
    "Incident",
    "RequestRecord",
    "admit",
    "configure_logging",
    "describe",
    "is_configured",
    "logger",
    "report_incident",
    "take_incidents",
    "uncaught",
]
