"""The probe: one small request like packy's own, and, where that fails, a look around for the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from requests.exceptions import ProxyError

from packy.routing import clamp_effort, describe_model
from packy.translation import Target, UpstreamContext, failure_from_event, failure_from_http, translate_request
from packy.upstream.failures import RAISED
from packy.upstream.probe.diagnosis import (
    answered,
    fell_silent,
    said_no,
    unreached,
    wrong_api,
    wrong_place,
)
from packy.upstream.probe.exchange import Patience, exchange
from packy.upstream.probe.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.config import Provider
    from packy.translation import Failure
    from packy.upstream.connection import Connector
    from packy.upstream.probe.exchange import Answer
    from packy.upstream.probe.result import ProbeResult

__all__ = ["probe"]

_PATH: Final = "/responses"
_OK: Final = 200
_NO_SUCH_PATH: Final = {404, 405}
_PROXY_LOGIN: Final = 407
_PATIENCE: Final = Patience()
_MOST_NAME: Final = 200


def probe(  # noqa: PLR0913 - three say what to ask, three how; the latter have defaults
    provider: Provider,
    model: str,
    connector: Connector,
    *,
    key_place: str = "",
    developer_message: bool = False,
    patience: Patience = _PATIENCE,
) -> ProbeResult:
    """Find out whether a provider answers requests like packy's own, and if not, why.

    Sends one request that stores nothing, asks for low effort and says "ping", and hangs up as soon as the answer
    begins. Only where the provider has no Responses API at its base URL, or not the model, more is asked: the same at
    the base URL that was probably meant, and the list of models. Prints and logs nothing.

    Args:
        provider: whom to ask.
        model: the upstream's name of the model to ask for.
        connector: whose connections, proxies and certificates to use.
        key_place: where the provider's key stands, for the repair; the field of config.yaml where not given.
        developer_message: carry the system text as packy does with `compatibility.system-prompt: developer-message`.
        patience: how long to wait for an answer; where one comes that has to be looked into, in all about three times
            as long at the most.

    Returns:
        What was found; its texts hold no key.
    """
    entry = "packycode.credentials.openai-api-key" if provider.kind == "packycode" else f"api-key of {provider.name}"
    subject = Subject(provider, model, key_place or f"{entry} in config.yaml", patience)
    payload = _ping(model, developer_message=developer_message)
    try:
        answer = exchange(connector, provider, _PATH, patience, payload)
    except RAISED as error:
        return unreached(subject, error)
    if answer.status == _PROXY_LOGIN:
        return unreached(subject, ProxyError())
    if answer.created and not answer.failed:
        cut = not answer.content and (answer.over or answer.error is not None)
        return fell_silent(subject, answer) if cut else answered(subject, answer)
    failure = _failure(subject, answer)
    if failure is None and answer.streams and answer.error is not None:
        return fell_silent(subject, answer)
    briefly = replace(patience, first_byte=patience.first_byte / 4)
    if failure is None:
        return _look_around(subject, answer, connector, payload, briefly)
    models = _models(connector, provider, briefly) if failure.code == "model_not_found" else ()
    return said_no(subject, failure, answer, models or provider.models)


def _ping(model: str, *, developer_message: bool) -> bytes:
    """Make the request, by the very translation that callers' requests go through."""
    effort = clamp_effort("low", describe_model(model).efforts)
    request = {
        "model": model,
        "max_tokens": 1,
        "system": "This tests a connection. Answer with the word pong.",
        "messages": [{"role": "user", "content": "ping"}],
    }
    return translate_request(request, Target(model, effort, leading_developer_message=developer_message)).payload


def _failure(subject: Subject, answer: Answer) -> Failure | None:
    """Read what a Responses API objects to; None where it is not certain that one has spoken."""
    context = UpstreamContext(provider=subject.name, model=subject.model, models=subject.provider.models)
    if answer.failed is not None:
        return failure_from_event(answer.failed, context)
    if answer.redirects or answer.streams:
        return None
    if answer.status == _OK:
        # Some relays send errors so; 200 says nothing about them.
        failure = failure_from_http(0, answer.headers, answer.body, context)
        return None if failure.code == "upstream_error" else failure
    failure = failure_from_http(answer.status, answer.headers, answer.body, context)
    return None if answer.status in _NO_SUCH_PATH and failure.code != "model_not_found" else failure


def _look_around(
    subject: Subject, answer: Answer, connector: Connector, payload: bytes, patience: Patience
) -> ProbeResult:
    """Find out what is meant by a base URL at which no Responses API answers."""
    if answer.chat or answer.json().get("object") == "chat.completion":
        return wrong_api(subject, answer, chat=True)
    others = list(_neighbours(subject.url))
    for base_url in others:
        if _is_responses_api(connector, replace(subject.provider, base_url=base_url), payload, patience):
            return wrong_place(subject, answer, base_url)
    chat = any(
        _models(connector, replace(subject.provider, base_url=base_url), patience)
        for base_url in (subject.url, *others)
    )
    return wrong_api(subject, answer, chat=chat)


def _neighbours(base_url: str) -> Iterator[str]:
    """Give the base URLs that are usually meant by a wrong one."""
    root = base_url
    for ending in ("/chat/completions", "/completions", "/models"):
        root = root.removesuffix(ending)
    if root != base_url:
        yield root
    yield root.removesuffix("/v1") if root.endswith("/v1") else f"{root}/v1"


def _is_responses_api(connector: Connector, provider: Provider, payload: bytes, patience: Patience) -> bool:
    """Tell whether a Responses API answers, be it with an error of its own."""
    try:
        answer = exchange(connector, provider, _PATH, patience, payload)
    except RAISED:
        return False
    refuses = 400 <= answer.status < 500 and answer.status not in _NO_SUCH_PATH  # noqa: PLR2004 - HTTP
    return answer.created or (refuses and bool({"error", "detail"} & answer.json().keys()))


def _models(connector: Connector, provider: Provider, patience: Patience) -> tuple[str, ...]:
    """Ask which models there are; none where the provider does not tell."""
    try:
        document = exchange(connector, provider, "/models", patience).json()
    except RAISED:
        return ()
    # OpenAI's list has `data` and `id`, that of the Codex backend `models` and `slug`.
    entries: Any = document.get("data") or document.get("models")
    names = [
        entry.get("id") or entry.get("slug")
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    ]
    return tuple(
        name
        for name in names
        if isinstance(name, str) and name.isascii() and name.isprintable() and len(name) < _MOST_NAME
    )
