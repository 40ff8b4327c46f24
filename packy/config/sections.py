"""The sections of the configuration that only hold values; all durations are seconds, all sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from packy.config.secret import Secret

__all__ = [
    "Compatibility",
    "LedgerSettings",
    "Limits",
    "Logging",
    "Price",
    "RemoteManagement",
    "Routing",
    "Timeouts",
]


@dataclass(frozen=True, slots=True)
class Compatibility:
    """What the upstream takes beyond the least common denominator.

    Attributes:
        system_prompt: carry it as `instructions`, or as a leading `developer-message`.
        parameters: those of `max_tokens`, `temperature`, `top_p` that are sent on.
    """

    system_prompt: Literal["instructions", "developer-message"]
    parameters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds on waiting for an upstream.

    Attributes:
        connect: seconds to connect.
        first_byte: seconds from the request to the first byte of the answer.
        idle: seconds between two pieces of the answer.
        total: seconds from the request to the end of the answer.
        ping: seconds of silence after which the client gets a sign of life.
    """

    connect: float
    first_byte: float
    idle: float
    total: float
    ping: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what clients may send.

    Attributes:
        max_body: bytes of a request body.
        max_concurrent: requests that one worker carries at once.
        max_concurrent_per_client: of them, those of one client key; None for no bound of their own.
    """

    max_body: int
    max_concurrent: int
    max_concurrent_per_client: int | None


@dataclass(frozen=True, slots=True)
class Logging:
    """How log lines look, and from which level on they are written."""

    format: Literal["json", "console"]
    level: Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class RemoteManagement:
    """Who may use the management API; without `secret_key` nobody."""

    allow_remote: bool
    secret_key: Secret | None


@dataclass(frozen=True, slots=True)
class Routing:
    """What happens when a provider fails.

    Attributes:
        failover: another provider is tried when one fails before its first byte.
        cooldown: seconds that a failed provider is passed over while there is another; doubled each time it fails
            again.
    """

    failover: bool
    cooldown: float


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """The usage ledger.

    Attributes:
        enabled: whether requests are entered, without their content.
        url: of a database that several gateways share; None for a file of this machine's own.
        retention_days: after so many days an entry is removed.
    """

    enabled: bool
    url: Secret | None
    retention_days: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of a model cost, in whatever currency the operator reckons."""

    input: float
    cached_input: float
    output: float
