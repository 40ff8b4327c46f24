"""Which provider, which upstream model, which effort."""

from packy.routing.effort import EFFORTS, clamp_effort, requested_effort
from packy.routing.models import CATALOGUE, Model, describe_model
from packy.routing.names import Names, Target
from packy.routing.registry import Entry, Registration, Registry, packycode_models, registry_of
from packy.routing.resolve import NoProvider, Route, resolve

__all__ = [
    "CATALOGUE",
    "EFFORTS",
    "Entry",
    "Model",
    "Names",
    "NoProvider",
    "Registration",
    "Registry",
    "Route",
    "Target",
    "clamp_effort",
    "describe_model",
    "packycode_models",
    "registry_of",
    "requested_effort",
    "resolve",
]
