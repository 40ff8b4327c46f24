"""One request to one provider: connect, first byte, bytes, end."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import gevent
import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from packy import __version__
from packy.translation import Failure, failure_from_http
from packy.upstream.arriving import ArrivingAdapter, arriving_body
from packy.upstream.failures import RAISED, UpstreamError, failure_from_exception

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from packy.config import Provider, Timeouts
    from packy.translation import UpstreamContext

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
        self._adapter = ArrivingAdapter(pool_connections=16, pool_maxsize=connections, max_retries=0)
        self.session.mount("https://", self._adapter)
        self.session.mount("http://", self._adapter)
        self._known: dict[str, tuple[requests.PreparedRequest, dict[str, str]]] = {}

    def _prepared(self, url: str) -> tuple[requests.PreparedRequest, dict[str, str]]:
        """Give a request for a URL, without headers and body, and the proxies on the way there."""
        if url not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            prepared = requests.Request("POST", url).prepare()
            self._known[url] = prepared, dict(get_environ_proxies(url))
        prepared, proxies = self._known[url]
        return prepared.copy(), proxies

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
                prepared, proxies = self._prepared(url)
                prepared.headers = CaseInsensitiveDict(headers)
                prepared.body = payload
                # Past the session, which would follow redirects, keep cookies, and merge settings that are never set.
                response = self._adapter.send(
                    prepared,
                    stream=True,
                    timeout=(timeouts.connect, None),
                    verify=self._verify,
                    proxies=proxies,
                )
        except RAISED as error:
            raise UpstreamError(failure_from_exception(error, provider.name)) from None
        if 300 <= response.status_code < 400:  # noqa: PLR2004 - HTTP
            response.close()
            raise UpstreamError(_redirects(provider.name, response.status_code))
        connection = Connection(response, provider, deadline)
        try:
            connection.check(context)
        except BaseException:
            connection.abort()
            raise
        return connection


class Connection:
    """The answer of a provider, as bytes.

    Args:
        response: of requests, opened with `stream=True` through an `ArrivingAdapter`.
        provider: who answers.
        deadline: on the monotonic clock: when the first byte of the body has to be there.

    Attributes:
        status: HTTP status of the answer.
        deadline: see above.
    """

    __slots__ = ("_body", "_provider", "_response", "deadline", "status")

    def __init__(self, response: requests.Response, provider: Provider, deadline: float) -> None:
        self.status = response.status_code
        self.deadline = deadline
        self._response = response
        # The request is not needed any more, and may be large.
        response.request.body = None
        self._body = arriving_body(response)
        self._provider = provider

    def check(self, context: UpstreamContext) -> None:
        """Make sure that this is a stream.

        Raises:
            UpstreamError: it is an error, or something else than a Responses stream.
        """
        name = self._provider.name
        headers = {key.lower(): value for key, value in self._response.headers.items()}
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
            return self._body.receive(max(seconds, _SHORTEST_WAIT))
        except RAISED as error:
            raise UpstreamError(failure_from_exception(error, self._provider.name)) from None

    @property
    def socket(self) -> socket.socket:
        """What the answer arrives on."""
        return self._body.socket

    @property
    def more(self) -> bool:
        """Whether `read_now` has more to give although the socket has nothing to read."""
        return self._body.more

    def read_now(self) -> bytes | None:
        """Give what has arrived, without any wait: as `read`, on a socket that does not block."""
        try:
            return self._body.receive_now()
        except RAISED as error:
            raise UpstreamError(failure_from_exception(error, self._provider.name)) from None

    def release(self) -> None:
        """Give the connection back for the next request, if the body ends right away; close it otherwise."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        try:
            while (left := deadline - time.monotonic()) > 0 and self._body.receive(left):
                pass
        except RAISED:
            pass
        if self._body.complete and not self._body.will_close:
            self._body.finish()
            self._response.raw.release_conn()
        else:
            self.abort()

    def abort(self) -> None:
        """Close the connection, whatever is still on its way."""
        self._response.close()


def _redirects(name: str, status: int) -> Failure:
    text = f"{name} redirects elsewhere (HTTP {status}), which packy does not follow; repair the base URL."
    return Failure(502, "api_error", text, "upstream_redirect", upstream_status=status)
