"""The one place that opens connections."""

from packy.upstream.cancel import ClientGone, ClientWatch
from packy.upstream.connection import Connection, Connector
from packy.upstream.failures import RAISED, failure_from_exception, upstream_error
from packy.upstream.relay import Relay

__all__ = [
    "RAISED",
    "ClientGone",
    "ClientWatch",
    "Connection",
    "Connector",
    "Relay",
    "failure_from_exception",
    "upstream_error",
]
