"""The one description of config.yaml: keys, types, defaults, and rules across keys. All else is derived from it."""

from __future__ import annotations

import ipaddress
import os
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from packy.config import model as models
from packy.config import rules, sections
from packy.config.compose import compose
from packy.config.containers import ByName, ListOf, Section, Shorthand
from packy.config.fields import BaseUrl, Choice, SecretText, Switch, Text
from packy.config.management_key import stored_key
from packy.config.problems import Finding
from packy.config.quantities import Amount, Count, Seconds, Size
from packy.config.strict import StrictSchema
from packy.config.unique import repetitions

__all__ = ["ConfigSchema", "PackycodeSchema"]

_ABSENT: Final = object()


def _at(raw: object, *path: str) -> object:
    """Return what raw data holds at a path, or `_ABSENT`."""
    for key in path:
        raw = raw.get(key, _ABSENT) if isinstance(raw, dict) else _ABSENT
    return raw


class PrivacySchema(StrictSchema):
    """`packycode.privacy`."""

    builds = models.Privacy
    disable_response_storage = Switch("disable-response-storage", default=True)


class DefaultsSchema(StrictSchema):
    """`packycode.defaults`."""

    builds = models.Defaults
    model = Text("model", rules.model, default="gpt-5")
    model_reasoning_effort = Choice("model-reasoning-effort", rules.EFFORTS, default="high", example="high")


class CredentialsSchema(StrictSchema):
    """`packycode.credentials`."""

    builds = models.Credentials
    openai_api_key = SecretText("openai-api-key", rules.key, default=None, example="THE-KEY")


class PackycodeSchema(StrictSchema):
    """The `packycode` block, in config.yaml and as a body of the management API."""

    builds = models.Packycode
    enabled = Switch("enabled", default=False)
    base_url = BaseUrl("base-url", default=None)
    requires_openai_auth = Switch("requires-openai-auth", default=True)
    wire_api = Choice("wire-api", ("responses",), default="responses")
    privacy = Section(PrivacySchema, "privacy")
    defaults = Section(DefaultsSchema, "defaults")
    credentials = Section(CredentialsSchema, "credentials")
    effective_source = fields.String(data_key="effective-source", dump_only=True)
    effective_sources = fields.Dict(data_key="effective-sources", dump_only=True)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def complete_when_enabled(self, data: object, original: object, **kwargs: object) -> None:
        """An enabled block has a base URL and a key, and lets the upstream store nothing.

        What was given counts, even if it is wrong: that is a finding of its own.
        """
        del data
        if kwargs.get("partial") or _at(original, "enabled") is not True:
            return
        wrong: dict[str, object] = {}
        if _at(original, "base-url") is _ABSENT:
            fix = f"add `base-url: {rules.PUBLIC_BASE_URL}` to packycode, or export PACKYCODE_BASE_URL with that URL"
            wrong["base-url"] = [Finding("is missing while packycode is enabled", fix)]
        keyless = _at(original, "credentials", "openai-api-key") is _ABSENT
        if keyless and _at(original, "requires-openai-auth") is not False:
            problem = "is missing while packycode is enabled and requires-openai-auth is true"
            fix = "export PACKYCODE_API_KEY=THE-KEY, or add `credentials: {openai-api-key: THE-KEY}` to packycode"
            wrong["credentials"] = {"openai-api-key": [Finding(problem, fix)]}
        if _at(original, "privacy", "disable-response-storage") is False:
            finding = Finding(
                "must be true while packycode is enabled", "write `disable-response-storage: true`", "false"
            )
            wrong["privacy"] = {"disable-response-storage": [finding]}
        if wrong:
            raise ValidationError(wrong)


class ClientKeySchema(StrictSchema):
    """An item of `client-keys`."""

    label = Text("label", rules.label, default=None, example="laptop")
    key = SecretText("key", rules.long_key, required=True, example="A-LONG-RANDOM-KEY")


class CodexApiKeySchema(StrictSchema):
    """An item of `codex-api-key`."""

    api_key = SecretText("api-key", rules.key, required=True, example="THE-KEY")
    base_url = BaseUrl("base-url", required=True)
    name = Text("name", rules.provider, default=None, example="spare")
    models = ListOf(Text(rule=rules.model, example="gpt-5"), "models")
    enabled = Switch("enabled", default=True)


class AliasSchema(StrictSchema):
    """A value of `aliases`."""

    model = Text("model", rules.model, default=None, example="gpt-5")
    effort = Choice("effort", rules.REQUEST_EFFORTS, default=None, example="high")

    @validates_schema(pass_original=True)
    def says_something(self, data: object, original: object, **_: object) -> None:
        """An alias has a model, an effort, or both."""
        del data
        if original == {}:
            raise ValidationError([Finding("says nothing", "give it a `model`, an `effort`, or both")])


class CompatibilitySchema(StrictSchema):
    """`compatibility`."""

    builds = sections.Compatibility
    system_prompt = Choice("system-prompt", ("instructions", "developer-message"), default="instructions")
    parameters = ListOf(Choice(None, ("max_tokens", "temperature", "top_p")), "parameters", frozenset)


class TimeoutsSchema(StrictSchema):
    """`timeouts`, in seconds."""

    builds = sections.Timeouts
    connect = Seconds("connect", 300, default=10.0, example="10")
    first_byte = Seconds("first-byte", 3600, default=300.0, example="300")
    idle = Seconds("idle", 3600, default=600.0, example="600")
    total = Seconds("total", 86400, default=3600.0, example="3600")
    ping = Seconds("ping", 300, default=15.0, example="15")


class LimitsSchema(StrictSchema):
    """`limits`."""

    builds = sections.Limits
    max_body = Size("max-body", (1 << 10, 1 << 30), default=64 << 20, example="64MiB")
    max_concurrent = Count("max-concurrent", (1, 4000), default=2000)
    max_concurrent_per_client = Count("max-concurrent-per-client", (1, 4000), default=None, example="100")


class LoggingSchema(StrictSchema):
    """`logging`."""

    builds = sections.Logging
    format = Choice("format", ("json", "console"), default="json")
    level = Choice("level", ("debug", "info", "warning", "error"), default="info", example="info")


class RemoteManagementSchema(StrictSchema):
    """`remote-management`."""

    builds = sections.RemoteManagement
    allow_remote = Switch("allow-remote", default=False)
    secret_key = SecretText("secret-key", stored_key, default=None, example="A-LONG-RANDOM-KEY")


class RoutingSchema(StrictSchema):
    """`routing`."""

    builds = sections.Routing
    failover = Switch("failover", default=False)
    cooldown = Seconds("cooldown", 3600, default=30.0, example="30")


class LedgerSchema(StrictSchema):
    """`ledger`."""

    builds = sections.LedgerSettings
    enabled = Switch("enabled", default=True)
    url = SecretText("url", rules.database, default=None, example="postgresql+psycopg://packy:PASSWORD@HOST/packy")
    retention_days = Count("retention-days", (1, 3650), default=90)


class PriceSchema(StrictSchema):
    """A value of `prices`: what a million tokens cost."""

    builds = sections.Price
    input = Amount("input", required=True, example="1.25")
    cached_input = Amount("cached-input", required=True, example="0.125")
    output = Amount("output", required=True, example="10")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _networks(items: Any) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:  # noqa: ANN401 - judged text
    return tuple(ipaddress.ip_network(item) for item in items)


class ConfigSchema(StrictSchema):
    """The whole of config.yaml; loading gives a `Snapshot`."""

    builds = compose
    host = Text("host", rules.host, default="127.0.0.1", attribute="server.host")
    port = Count("port", (0, 65535), default=8317, attribute="server.port")
    workers = Count("workers", (1, 256), _cores, default=_cores, example="auto", attribute="server.workers")
    client_keys = ListOf(Shorthand(ClientKeySchema, "key"), "client-keys")
    packycode = Section(PackycodeSchema, "packycode")
    codex_api_keys = ListOf(Section(CodexApiKeySchema), "codex-api-key")
    aliases = ByName(Shorthand(AliasSchema, "model"), "aliases", "name: model")
    context_windows = ByName(Count(None, (1000, 100_000_000), example="272000"), "context-windows", "model: tokens")
    compatibility = Section(CompatibilitySchema, "compatibility")
    fidelity = Choice("fidelity", ("warn", "strict"), default="warn")
    context_check = Switch("context-check", default=False)
    timeouts = Section(TimeoutsSchema, "timeouts")
    limits = Section(LimitsSchema, "limits")
    logging = Section(LoggingSchema, "logging")
    remote_management = Section(RemoteManagementSchema, "remote-management")
    trusted_proxies = ListOf(Text(rule=rules.address, example="10.0.0.0/8"), "trusted-proxies", _networks)
    routing = Section(RoutingSchema, "routing")
    ledger = Section(LedgerSchema, "ledger")
    prices = ByName(Section(PriceSchema), "prices", "model: {input: 1.25, cached-input: 0.125, output: 10}")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def nothing_twice(self, data: object, original: dict[str, object], **_: object) -> None:
        """Keys and names of a list differ from each other."""
        del data
        if wrong := repetitions(original):
            raise ValidationError(wrong)
