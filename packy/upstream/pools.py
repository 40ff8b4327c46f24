"""The connections that requests keeps, made such that their answers are read as they arrive: packy.upstream.arriving.

The way in are extension points of the libraries: `HTTPAdapter.init_poolmanager`, `PoolManager.pool_classes_by_scheme`,
`HTTPConnectionPool.ConnectionCls` and `http.client.HTTPConnection.response_class`.
"""

from __future__ import annotations

import queue
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ProxySchemeUnknown

from packy.upstream.arriving import ArrivingResponse

if TYPE_CHECKING:
    import requests
    from urllib3 import PoolManager
    from urllib3.poolmanager import ProxyManager

__all__ = ["ArrivingAdapter", "ArrivingConnection", "ArrivingPool", "arriving_body"]

# What becomes of a way that ends without a word: a laptop has slept, a NAT has forgotten. Seconds of silence before the
# kernel asks whether the provider is still there, and between its questions; milliseconds for which it may leave what
# was sent, and what was asked, without a sign (tcp(7)). macOS has another name for the first, and not the last.
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_USER_TIMEOUT": 20_000}
_SOCKET_OPTIONS: Final = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in _KEEPALIVE.items()
        if hasattr(socket, name)
    ),
]


class ArrivingConnection(HTTPConnection):
    """A connection that remembers the answer that it made last, and whose kernel notices when nobody is there."""

    body: ArrivingResponse

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - urllib3's own
        super().__init__(*args, **{**kwargs, "socket_options": _SOCKET_OPTIONS})
        self.response_class = self._answer  # type: ignore[assignment]  # http.client only calls it

    def _answer(self, *args: Any, **kwargs: Any) -> ArrivingResponse:  # noqa: ANN401 - http.client's own
        self.body = ArrivingResponse(*args, **kwargs)
        return self.body


class _TlsConnection(ArrivingConnection, HTTPSConnection):
    """The same over TLS."""


class ArrivingPool(HTTPConnectionPool):
    """The connections to one provider; packy.upstream.kept takes those that are open, and gives them back."""

    ConnectionCls = ArrivingConnection

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host.strip("[]") and not self.host.startswith("[") else self.host
        return host if self.port in (None, self.ConnectionCls.default_port) else f"{host}:{self.port}"

    def take_out(self) -> ArrivingConnection | None:
        """Take an open connection out of the pool, if it is time for one, and it goes to the provider itself."""
        if self.pool is None or (self.proxy is not None and self.scheme == "http"):
            return None
        try:
            found = cast("ArrivingConnection | None", self.pool.get(block=False))
        except queue.Empty:
            return None
        if found is None:
            self._put_conn(None)
        return found if found is not None and found.sock is not None else None

    def put_back(self, connection: ArrivingConnection | None) -> None:
        """Put a connection into the pool, for the next request; None has the next request open a new one."""
        self._put_conn(connection)


class _TlsPool(ArrivingPool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final = {"http": ArrivingPool, "https": _TlsPool}


class ArrivingAdapter(HTTPAdapter):
    """The adapter of requests, with connections of ours."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own
        """Make the pools."""
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, *args: Any, **kwargs: Any) -> ProxyManager:  # noqa: ANN401 - requests' own
        """Make the pools behind a proxy.

        Raises:
            ProxySchemeUnknown: it is none that speaks HTTP; PySocks, where it happens to be installed, is not used.
        """
        scheme = proxy.partition("://")[0].lower()
        if scheme not in _POOLS:
            raise ProxySchemeUnknown(scheme)
        manager: ProxyManager = super().proxy_manager_for(proxy, *args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def arriving_body(response: requests.Response) -> ArrivingResponse:
    """Give the body of an answer that came through an `ArrivingAdapter`, opened with `stream=True`."""
    connection = cast("ArrivingConnection", response.raw.connection)
    return connection.body
