"""Plain WSGI around the application: one concern, one class, one file; knows no Flask."""

from middleware.access_log import ROUTES, AccessLog
from middleware.answer import answer
from middleware.bans import Bans
from middleware.body_limit import BodyLimit, LimitedInput
from middleware.body_pace import BodyPace
from middleware.chain import compose
from middleware.client_auth import ClientAuth
from middleware.concurrency import ConcurrencyLimit
from middleware.error_boundary import ErrorBoundary
from middleware.hygiene import Hygiene
from middleware.in_flight import CountInFlight
from middleware.lingering_close import LingeringClose
from middleware.management_auth import ManagementAuth
from middleware.origin import Origin, origin_of
from middleware.request_id import RequestId
from middleware.snapshot import PinSnapshot

__all__ = [
    "ROUTES",
    "AccessLog",
    "Bans",
    "BodyLimit",
    "BodyPace",
    "ClientAuth",
    "ConcurrencyLimit",
    "CountInFlight",
    "ErrorBoundary",
    "Hygiene",
    "LimitedInput",
    "LingeringClose",
    "ManagementAuth",
    "Origin",
    "PinSnapshot",
    "RequestId",
    "answer",
    "compose",
    "origin_of",
]
