"""What is configured, shown to people and scripts: `packy check`, `packy doctor` and `packy import-codex`."""

from packy.inspection.check import run_check
from packy.inspection.codex_import import run_import
from packy.inspection.doctor import run_doctor
from packy.inspection.effective import EffectiveField, effective_fields
from packy.inspection.machine import Listener, listener
from packy.inspection.providers import ProviderState, key_place, probe_model, provider_states

__all__ = [
    "EffectiveField",
    "Listener",
    "ProviderState",
    "effective_fields",
    "key_place",
    "listener",
    "probe_model",
    "provider_states",
    "run_check",
    "run_doctor",
    "run_import",
]
