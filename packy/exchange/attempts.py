"""Asking providers until one begins to answer.

Each attempt is a request of its own: what a provider turns out not to take is left out of the next, a connection that
broke is tried once more, and with `routing.failover` the next provider is asked. It ends with the first content, or
with the failure of the provider that was the first choice.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import gevent

from packy.errors import InvalidRequest
from packy.exchange.verdict import asked_to_wait, blames_the_request, worth_a_second_try
from packy.routing import PROBE, resolve_all, shown_model, snapshot_key
from packy.telemetry import logger
from packy.tokens import count_request
from packy.translation import (
    OMITTABLE,
    MessageFolder,
    ResponseTranslator,
    StreamWriter,
    Target,
    UpstreamContext,
    translate_request,
)
from packy.translation import InvalidRequest as Untranslatable
from packy.upstream import Relay, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.exchange.call import Call, Upstreams
    from packy.routing import Route
    from packy.telemetry import RequestRecord
    from packy.translation import Failure, Translation

__all__ = ["Attempts"]

_PAUSE_SECONDS = 0.25
# Fields of the record that say which provider was asked, how, and with what result.
_OF_AN_ATTEMPT = ("provider", "upstream_model", "effort", "upstream_status", "dropped")
_SHORTEST_WAIT = 0.001
# More bytes than tokens, whatever they say: a request shorter than the window needs no counting.
_FEWEST_BYTES_PER_TOKEN = 2
# How far over the window packy's own count has to be: it may be off by a few per cent.
_MARGIN = 1.1
# Bounds that callers always send, and that no Codex backend takes: judging them would refuse everything.
_NOT_JUDGED = {"max_tokens", "tools.web_search.max_uses"}


class Attempts:
    """The attempts of one request.

    Args:
        call: the request.
        upstreams: what the worker's requests share.
        message_id: of the answer.
        record: of the request; is told what was tried.

    Attributes:
        opening: says what there is to say before any provider's answer does.
        dropped: what the attempt under way does not carry of the request, for the caller.
        estimate: estimated input tokens.
        waited: seconds that providers were waited for, but for those of the answer that came.

    Raises:
        NoProvider, NotFound: there is nobody to ask.
    """

    __slots__ = (
        "_call", "_deadline", "_made", "_message_id", "_omitted", "_probing", "_record", "_routes", "_sent",
        "_snapshot_key", "_translated", "_upstreams", "_without_reasoning", "dropped", "estimate", "opening",
        "waited",
    )  # fmt: skip

    def __init__(self, call: Call, upstreams: Upstreams, message_id: str, record: RequestRecord) -> None:
        self.opening = StreamWriter(call.request_id)
        self.dropped: tuple[str, ...] = ()
        self.estimate = 0
        self.waited = 0.0
        self._call = call
        self._upstreams = upstreams
        self._message_id = message_id
        self._record = record
        self._deadline = time.monotonic() + call.snapshot.timeouts.total
        self._snapshot_key = snapshot_key(call.snapshot)
        self._routes = resolve_all(call.snapshot, call.model, call.body)
        self._made = 0
        self._without_reasoning = False
        # The route under way is a probe, of which the cooldowns must be told how it went.
        self._probing = False
        self._omitted: set[str] = set()
        self._sent = b""
        self._translated: Translation | None = None
        self.translate(self._routes[0])

    def forget(self) -> None:
        """Let go of the request, which may be large: there is an answer, and it will not be sent again."""
        self._call = replace(self._call, body={})
        self._sent, self._translated = b"", None

    def run(self) -> Relay:
        """Make them.

        Returns:
            The answer, with content or at its end.

        Raises:
            UpstreamError: nobody answered.
            InvalidRequest: it cannot be carried whole, and `fidelity` is `strict`; or it is too long.
        """
        first: UpstreamError | None = None
        record = cast("dict[str, object]", self._record)
        told: dict[str, object] = {}
        for route in self._in_turn():
            if self._made or route is not self._routes[0]:
                # Nothing that the provider before has taught us, nor the request as it was for that one.
                self._omitted, self._without_reasoning, self._translated = set(), False, None
            try:
                return self._ask(route)
            except UpstreamError as error:
                if first is None:
                    first, told = error, {name: record[name] for name in _OF_AN_ATTEMPT if name in record}
                if blames_the_request(error.failure) or time.monotonic() >= self._deadline:
                    break
        assert first is not None  # noqa: S101 - there is at least one route
        # The error is the first one's: what is recorded with it must not be that of whoever was asked last.
        for name in _OF_AN_ATTEMPT:
            record.pop(name, None)
        record.update(told)
        raise first

    def _in_turn(self) -> Iterator[Route]:
        """Give the routes that are not cooling down; then, as the last resort, those that are."""
        if len(self._routes) == 1:
            yield self._routes[0]
            return
        postponed = []
        for route in self._routes:
            admission = self._upstreams.cooldowns.admit(route.provider.id, route.model.name)
            if admission.state == "cooling":
                postponed.append((admission.seconds, route))
            else:
                self._probing = admission is PROBE
                yield route
        self._probing = False
        yield from (route for _, route in sorted(postponed, key=lambda each: each[0]))

    def _ask(self, route: Route) -> Relay:
        """Ask one provider, again where that can help."""
        tried_again = False
        try:
            while True:
                try:
                    relay = self._send(route)
                except UpstreamError as error:
                    if self._repair(route, error.failure):
                        continue
                    if not tried_again and worth_a_second_try(error.failure) and time.monotonic() < self._deadline:
                        tried_again = True
                        pause = max(_PAUSE_SECONDS, asked_to_wait(error.failure) or 0)
                        gevent.sleep(pause)
                        self.waited += pause
                        continue
                    self._tell_failure(route, error.failure)
                    raise
                self._upstreams.cooldowns.succeeded(route.provider.id, route.model.name)
                self._probing = False
                if route is not self._routes[0]:
                    self._record["failover"] = True
                return relay
        finally:
            if self._probing:
                self._upstreams.cooldowns.abandoned(route.provider.id, route.model.name)

    def _tell_failure(self, route: Route, failure: Failure) -> None:
        """Start a cooldown, if there is another provider to ask meanwhile and it is not the request that is wrong."""
        cooldowns = self._upstreams.cooldowns
        if len(self._routes) == 1 or blames_the_request(failure):
            return
        base = self._call.snapshot.routing.cooldown
        wait = asked_to_wait(failure)
        self._probing = False
        cooldowns.failed(route.provider.id, route.model.name, base=base, retry_after=wait)
        model = shown_model(self._call.snapshot, route.model.name)
        logger.warning("provider_failed", provider=route.provider.name, model=model, failure=failure.code)

    def _send(self, route: Route) -> Relay:
        call, record = self._call, self._record
        translated = self._translated or self.translate(route)
        self._translated, self._sent = None, translated.payload
        context = self._context(route)
        self._made += 1
        if self._made > 1:
            record["retries"] = self._made - 1
        began = time.monotonic()
        timeouts = call.snapshot.timeouts
        # The whole request has its end, too; it may come before the first byte's.
        patience = replace(timeouts, first_byte=min(timeouts.first_byte, max(self._deadline - began, _SHORTEST_WAIT)))
        try:
            connection = self._upstreams.connector.open(
                route.provider, translated.payload, patience, context, call.cache_key
            )
        finally:
            self.waited += time.monotonic() - began
        record["upstream_status"] = connection.status
        writer = StreamWriter(call.request_id, self.opening)
        writer.fills = translated.reasoning
        translator = ResponseTranslator(
            writer if call.streaming else MessageFolder(),
            message_id=self._message_id,
            model=call.model,
            names=translated.names,
            context=context,
            estimate=context.estimate,
            reasoning=translated.reasoning,
            stop_sequences=translated.stop_sequences,
        )
        relay = Relay(connection, route.provider.name, translator, timeouts, self._deadline)
        try:
            relay.wait_for_content()
        except BaseException:
            self.waited += relay.waited
            relay.close()
            raise
        return relay

    def translate(self, route: Route) -> Translation:
        """Translate the request for a route; kept for the attempt that comes next."""
        call, record = self._call, self._record
        snapshot = call.snapshot
        learned = self._upstreams.learned.of(route.provider.id, self._snapshot_key)
        target = Target(
            model=route.model.name,
            effort=route.effort,
            cache_key=call.cache_key,
            leading_developer_message=snapshot.compatibility.system_prompt == "developer-message",
            parameters=snapshot.compatibility.parameters,
            without_reasoning=self._without_reasoning,
            omit=learned | self._omitted,
        )
        try:
            translated = translate_request(call.body, target)
        except Untranslatable as error:
            raise InvalidRequest(error.path, error.problem) from None
        record["provider"] = route.provider.name
        record["upstream_model"] = shown_model(snapshot, route.model.name)
        if route.effort:
            record["effort"] = route.effort
        if translated.dropped:
            record["dropped"] = ["unknown" if name in translated.unknown else name for name in translated.dropped]
        self._judge(route, translated)
        self.dropped = translated.dropped
        self.opening.fills = translated.reasoning
        self.estimate = translated.estimate
        self._translated = translated
        return translated

    def _judge(self, route: Route, translated: Translation) -> None:
        snapshot = self._call.snapshot
        lost = [name for name in translated.dropped if name not in _NOT_JUDGED]
        if snapshot.fidelity == "strict" and lost:
            raise InvalidRequest(
                "",
                f"the upstream cannot take {', '.join(lost)}, and packy is set to refuse what it cannot carry whole; "
                "leave that out, or set `fidelity: warn` in packy's configuration",
            )
        window = route.model.context_window
        if snapshot.context_check and window and len(translated.payload) > window * _FEWEST_BYTES_PER_TOKEN:
            tokens = gevent.get_hub().threadpool.apply(count_request, (self._call.body, route.model.name))
            if tokens > window * _MARGIN:
                # The wording on which Claude Code compacts the conversation (measured with 2.1.197).
                raise InvalidRequest("", f"prompt is too long: {tokens} tokens > {window} maximum")

    def _repair(self, route: Route, failure: Failure) -> bool:
        """Change the request so that the provider may take it; tell whether there was anything to change."""
        if failure.code == "upstream_refused_reasoning":
            self._without_reasoning = True
            return self._changes(route)
        parameter = failure.parameter
        if parameter not in OMITTABLE or parameter in self._omitted:
            return False
        self._omitted.add(parameter)
        if not self._changes(route):
            return False
        self._record["learned"] = [*self._record.get("learned", ()), parameter]
        if self._upstreams.learned.learn(route.provider.id, self._snapshot_key, parameter):
            logger.warning("parameter_learned", provider=route.provider.name, parameter=parameter)
        return True

    def _changes(self, route: Route) -> bool:
        """Translate anew; tell whether that gives another request than the one that was refused."""
        before = self._sent
        return self.translate(route).payload != before

    def _context(self, route: Route) -> UpstreamContext:
        own = route.provider.kind == "packycode"
        sources = self._call.snapshot.packycode.effective_sources if own else {}
        return UpstreamContext(
            provider=route.provider.name,
            key_source=sources.get("credentials.openai-api-key", "config.yaml"),
            model=route.model.name,
            models=route.provider.models,
            context_window=route.model.context_window,
            estimate=self.estimate,
            hide=route.provider.api_key.hide_in if route.provider.api_key else str,
        )
