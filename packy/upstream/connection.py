"""One request to one provider: connect, first byte, bytes, end."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import gevent
import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from packy import __version__
from packy.translation import Failure, failure_from_http
from packy.upstream.failures import RAISED, UpstreamError, failure_from_exception
from packy.upstream.kept import answered, ask_kept
from packy.upstream.pools import ArrivingAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.config import Provider, Timeouts
    from packy.translation import UpstreamContext
    from packy.upstream.kept import Answered
    from packy.upstream.pools import ArrivingPool

__all__ = ["Connection", "Connector"]

_ERROR_BODY = 65536
_DRAIN_SECONDS = 0.5
_SHORTEST_WAIT = 0.001
_MOST_KNOWN = 64
_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": f"packy/{__version__}",
}


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Bound what is done within; raises TimeoutError past the bound."""
    timer = gevent.Timeout.start_new(seconds)
    try:
        yield
    except gevent.Timeout as timeout:
        if timeout is not timer:
            raise
        raise TimeoutError from None
    finally:
        timer.close()


@dataclass(frozen=True, slots=True)
class _Way:
    """How a URL is reached, found out once.

    Attributes:
        prepared: a request without headers and body.
        proxies: those on the way.
        pool: the connections.
        target: of the request line.
    """

    prepared: requests.PreparedRequest
    proxies: dict[str, str]
    pool: ArrivingPool
    target: str


class Connector:
    """Opens requests to providers, over connections that one worker keeps and shares.

    Redirects are not followed and ~/.netrc is not read: either could hand the key to somebody else. Proxy variables
    (`HTTPS_PROXY`, `NO_PROXY`) and `REQUESTS_CA_BUNDLE` or `SSL_CERT_FILE` count, as they do for Codex CLI.

    Args:
        connections: how many connections to keep for each provider.

    Attributes:
        session: the connections, with all that they have been told about proxies and certificates.
    """

    def __init__(self, connections: int) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.clear()
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
        self.session.verify = self._verify = bundle or True
        # More than _MOST_KNOWN: a pool that is known here must not be given up there.
        self._adapter = ArrivingAdapter(pool_connections=2 * _MOST_KNOWN, pool_maxsize=connections, max_retries=0)
        self.session.mount("https://", self._adapter)
        self.session.mount("http://", self._adapter)
        self._known: dict[str, _Way] = {}

    def _way(self, url: str) -> _Way:
        if (known := self._known.get(url)) is not None:
            return known
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        prepared = requests.Request("POST", url).prepare()
        proxies = dict(get_environ_proxies(url))
        pool = self._adapter.get_connection_with_tls_context(prepared, self._verify, proxies=proxies)
        way = _Way(prepared, proxies, cast("ArrivingPool", pool), self._adapter.request_url(prepared, proxies))
        self._known[url] = way
        return way

    def _ask(self, url: str, headers: dict[str, str], payload: bytes, timeouts: Timeouts) -> Answered:
        way = self._way(url)
        if (already := ask_kept(way.pool, way.target, headers, payload)) is not None:
            return already
        prepared = way.prepared.copy()
        prepared.headers = CaseInsensitiveDict(headers)
        prepared.body = payload
        # Past the session, which would follow redirects, keep cookies, and merge settings that are never set.
        response = self._adapter.send(
            prepared, stream=True, timeout=(timeouts.connect, None), verify=self._verify, proxies=way.proxies
        )
        return answered(response)

    def open(
        self, provider: Provider, payload: bytes, timeouts: Timeouts, context: UpstreamContext, session_key: str | None
    ) -> Connection:
        """Send a request and wait for the headers of its answer.

        Args:
            provider: where to.
            payload: the serialised Responses request.
            timeouts: seconds to connect and to the first byte.
            context: about the request, for error texts.
            session_key: value of the `session_id` header, which Codex CLI sends as well; None sends none.

        Returns:
            The open answer: status 200, its body not yet read.

        Raises:
            UpstreamError: the provider cannot be reached, or answered with anything but a stream.
        """
        url = f"{provider.base_url}/responses"
        headers = {**_HEADERS, "Content-Length": str(len(payload))}
        if provider.requires_auth and provider.api_key is not None:
            headers["Authorization"] = f"Bearer {provider.api_key.reveal()}"
        if session_key:
            headers["session_id"] = session_key
        deadline = time.monotonic() + timeouts.first_byte
        try:
            with _within(timeouts.first_byte):
                answer = self._ask(url, headers, payload, timeouts)
        except RAISED as error:
            raise UpstreamError(failure_from_exception(error, provider.name)) from None
        if 300 <= answer.status < 400:  # noqa: PLR2004 - HTTP
            answer.close()
            raise UpstreamError(_redirects(provider.name, answer.status))
        connection = Connection(answer, provider, deadline)
        try:
            connection.check(context)
        except BaseException:
            connection.abort()
            raise
        return connection


class Connection:
    """The answer of a provider, as bytes.

    Args:
        answer: its head has been read, its body has not.
        provider: who answers.
        deadline: on the monotonic clock: when the first byte of the body has to be there.

    Attributes:
        status: HTTP status of the answer.
        deadline: see above.
        body: what is to come.
    """

    __slots__ = ("_close", "_headers", "_keep", "_provider", "body", "deadline", "status")

    def __init__(self, answer: Answered, provider: Provider, deadline: float) -> None:
        self.status = answer.status
        self.deadline = deadline
        self._headers = answer.headers
        self.body, self._keep, self._close = answer.body, answer.keep, answer.close
        self._provider = provider

    def check(self, context: UpstreamContext) -> None:
        """Make sure that this is a stream.

        Raises:
            UpstreamError: it is an error, or something else than a Responses stream.
        """
        name = self._provider.name
        headers, self._headers = self._headers, {}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.status == requests.codes.ok and kind not in ("text/html", "application/json"):
            return
        body = b""
        try:
            while len(body) < _ERROR_BODY and (piece := self._rest_of_error()):
                body += piece
        except UpstreamError:
            # The status of an error says enough, and so do its headers.
            if self.status == requests.codes.ok:
                raise
        context = replace(context, now=time.time())
        if self.status == requests.codes.ok:
            # Without a status of its own: 200 says nothing about what went wrong.
            failure = failure_from_http(0, headers, body, context)
            if kind == "text/html" or failure.code == "upstream_error":
                what = "a web page" if kind == "text/html" else "a JSON document"
                text = f"{name} answered with {what} instead of a stream; is its base URL that of a Responses API?"
                failure = Failure(502, "api_error", text, "upstream_no_stream")
        else:
            failure = failure_from_http(self.status, headers, body, context)
        raise UpstreamError(failure)

    def _rest_of_error(self) -> bytes:
        piece = self.read(self.deadline - time.monotonic())
        if piece is None:
            raise UpstreamError(failure_from_exception(TimeoutError(), self._provider.name))
        return piece

    def read(self, seconds: float) -> bytes | None:
        """Wait for the next bytes.

        Args:
            seconds: how long to wait at most.

        Returns:
            What has arrived; None if nothing has; empty at the end of the body.

        Raises:
            UpstreamError: the connection broke, or ended before the body did.
        """
        try:
            return self.body.receive(max(seconds, _SHORTEST_WAIT))
        except RAISED as error:
            raise UpstreamError(self.broken(error)) from None

    def broken(self, error: Exception) -> Failure:
        """Say what it is when `body` raised one of `RAISED`."""
        return failure_from_exception(error, self._provider.name)

    def release(self) -> None:
        """Give the connection back for the next request, if the body ends right away; close it otherwise."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        try:
            while (left := deadline - time.monotonic()) > 0 and self.body.receive(left):
                pass
        except RAISED:
            pass
        if self.body.complete and not self.body.will_close:
            self.body.finish()
            self._keep()
        else:
            self.abort()

    def abort(self) -> None:
        """Close the connection, whatever is still on its way."""
        self._close()


def _redirects(name: str, status: int) -> Failure:
    text = f"{name} redirects elsewhere (HTTP {status}), which packy does not follow; repair the base URL."
    return Failure(502, "api_error", text, "upstream_redirect", upstream_status=status)
