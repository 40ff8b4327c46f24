"""The upstreams that a configuration amounts to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packy.config.model import CodexApiKey, Packycode
    from packy.config.secret import Secret

__all__ = ["Provider", "arrange", "packycode_provider"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream: where it is and what opens it.

    Attributes:
        id: 12 hex digits, the same on every machine for the same kind, base URL and key.
        kind: which part of config.yaml it comes from.
        name: its name in logs and metrics; unique.
        base_url: without a trailing slash; `/responses` is appended to it.
        api_key: None where none is configured.
        requires_auth: whether requests carry the key; False sends none, even if there is one.
        models: the models it serves; empty for any.
    """

    id: str
    kind: Literal["packycode", "codex-api-key"]
    name: str
    base_url: str
    api_key: Secret | None
    requires_auth: bool
    models: tuple[str, ...] = ()


def arrange(packycode: Packycode, others: Iterable[CodexApiKey]) -> tuple[tuple[Provider, ...], tuple[Provider, ...]]:
    """Decide which providers work and which rest.

    Returns:
        The providers in use, and those that Packycode has put to rest. An entry disabled by hand is in neither.
    """
    rest = tuple(
        _provider("codex-api-key", each.name, each.base_url, each.api_key, models=each.models)
        for each in others
        if each.enabled
    )
    own = packycode_provider(packycode) if packycode.enabled else None
    return ((own,), rest) if own else (rest, ())


def packycode_provider(packycode: Packycode) -> Provider | None:
    """Return the provider that the block describes, enabled or not; None where it has no base URL."""
    if packycode.base_url is None:
        return None
    key = packycode.credentials.openai_api_key
    return _provider("packycode", "packycode", packycode.base_url, key, requires_auth=packycode.requires_openai_auth)


def _provider(  # noqa: PLR0913 - the fields of a Provider, with its id derived
    kind: Literal["packycode", "codex-api-key"],
    name: str,
    url: str,
    key: Secret | None,
    *,
    requires_auth: bool = True,
    models: tuple[str, ...] = (),
) -> Provider:
    base_url = url.rstrip("/")
    identity = "\0".join((kind, base_url, key.reveal() if key else ""))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return Provider(digest, kind, name, base_url, key, requires_auth, models)
