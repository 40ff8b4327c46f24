"""What each outcome of a probe means, and what repairs it: one function for each kind of it.

Texts are packy's own. What a provider says is quoted only where it helps, and never with a key in it.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from packy.config import PUBLIC_BASE_URL
from packy.upstream.failures import _causes as causes
from packy.upstream.failures import failure_from_exception
from packy.upstream.probe.result import ProbeResult
from packy.upstream.probe.subject import milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from urllib.parse import SplitResult

    from packy.translation import Failure
    from packy.upstream.probe.exchange import Answer
    from packy.upstream.probe.result import ProbeCode
    from packy.upstream.probe.subject import Subject

__all__ = ["answered", "fell_silent", "said_no", "unreached", "wrong_api", "wrong_place"]

_OK: Final = 200
_FORBIDDEN: Final = 403
_MOST_MODELS: Final = 12
_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}
# OpenSSL's words for an answer in plain HTTP.
_NO_TLS: Final = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}


def answered(subject: Subject, answer: Answer) -> ProbeResult:
    """All is well."""
    model = answer.model if isinstance(answer.model, str) and re.fullmatch(r"[!-~]{1,200}", answer.model) else None
    latency = milliseconds(answer.latency)
    text = f"{subject.name} answers as {model or subject.model} in {latency:.0f} ms"
    return ProbeResult(ok=True, code="ok", status=answer.status, message=text, latency_ms=latency, model=model)


def unreached(subject: Subject, error: BaseException) -> ProbeResult:
    """Name what is in the way of a connection, or of an answer over it.

    Args:
        subject: who was asked.
        error: of requests, urllib3 or the socket below.
    """
    name, host, address = subject.name, subject.host, subject.address
    place = f"{subject.url_place} ({subject.url})"
    network = "check this machine's network, VPN and firewall; where only a proxy leads out, export HTTPS_PROXY"
    code: ProbeCode
    match failure_from_exception(error, name).code:
        # requests' own, for a bundle of certificates that is not there.
        case _ if type(error) is OSError and (variable := _absent_bundle()):
            code, text = "tls", f"{variable} names a file of certificates that does not exist"
            fix = f"unset {variable}, or export it with the path of a PEM file"
        case "upstream_proxy" | "upstream_bad_url" as which if subject.proxy or which == "upstream_proxy":
            code = "proxy"
            text, fix = _kept_back(subject)
        case "upstream_tls":
            code = "tls"
            text, fix = _distrusted(subject, error)
        case "upstream_dns":
            code, text = "dns", f"{host} does not resolve to an address"
            fix = f"correct the host in {place}, or repair this machine's DNS: `getent hosts {host}` tests it"
        case "upstream_connect_timeout":
            code, text = "connect_timeout", f"{address} accepted no connection within {subject.patience.connect:g} s"
            fix = network
        case "upstream_timeout":
            code, text = "timeout", f"{name} did not answer within {subject.patience.first_byte:g} s"
            fix = _try_again(subject)
        case "upstream_refused_connection" if _errno(error) in _NO_ROUTE:
            code, text, fix = "unreachable", f"no network leads to {address}", network
        case "upstream_refused_connection":
            code, text = "refused", f"{address} refuses the connection"
            fix = f"correct host and port in {place}, or start the server there"
        case "upstream_bad_url":
            code, text = "unusable", f"{name} has a base URL or a key that cannot be sent"
            fix = f"write both anew: {subject.url_place}, and {subject.key_place}"
        case _:
            code, text = "connection", f"{address} closed the connection without an answer"
            plain = subject.url.startswith("http://")
            fix = (
                f"write https:// in {place} if the server speaks TLS; else try again" if plain else _try_again(subject)
            )
    return subject.failed(code, text, fix)


def _kept_back(subject: Subject) -> tuple[str, str]:
    """Name what is wrong with the proxy on the way, and its repair."""
    if subject.proxy is None:
        fix = "export HTTPS_PROXY with its URL, login included: http://USER:PASSWORD@HOST:PORT"
        return f"a proxy on the way to {subject.host} wants to be asked first", fix
    variable, proxy = subject.proxy
    fix = f"export {variable} with the http:// URL of a proxy that runs, or unset it, or add {subject.host} to NO_PROXY"
    return f"{subject.name} cannot be reached through the proxy {proxy} ({variable})", fix


def _distrusted(subject: Subject, error: BaseException) -> tuple[str, str]:
    """Name what is wrong with TLS, and its repair."""
    refused = next((each for each in causes(error) if isinstance(each, ssl.SSLCertVerificationError)), None)
    if refused is None:
        reasons = [each.reason for each in causes(error) if isinstance(each, ssl.SSLError) and each.reason]
        if not set(reasons) & _NO_TLS:
            why = f" ({reasons[0].replace('_', ' ').lower()})" if reasons else ""
            fix = "update Python and its OpenSSL on this machine, and whatever intercepts TLS on the way"
            return f"no TLS connection to {subject.address} comes about{why}", fix
        fix = f"correct the port in {subject.url_place}, or write http:// there if the way to the server is safe"
        return f"{subject.address} does not speak TLS", fix
    reason = refused.verify_message.rstrip(".")
    if "expired" in reason or "not yet valid" in reason:
        fix = "check this machine's clock; if it is right, the provider has to renew the certificate"
    elif "mismatch" in reason:
        fix = f"write the name that the certificate is for into {subject.url_place}"
    else:
        fix = "if you trust its issuer: export REQUESTS_CA_BUNDLE=/path/to/issuer.pem"
    return f"the TLS certificate of {subject.address} is not trusted: {reason}", fix


def said_no(subject: Subject, failure: Failure, answer: Answer, models: Sequence[str] = ()) -> ProbeResult:
    """Name what a Responses API objects to.

    Args:
        subject: who was asked.
        failure: what it said, as mapped for callers.
        answer: how it said so.
        models: what it serves, if it tells.
    """
    name, status = subject.name, answer.status
    text = subject.quote(failure.message)
    quoted = "" if text.startswith(name) else f": {text}"
    pause = f"in {failure.headers['retry-after']} s" if "retry-after" in failure.headers else "later"
    code: ProbeCode
    match failure.code:
        case "upstream_auth" if not (subject.provider.requires_auth and subject.provider.api_key):
            code, text = "auth", f"{name} wants a key, and is sent none (HTTP {status})"
            fix = "set requires-openai-auth: true, and a key beside it"
        case "upstream_auth":
            code, text = "auth", f"{name} refuses its key (HTTP {status})"
            fix = f"put a key that is valid at {subject.host} into {subject.key_place}"
        case "model_not_found":
            code, text = "model_not_found", f"{name} has no model {subject.model}"
            fix = f"set {subject.model_place} to {_choice(subject.model, models)}"
        case "upstream_quota":
            code = "quota"
            fix = "wait for the reset, or top up the plan; meanwhile packycode.enabled: false wakes other providers"
        case "upstream_rate_limit" | "upstream_overloaded":
            code = "rate_limit" if failure.code == "upstream_rate_limit" else "overloaded"
            fix = f"try again {pause}; base URL and key are right"
        case "upstream_refused" if status == _FORBIDDEN:
            code, text = "forbidden", f"{name} refuses access (HTTP {status}){quoted}"
            fix = (
                f"ask the provider ({subject.host}) what this key may do, and whether it admits this machine's address"
            )
        case (
            "upstream_refused" | "upstream_refused_parameter" | "upstream_refused_reasoning" | "context_length_exceeded"
        ):
            code, text = "rejected_request", f"{name} refuses what packy sends (HTTP {status}){quoted}"
            fix = _accommodate(subject, answer, text)
        case _:
            code, fix = "server_error", _try_again(subject)
    return subject.failed(code, text, fix, answer)


def _accommodate(subject: Subject, answer: Answer, said: str) -> str:
    if "instructions" in said.lower():
        return "set compatibility.system-prompt: developer-message"
    if answer.is_page and subject.url.startswith("http://"):
        return f"write https:// in {subject.url_place}"
    return f"ask the provider ({subject.host}) whether it takes what Codex CLI sends; packy sends the same"


def fell_silent(subject: Subject, answer: Answer) -> ProbeResult:
    """The request was accepted, and nothing came of it."""
    name, fix = subject.name, _try_again(subject)
    waited = answer.error is not None and failure_from_exception(answer.error, name).code == "upstream_timeout"
    if waited and not answer.created:
        text = f"{name} took the request (HTTP {answer.status}), but said nothing in {subject.patience.first_byte:g} s"
        return subject.failed("timeout", text, fix, answer)
    text = f"{name} took the request (HTTP {answer.status}), but closed the connection before it said anything"
    return subject.failed("stream_cut", text, fix, answer)


def wrong_place(subject: Subject, answer: Answer, base_url: str) -> ProbeResult:
    """There is no Responses API at the base URL, but at another one."""
    text = f"{subject.name} has no Responses API at {subject.url} (HTTP {answer.status}), but at {base_url}"
    return subject.failed("base_url", text, f"set base-url to {base_url}", answer)


def wrong_api(subject: Subject, answer: Answer, *, chat: bool) -> ProbeResult:
    """There is no Responses API at the base URL, as far as anyone can see.

    Args:
        subject: who was asked.
        answer: what came instead.
        chat: whether Chat Completions are spoken there.
    """
    name, url, status = subject.name, subject.url, answer.status
    fix = f"set {subject.url_place} to that of a Responses API compatible with Codex CLI, such as {PUBLIC_BASE_URL}"
    code: ProbeCode = "not_responses_api"
    if chat:
        code, text = "chat_completions", f"{name} speaks Chat Completions at {url}, not the Responses API"
    elif answer.redirects:
        target = urlsplit(urljoin(f"{url}/responses", answer.headers.get("location", "")))
        code, text = "redirect", f"{name} redirects to {target.hostname} (HTTP {status}), which packy does not follow"
        fix = _follow(subject, target)
    elif answer.is_page:
        code, text = "web_page", f"{name} answers with a web page at {url} (HTTP {status})"
    elif status == _OK:
        what = "one JSON document" if answer.kind == "application/json" else "something else"
        text = f"{name} answers at {url} with {what} instead of a Responses stream"
    else:
        text = f"{name} has no Responses API at {url} (HTTP {status})"
    return subject.failed(code, text, fix, answer)


def _follow(subject: Subject, target: SplitResult) -> str:
    """Name the base URL that a redirect leads to, if nothing speaks against it."""
    same = target.hostname == subject.host and "@" not in target.netloc and target.path.endswith("/responses")
    if same and not target.query and not target.fragment and target.scheme == "https":
        return f"set base-url to {target.geturl().removesuffix('/responses')}"
    return f"find out from the provider which base URL is right, and write it into {subject.url_place}"


def _choice(model: str, models: Sequence[str]) -> str:
    """Name models to choose from, the most similar first."""
    if not models:
        return "a model that the provider's documentation names"
    near = difflib.get_close_matches(model, models, n=_MOST_MODELS, cutoff=0.3)
    names = [*near, *(each for each in models if each not in near)]
    rest = len(names) - _MOST_MODELS
    return "one of: " + ", ".join(names[:_MOST_MODELS]) + (f" and {rest} more" if rest > 0 else "")


def _try_again(subject: Subject) -> str:
    return f"try again; if it stays so, ask the provider ({subject.host}), and look at proxies and firewalls on the way"


def _absent_bundle() -> str | None:
    """Name the variable that takes all trust away by naming a file that is not there."""
    variable = next((each for each in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if os.environ.get(each)), None)
    return variable if variable and not os.path.exists(os.environ[variable]) else None  # noqa: PTH110 - requests looks like this


def _errno(error: BaseException) -> int | None:
    return next((each.errno for each in causes(error) if isinstance(each, OSError) and each.errno), None)
