"""From loaded sections to a snapshot: what follows from what is written is worked out here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from packy.config.model import Alias, ClientKey, ClientKeys, CodexApiKey, Server, Snapshot
from packy.config.providers import arrange
from packy.config.unique import client_label, provider_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["compose"]

_DEFAULT_ALIASES: Final[Mapping[str, Mapping[str, None]]] = {
    name: {"model": None, "effort": None} for name in ("opus", "sonnet", "haiku", "claude-*")
}


def compose(
    server: dict[str, Any],
    client_keys: tuple[dict[str, Any], ...],
    codex_api_keys: tuple[dict[str, Any], ...],
    aliases: Mapping[str, Mapping[str, str | None]],
    **sections: Any,  # noqa: ANN401 - all else, by its name in Snapshot
) -> Snapshot:
    """Build the snapshot.

    Args:
        server: fields of `Server`.
        client_keys: for each, `label` or None, and `key`; only its digest goes on from here.
        codex_api_keys: for each, the fields of `CodexApiKey`, `name` perhaps None.
        aliases: by pattern, `model` and `effort`, each perhaps None; an absent model is `defaults.model`.
        sections: what is a model, a mapping or a plain value already.
    """
    keys = (
        ClientKey(each["label"] or client_label(index), ClientKey.fingerprint(each["key"].reveal()))
        for index, each in enumerate(client_keys)
    )
    others = tuple(
        CodexApiKey(**{**each, "name": each["name"] or provider_name(index)})
        for index, each in enumerate(codex_api_keys)
    )
    usual = sections["packycode"].defaults.model
    targets = [
        Alias(pattern, target["model"] or usual, target["effort"])
        for pattern, target in {**aliases, **{k: v for k, v in _DEFAULT_ALIASES.items() if k not in aliases}}.items()
    ]
    providers, resting = arrange(sections["packycode"], others)
    return Snapshot(
        server=Server(**server),
        client_keys=ClientKeys(tuple(keys)),
        codex_api_keys=others,
        aliases=tuple(sorted(targets, key=lambda alias: "*" in alias.pattern)),
        providers=providers,
        resting=resting,
        **sections,
    )
