"""Which provider, which upstream model, which effort: decided once a request, from one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packy.errors import GatewayError, NotFound
from packy.routing.effort import clamp_effort, requested_effort
from packy.routing.registry import registry_of

if TYPE_CHECKING:
    from packy.config import Provider, Snapshot
    from packy.routing.models import Model

__all__ = ["NoProvider", "Route", "resolve", "resolve_all"]


class NoProvider(GatewayError):
    """Nothing is configured to send requests to."""

    status = 503

    def __init__(self) -> None:
        super().__init__(
            "No provider is enabled. Enable Packycode: set PACKYCODE_API_KEY in the environment, "
            "or packycode.enabled: true in config.yaml.",
            headers={"x-should-retry": "false"},
        )


@dataclass(frozen=True, slots=True)
class Route:
    """Where one request goes.

    Attributes:
        provider: the upstream.
        model: what is known of the upstream's model.
        effort: reasoning effort to ask for, within what the model has; None where it does not reason.
    """

    provider: Provider
    model: Model
    effort: str | None


def resolve(snapshot: Snapshot, requested: str, request: dict[str, Any]) -> Route:
    """Decide where a request goes.

    Args:
        snapshot: the configuration that the request has read.
        requested: the model name in the request.
        request: the decoded body, for the effort it asks for.

    Returns:
        The route.

    Raises:
        NoProvider: no provider is enabled.
        NotFound: no enabled provider has the model.
    """
    return resolve_all(snapshot, requested, request)[0]


def resolve_all(snapshot: Snapshot, requested: str, request: dict[str, Any]) -> tuple[Route, ...]:
    """Decide where a request goes, and where it may go when that fails.

    Args:
        snapshot: the configuration that the request has read.
        requested: the model name in the request.
        request: the decoded body, for the effort it asks for.

    Returns:
        The route; with `routing.failover` behind it those to the other providers of the same model, in the order of
        the configuration, those that Packycode has put to rest last.

    Raises:
        NoProvider: no provider is enabled.
        NotFound: no enabled provider has the model.
    """
    if not snapshot.providers:
        raise NoProvider
    registry = registry_of(snapshot)
    target = registry.names.read(requested)
    first = registry.provider_of(target.model)
    if first is None:
        raise NotFound(
            f"No enabled provider has this model. Known models: {', '.join(registry.models)}. Ask for one of them, "
            "or let the name stand for one, under aliases in packy's configuration."
        )
    model = registry.describe(target.model)
    effort = target.effort or requested_effort(request) or snapshot.packycode.defaults.model_reasoning_effort
    clamped = clamp_effort(effort, model.efforts)
    others: tuple[Provider, ...] = ()
    if snapshot.routing.failover:
        others = (*snapshot.providers, *snapshot.resting)
    spare = (each for each in others if each is not first and (not each.models or target.model in each.models))
    return tuple(Route(provider, model, clamped) for provider in (first, *spare))
