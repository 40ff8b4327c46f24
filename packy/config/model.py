"""What is configured, as immutable objects. The schemas build them; nothing else does.

All durations are seconds, all sizes bytes. Secrets show a mask wherever objects become text.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packy.config.problems import Problem
    from packy.config.providers import Provider
    from packy.config.secret import Secret
    from packy.config.sections import (
        Compatibility,
        LedgerSettings,
        Limits,
        Logging,
        Price,
        RemoteManagement,
        Routing,
        Timeouts,
    )

__all__ = [
    "Alias",
    "ClientKey",
    "ClientKeys",
    "CodexApiKey",
    "Credentials",
    "Defaults",
    "Packycode",
    "Privacy",
    "Server",
    "Snapshot",
    "SourceName",
    "Sources",
]

SourceName: TypeAlias = Literal["config.yaml", "env", "codex-cli"]
"""Where a value of the packycode block came from, highest first."""

_SALT = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the gateway listens.

    Attributes:
        host: address or host name.
        port: 0 lets the system choose a free one.
        workers: number of worker processes; `auto` in the file has become the number of usable cores here.
    """

    host: str
    port: int
    workers: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key that clients present, kept as a digest only.

    Attributes:
        label: its name in logs and metrics.
        digest: HMAC-SHA-256 of the key under a salt that lives as long as the process (and its forks).
    """

    label: str
    digest: bytes = field(repr=False)

    @staticmethod
    def fingerprint(key: str) -> bytes:
        """Return the digest of a key in plain text."""
        return hmac.digest(_SALT, key.encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """The keys that are let in."""

    entries: tuple[ClientKey, ...] = ()

    @property
    def open(self) -> bool:
        """Whether no key is configured, so that everyone who can connect is let in."""
        return not self.entries

    def match(self, presented: str) -> str | None:
        """Return the label of a presented key, or None. Takes the same time whichever key matches, or none."""
        digest = ClientKey.fingerprint(presented)
        label = None
        for entry in self.entries:
            if hmac.compare_digest(entry.digest, digest):
                label = entry.label
        return label


@dataclass(frozen=True, slots=True)
class Privacy:
    """What the upstream may keep: with `disable_response_storage` it is told `store: false`."""

    disable_response_storage: bool


@dataclass(frozen=True, slots=True)
class Defaults:
    """The model and the effort of requests that name neither."""

    model: str
    model_reasoning_effort: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key for the upstream, if there is one."""

    openai_api_key: Secret | None


@dataclass(frozen=True, slots=True)
class Packycode:
    """The `packycode` block, merged from all sources.

    Attributes:
        base_url: as written; providers carry it without its trailing slash.
        effective_source: the highest source that supplies any field; None where all are defaults.
        effective_sources: source of each supplied field by its dotted name in the block; what is absent is a default.
    """

    enabled: bool
    base_url: str | None
    requires_openai_auth: bool
    wire_api: str
    privacy: Privacy
    defaults: Defaults
    credentials: Credentials
    effective_source: SourceName | None = None
    effective_sources: Mapping[str, SourceName] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class CodexApiKey:
    """One entry of `codex-api-key`: another Responses API provider.

    Attributes:
        name: unique; `codex-1`, `codex-2`, … by position where the entry gives none.
        models: the models it serves; empty for any.
    """

    name: str
    base_url: str
    api_key: Secret
    models: tuple[str, ...]
    enabled: bool


@dataclass(frozen=True, slots=True)
class Alias:
    """A model name that callers use for another.

    Attributes:
        pattern: a name; each `*` in it stands for any text.
        model: the upstream model.
        effort: reasoning effort that goes with it; None leaves it to the request.
    """

    pattern: str
    model: str
    effort: str | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a snapshot came from.

    Attributes:
        config_file: path of config.yaml, whether it exists or not; None for a snapshot built from data.
        config_found: whether it existed.
        codex_files: the Codex CLI files that were looked at, whether they exist or not.
        env_file: path of the `.env` beside config.yaml, whether it exists or not; None for a snapshot built from data.
    """

    config_file: Path | None = None
    config_found: bool = False
    codex_files: tuple[Path, ...] = ()
    env_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole configuration at one moment. A request reads one at its start and keeps it to its end.

    Attributes:
        aliases: in the order in which they are tried: exact names, then the file's patterns, then the default ones.
        context_windows: input tokens by upstream model, where the file knows better than packy.
        fidelity: what becomes of a request that cannot be carried whole: `warn` names what is lost in the answer,
            `strict` refuses it.
        context_check: answer a request whose own estimate is well over the model's window without going upstream.
        prices: by upstream model.
        providers: the upstreams in use, in order of preference; Packycode first and alone while it is enabled.
        resting: enabled entries of `codex-api-key` that Packycode has put to rest.
        warnings: what is wrong without being in the way, as `packy.config.Problem`.
    """

    server: Server
    client_keys: ClientKeys
    packycode: Packycode
    codex_api_keys: tuple[CodexApiKey, ...]
    aliases: tuple[Alias, ...]
    context_windows: Mapping[str, int]
    compatibility: Compatibility
    fidelity: Literal["warn", "strict"]
    context_check: bool
    timeouts: Timeouts
    limits: Limits
    logging: Logging
    remote_management: RemoteManagement
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    routing: Routing
    ledger: LedgerSettings
    prices: Mapping[str, Price]
    providers: tuple[Provider, ...]
    resting: tuple[Provider, ...]
    sources: Sources = Sources()
    warnings: tuple[Problem, ...] = ()
