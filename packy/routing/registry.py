"""The models in force: which provider has which, and by what names they are reached.

A registry follows from a snapshot and from nothing else: a reload registers the same models under the same client ids,
and what is no longer configured is gone with the snapshot that had it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packy.routing.effort import clamp_effort
from packy.routing.models import CATALOGUE, describe_model
from packy.routing.names import Names, Target, pick_name, split_effort

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packy.config import Provider, Snapshot
    from packy.routing.models import Model

__all__ = ["Entry", "Registration", "Registry", "packycode_models", "registry_of"]

# Requests keep the snapshot that they began with: a few are in use while a reload is young. By id, which is nobody
# else's as long as the snapshot is kept with its registry.
_KEPT: Final = 4
_registries: dict[int, tuple[Snapshot, Registry]] = {}


@dataclass(frozen=True, slots=True)
class Registration:
    """The models of one provider.

    Attributes:
        provider: the upstream.
        models: those that its configuration lists, else the catalogue and whatever else the aliases lead to; the
            default model first, then the newest.
    """

    provider: Provider
    models: tuple[Model, ...]

    @property
    def client_id(self) -> str:
        """What the models are registered under: the same over reloads, restarts and machines."""
        return self.provider.id

    def serves(self, model: str) -> bool:
        """Whether the provider takes a model: any, unless its configuration lists some."""
        return not self.provider.models or model in self.provider.models


@dataclass(frozen=True, slots=True)
class Entry:
    """A name that callers may use.

    Attributes:
        id: the name.
        label: what people are shown for it.
        model: the upstream model behind it.
        effort: the effort that comes with it, within what the model has; None leaves that to the request.
        provider: the upstream that requests for it go to.
    """

    id: str
    label: str
    model: Model
    effort: str | None
    provider: Provider


@dataclass(frozen=True, slots=True)
class Registry:
    """All models and names of one snapshot.

    Attributes:
        registrations: one for each provider in use, in order of preference.
        models: the registered models, by their upstream name.
        names: what leads to them.
        aliases: as in the snapshot, with what they lead to.
        context_windows: input tokens by model, where the configuration knows better.
    """

    registrations: tuple[Registration, ...]
    models: Mapping[str, Model]
    names: Names
    aliases: Mapping[str, Target]
    context_windows: Mapping[str, int]

    def provider_of(self, model: str) -> Provider | None:
        """Return the first provider that takes a model, registered or not."""
        return next((each.provider for each in self.registrations if each.serves(model)), None)

    def describe(self, model: str) -> Model:
        """Describe a model, registered or not."""
        return self.models.get(model) or describe_model(model, self.context_windows)

    def find(self, name: str) -> Entry | None:
        """Find what a name leads to, listed or not: it may match a pattern, or have an effort behind it.

        Returns:
            None for a name that would go upstream as it is, and for one whose model no provider in use takes.
        """
        target = self.names.read(name)
        model, provider = self.models.get(target.model), self.provider_of(target.model)
        if model is None or provider is None:
            return None
        effort = target.effort and clamp_effort(target.effort, model.efforts)
        meaning = str(Target(model.name, effort))
        label = meaning if name in {meaning, pick_name(model.name)} else f"{name} → {meaning}"
        return Entry(name, label, model, effort, provider)

    def entries(self, *, picks: bool = False) -> Iterator[Entry]:
        """Yield what a list of models shows: the models, then the aliases that are no patterns.

        Names with an effort behind them work, but are not listed: there would be four for each model.

        Args:
            picks: whether to yield each model once more as `claude-MODEL`, the only kind of name that Claude Code's
                model picker takes over from a gateway.
        """
        names = dict.fromkeys([*self.models, *(alias for alias in self.aliases if "*" not in alias)])
        if picks:
            names |= dict.fromkeys(name for name in map(pick_name, self.models) if name in self.names.exact)
        yield from filter(None, map(self.find, names))

    def aliases_of(self, model: str) -> tuple[str, ...]:
        """Return the aliases, patterns too, that lead to a model; those with an effort as in `haiku(low)`."""
        return tuple(str(Target(alias, to.effort)) for alias, to in self.aliases.items() if to.model == model)


def registry_of(snapshot: Snapshot) -> Registry:
    """Return the registry of a snapshot; worked out once for each."""
    kept = _registries.get(id(snapshot))
    if kept:
        return kept[1]
    registry = _register(snapshot)
    while len(_registries) >= _KEPT:
        _registries.pop(next(iter(_registries)), None)
    _registries[id(snapshot)] = snapshot, registry
    return registry


def packycode_models(snapshot: Snapshot) -> tuple[Model, ...]:
    """Return the models that a snapshot registers for Packycode: none unless it is enabled."""
    registrations = registry_of(snapshot).registrations
    return next((each.models for each in registrations if each.provider.kind == "packycode"), ())


def _register(snapshot: Snapshot) -> Registry:
    windows = snapshot.context_windows
    listed = frozenset(name for each in snapshot.providers for name in each.models)
    aliases = {alias.pattern: _aim(alias.model, alias.effort, listed) for alias in snapshot.aliases}
    first = _aim(snapshot.packycode.defaults.model, None, listed).model
    usual = (first, *CATALOGUE, *(target.model for target in aliases.values()))
    registrations = tuple(
        Registration(each, tuple(describe_model(name, windows) for name in dict.fromkeys(each.models or usual)))
        for each in snapshot.providers
    )
    models: dict[str, Model] = {model.name: model for each in registrations for model in each.models}
    names = Names.of(aliases, frozenset(models), listed)
    return Registry(registrations, models, names, aliases, windows)


def _aim(model: str, effort: str | None, listed: frozenset[str]) -> Target:
    """Read a model in the configuration; it may have an effort behind it, too."""
    name, suffix = (model, None) if model in listed else split_effort(model)
    return Target(name, effort or suffix)
