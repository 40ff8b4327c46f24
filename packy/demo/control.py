"""The control routes under `/__demo__/`: scripts in, requests and counters out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from packy.demo.script import ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo.application import Upstream

__all__ = ["control"]

Result = tuple[int, dict[str, Any]]

_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


def control(upstream: Upstream, method: str, route: str, host: str, body: bytes) -> Result:
    """Answer a request to a control route.

    Args:
        upstream: what it controls.
        method: HTTP method.
        route: what follows `/__demo__/`.
        host: the Host header.
        body: the request's body.

    Returns:
        HTTP status and JSON document.
    """
    # A page in a browser could reach this port under a name of its own, but not under these.
    if host.rsplit(":", 1)[0] not in _LOOPBACK_NAMES:
        return 403, _problem("forbidden", "Ask for 127.0.0.1 or localhost.")
    if (method, route) in _ROUTES:
        return _ROUTES[method, route](upstream, body)
    known = ", ".join(f"{method} {route}" for method, route in _ROUTES)
    return 404, _problem("not_found", f"No such control route; there are {known}.")


def _put_script(upstream: Upstream, body: bytes) -> Result:
    try:
        upstream.put(orjson.loads(body))
    except orjson.JSONDecodeError:
        return 400, _problem("invalid_script", "The script is not JSON.")
    except ScriptError as error:
        return 400, _problem("invalid_script", str(error), problems=error.problems)
    return 200, {"rules": len(upstream.script.rules)}


def _get_script(upstream: Upstream, _: bytes) -> Result:
    return 200, {"script": upstream.script.source, "hits": upstream.script.hits}


def _get_requests(upstream: Upstream, _: bytes) -> Result:
    return 200, {"requests": [exchange.as_dict() for exchange in upstream.capture.exchanges]}


def _get_stats(upstream: Upstream, _: bytes) -> Result:
    return 200, {**upstream.capture.stats(), "hits": upstream.script.hits}


def _reset(upstream: Upstream, _: bytes) -> Result:
    upstream.reset()
    return 200, {}


_ROUTES: Final[dict[tuple[str, str], Callable[[Upstream, bytes], Result]]] = {
    ("PUT", "script"): _put_script,
    ("GET", "script"): _get_script,
    ("GET", "requests"): _get_requests,
    ("GET", "stats"): _get_stats,
    ("POST", "reset"): _reset,
}


def _problem(code: str, message: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"error": {"message": message, "type": "demo_error", "param": None, "code": code, **more}}
