"""The one place that opens connections."""

from packy.upstream.cancel import ClientGone, ClientWatch, ShuttingDown
from packy.upstream.connection import Connection, Connector
from packy.upstream.failures import RAISED, UpstreamError, failure_from_exception
from packy.upstream.pump import Caller
from packy.upstream.relay import SHUTTING_DOWN, Relay

__all__ = [
    "RAISED",
    "SHUTTING_DOWN",
    "Caller",
    "ClientGone",
    "ClientWatch",
    "Connection",
    "Connector",
    "Relay",
    "ShuttingDown",
    "UpstreamError",
    "failure_from_exception",
]
