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

__all__ = ["NoProvider", "Route", "resolve"]


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
    if not snapshot.providers:
        raise NoProvider
    registry = registry_of(snapshot)
    target = registry.names.read(requested)
    provider = registry.provider_of(target.model)
    if provider is None:
        raise NotFound(
            f"No enabled provider has this model. Known models: {', '.join(registry.models)}. Ask for one of them, "
            "or let the name stand for one, under aliases in packy's configuration."
        )
    model = registry.describe(target.model)
    effort = target.effort or requested_effort(request) or snapshot.packycode.defaults.model_reasoning_effort
    return Route(provider, model, clamp_effort(effort, model.efforts))
