"""The packycode block as the management API shows it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import orjson

from packy.config import PackycodeSchema

if TYPE_CHECKING:
    from packy.config import Snapshot

__all__ = ["entity_tag", "packycode_object"]


def packycode_object(snapshot: Snapshot) -> dict[str, Any]:
    """Give the block in force.

    Args:
        snapshot: the configuration.

    Returns:
        All fields of the contract, merged from all sources, the key masked; what is not set anywhere is null.
    """
    document: dict[str, Any] = PackycodeSchema().dump(snapshot.packycode)
    return document


def entity_tag(snapshot: Snapshot) -> str:
    """Identify the state of the block, the key itself included.

    Keyed with the management key, so that it is the same for all workers, restarts and gateways that share a
    configuration, and tells nothing about Packycode's key.

    Returns:
        A strong ETag, without its quotes.
    """
    key, own = snapshot.packycode.credentials.openai_api_key, snapshot.remote_management.secret_key
    state = [packycode_object(snapshot), key.reveal() if key else None]
    return hmac.digest((own.reveal() if own else "").encode(), orjson.dumps(state), "sha256").hex()[:32]
