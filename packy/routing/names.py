"""What callers call a model, and what that leads to: aliases, patterns, suffixes, Claude Code's own ways."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packy.routing.effort import EFFORTS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PICKABLE", "Names", "Target", "pick_name", "split_effort"]

PICKABLE: Final = re.compile(r"claude|anthropic", re.IGNORECASE)
"""How a name begins that Claude Code's model picker takes over from a gateway (measured with 2.1.197)."""

# Only known effort words are a suffix: `gpt-5-mini` is a model.
_SUFFIXES: Final = tuple((form.format(word), word) for word in EFFORTS for form in ("-{}", "({})"))
# Claude Code marks its long-context models so; the upstream's window is what it is.
_LONG_CONTEXT: Final = "[1m]"
# The most that config.yaml allows. A longer name is nobody's, and to match it against patterns would take time.
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Target:
    """What a name leads to.

    Attributes:
        model: the upstream model's name.
        effort: the effort that the name itself asks for; one of EFFORTS, or None.
    """

    model: str
    effort: str | None = None

    def __str__(self) -> str:
        return f"{self.model}({self.effort})" if self.effort else self.model


@dataclass(frozen=True, slots=True)
class Names:
    """The names that lead to a model.

    Attributes:
        models: upstream models that are known by name.
        listed: those of them that some provider's configuration lists.
        exact: aliases that are no patterns, and the names in Claude Code's model picker.
        patterns: aliases that are, as they are written and compiled, in the order in which they are tried.
    """

    models: frozenset[str]
    listed: frozenset[str]
    exact: Mapping[str, Target]
    patterns: tuple[tuple[str, re.Pattern[str], Target], ...]

    @classmethod
    def of(cls, aliases: Mapping[str, Target], models: frozenset[str], listed: frozenset[str]) -> Names:
        """Make the names of the given models, and of the aliases of a configuration."""
        picks = {pick_name(model): Target(model) for model in models if not PICKABLE.match(model)}
        exact = {name: target for name, target in picks.items() if name not in models}
        patterns = []
        for name, target in aliases.items():
            if "*" in name:
                patterns.append((name, _compile(name), target))
            else:
                exact[name] = target
        return cls(models, listed, exact, tuple(patterns))

    def read(self, name: str) -> Target:
        """Read a model name as callers write it.

        What is named exactly goes before what a pattern covers: aliases, then models that a provider's configuration
        lists, then patterns. An effort behind the name goes before its alias's. A name that nothing covers is the
        upstream's own.

        Args:
            name: with or without an effort or `[1m]` behind it.
        """
        name = name.removesuffix(_LONG_CONTEXT)
        if len(name) > _LONGEST:
            return Target(name)
        known = name in self.exact or name in self.models
        base, effort = (name, None) if known else split_effort(name)
        if found := self._alias(base):
            return Target(found.model, effort or found.effort)
        # `gpt-5-high` is gpt-5 even if there is a pattern `gpt-5-*`; `fast-high` may be what `fast-*` means.
        covered = None if base in self.models else self._alias(name)
        return covered or Target(base, effort)

    def plain(self, name: str) -> str:
        """Take off a name what may stand behind any: an effort, `[1m]`."""
        name = name.removesuffix(_LONG_CONTEXT)
        return name if name in self.exact or name in self.models else split_effort(name)[0]

    def covering(self, name: str) -> str | None:
        """Return the pattern that covers a name, as the configuration has it."""
        if len(name) > _LONGEST:
            return None
        return next((written for written, pattern, _ in self.patterns if pattern.fullmatch(name)), None)

    def _alias(self, name: str) -> Target | None:
        if name in self.exact or name in self.listed:
            return self.exact.get(name)
        return next((target for _, pattern, target in self.patterns if pattern.fullmatch(name)), None)


def pick_name(model: str) -> str:
    """Return the name under which Claude Code's model picker takes over a model."""
    return f"claude-{model}"


def split_effort(name: str) -> tuple[str, str | None]:
    """Split the effort off a name.

    Args:
        name: such as `gpt-5-high` or `gpt-5(high)`.

    Returns:
        What is before it, and one of EFFORTS; the name itself and None where it does not end in one.
    """
    for suffix, word in _SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return name.removesuffix(suffix), word
    return name, None


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which `*` stands for any text, and nothing else is special. It never backtracks far."""
    return re.compile(fnmatch.translate(re.sub(r"[?[]", r"[\g<0>]", pattern)))
