"""Which provider, which upstream model, which effort."""

from packy.routing.cooldown import OPEN, PROBE, Admission, Cooldowns
from packy.routing.effort import EFFORTS, clamp_effort, requested_effort
from packy.routing.learned import LearnedParameters, snapshot_key
from packy.routing.models import CATALOGUE, Model, describe_model
from packy.routing.names import Names, Target
from packy.routing.registry import Entry, Registration, Registry, packycode_models, registry_of
from packy.routing.resolve import NoProvider, Route, resolve, resolve_all
from packy.routing.shown import shown_model

__all__ = [
    "CATALOGUE",
    "EFFORTS",
    "OPEN",
    "PROBE",
    "Admission",
    "Cooldowns",
    "Entry",
    "LearnedParameters",
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
    "resolve_all",
    "shown_model",
    "snapshot_key",
]
