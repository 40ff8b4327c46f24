"""One request to one provider: connect, first byte, bytes, end."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gevent
import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from packy import __version__
from packy.translation import Failure, failure_from_http
from packy.upstream.failures import RAISED, failure_from_exception, upstream_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.config import Provider, Timeouts
    from packy.translation import UpstreamContext

__all__ = ["Connection", "Connector"]

_READ = 65536
_ERROR_BODY = 65536
_DRAIN_SECONDS = 0.5


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
    """

    def __init__(self, connections: int) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.clear()
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
        self._session.verify = bundle or True
        adapter = HTTPAdapter(pool_connections=16, pool_maxsize=connections, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def open(
        self, provider: Provider, payload: bytes, timeouts: Timeouts, context: UpstreamContext, session_key: str | None
    ) -> Connection:
        """Send a request and wait for the headers of its answer.

        Args:
            provider: where to.
            payload: the serialised Responses request.
            timeouts: seconds to connect, to the first byte, between bytes.
            context: about the request, for error texts.
            session_key: value of the `session_id` header, which Codex CLI sends as well; None sends none.

        Returns:
            The open answer: status 200, its body not yet read.

        Raises:
            UpstreamError: the provider cannot be reached, or answered with anything but a stream.
        """
        url = f"{provider.base_url}/responses"
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": f"packy/{__version__}",
        }
        if provider.requires_auth and provider.api_key is not None:
            headers["Authorization"] = f"Bearer {provider.api_key.reveal()}"
        if session_key:
            headers["session_id"] = session_key
        deadline = time.monotonic() + timeouts.first_byte
        try:
            with _within(timeouts.first_byte):
                response = self._session.post(
                    url,
                    data=payload,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(timeouts.connect, None),
                    proxies=get_environ_proxies(url),
                )
        except RAISED as error:
            raise upstream_error(failure_from_exception(error, provider.name)) from None
        connection = Connection(response, provider, deadline - time.monotonic(), timeouts.idle)
        try:
            connection.check(context)
        except BaseException:
            connection.abort()
            raise
        return connection


class Connection:
    """The answer of a provider, as bytes.

    Args:
        response: of requests, opened with `stream=True`.
        provider: who answers.
        first_byte: seconds that the first read may take.
        idle: seconds that each read after it may take.

    Attributes:
        status: HTTP status of the answer.
    """

    def __init__(self, response: requests.Response, provider: Provider, first_byte: float, idle: float) -> None:
        self.status = response.status_code
        self._response = response
        # urllib3's read1 hands on what has arrived; iter_lines would lag, and split on U+2028.
        self._raw: Any = response.raw
        # Some relays compress although they were asked not to.
        self._compressed = "content-encoding" in response.headers
        self._provider = provider
        self._patience = max(first_byte, 0.001)
        self._idle = idle

    def check(self, context: UpstreamContext) -> None:
        """Make sure that this is a stream.

        Raises:
            UpstreamError: it is an error, a redirect, or something else than a Responses stream.
        """
        name = self._provider.name
        if 300 <= self.status < 400:  # noqa: PLR2004 - HTTP
            text = f"{name} redirects elsewhere (HTTP {self.status}), which packy does not follow; repair the base URL."
            raise upstream_error(Failure(502, "api_error", text, "upstream_redirect"))
        headers = {key.lower(): value for key, value in self._response.headers.items()}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.status == requests.codes.ok and kind not in ("text/html", "application/json"):
            return
        body = b""
        while len(body) < _ERROR_BODY and (piece := self.read()):
            body += piece
        if self.status == requests.codes.ok:
            # Without a status of its own: 200 says nothing about what went wrong.
            failure = failure_from_http(0, headers, body, context)
            if kind == "text/html" or failure.code == "upstream_error":
                what = "a web page" if kind == "text/html" else "a JSON document"
                text = f"{name} answered with {what} instead of a stream; is its base URL that of a Responses API?"
                failure = Failure(502, "api_error", text, "upstream_no_stream")
        else:
            failure = failure_from_http(self.status, headers, body, context)
        raise upstream_error(failure)

    def read(self) -> bytes:
        """Wait for the next bytes.

        Returns:
            What has arrived, at most 64 KiB; empty at the end of the body.

        Raises:
            UpstreamError: the connection broke, or nothing came in time.
        """
        try:
            with _within(self._patience):
                data: bytes = self._raw.read1(_READ, self._compressed)
        except RAISED as error:
            raise upstream_error(failure_from_exception(error, self._provider.name)) from None
        self._patience = self._idle
        return data

    def release(self) -> None:
        """Give the connection back for the next request, if the body ends right away; close it otherwise."""
        try:
            with _within(_DRAIN_SECONDS):
                while self._raw.read1(_READ, self._compressed):
                    pass
        except RAISED:
            self.abort()
        else:
            self._raw.release_conn()

    def abort(self) -> None:
        """Close the connection, whatever is still on its way."""
        self._response.close()
