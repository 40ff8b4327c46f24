"""What a probe has found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["ProbeCode", "ProbeResult"]

ProbeCode: TypeAlias = Literal[
    "ok",
    # The provider cannot be reached.
    "dns",
    "refused",
    "unreachable",
    "connect_timeout",
    "timeout",
    "tls",
    "proxy",
    "connection",
    "unusable",
    # It can, but is not what packy speaks to.
    "base_url",
    "redirect",
    "web_page",
    "chat_completions",
    "not_responses_api",
    # It is, and says no.
    "auth",
    "forbidden",
    "model_not_found",
    "quota",
    "rate_limit",
    "overloaded",
    "server_error",
    "rejected_request",
    "stream_cut",
]
"""Each is explained where its texts are: packy.upstream.probe.diagnosis."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe has found out. Its texts never hold a key, nor what a provider says without a look at it.

    Attributes:
        ok: the provider answers requests like packy's own.
        code: what is wrong, in one word; `auth` is the one that means the key.
        status: HTTP status of the answer; None where there was none.
        message: one English sentence: what is so.
        fix: the repair, as an order; empty if all is well.
        latency_ms: milliseconds to the first event of the answer; None where there was none.
        model: the model that answers, in the provider's own words; None where none did.
    """

    ok: bool
    code: ProbeCode
    status: int | None
    message: str
    fix: str = ""
    latency_ms: float | None = None
    model: str | None = None
