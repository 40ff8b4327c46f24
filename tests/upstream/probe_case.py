"""One way to probe in tests: a key that would be noticed anywhere, and rules that hold for every result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.config import Provider, Secret
from packy.upstream import Connector
from packy.upstream.probe import Patience, probe

if TYPE_CHECKING:
    from packy.upstream.probe import ProbeResult

CANARY = "sk-canary-0123456789abcdef"
PATIENCE = Patience(connect=2.0, first_byte=10.0, settle=0.3)


def provider(base_url: str, **fields: Any) -> Provider:
    usual = {"id": "0" * 12, "kind": "packycode", "name": "packycode", "api_key": Secret(CANARY), "requires_auth": True}
    return Provider(base_url=base_url, **{**usual, **fields})


def ask(base_url: str, model: str = "gpt-5", *, patience: Patience = PATIENCE, **fields: Any) -> ProbeResult:
    """Probe a base URL; whatever comes of it, there is a repair for what is wrong, and no key in it."""
    how = {name: fields.pop(name) for name in ("key_place", "developer_message") if name in fields}
    result = probe(provider(base_url, **fields), model, Connector(2), patience=patience, **how)
    assert CANARY not in repr(result)
    assert bool(result.fix) is not result.ok
    assert result.message
    assert "\n" not in result.message + result.fix
    return result
