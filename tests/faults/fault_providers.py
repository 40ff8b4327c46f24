"""A provider for each row of the fault table, and how a gateway is told of them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.faults.fault_table import FAULTS
from tests.faults.faulty_upstream import close, faulty_upstream, hold, reset
from tests.support.canary import mark
from tests.support.loopback import accepting, certificate, free_port, full_backlog, web

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.faults.faulty_upstream import FaultyUpstream, Play

__all__ = ["AT_ONCE", "TIMEOUTS", "TOTAL", "WAYS", "fault_providers"]

CONNECT, SILENCE, TOTAL = 1, 4, 12
TIMEOUTS = f"{{connect: {CONNECT}, first-byte: {SILENCE}, idle: {SILENCE}, total: {TOTAL}}}"
# Requests side by side.
AT_ONCE = 8
# What a fault's model and its provider are called.
WAYS = {name: f"way{number}" for number, name in enumerate(FAULTS)}


def _drop(connection: socket.socket) -> bool:
    """Wait until something has been said, and reset."""
    connection.recv(1)
    return reset(connection)


@contextmanager
def _unreachable(folder: Path) -> Iterator[dict[str, str]]:
    """Give base URLs where no answer comes from."""
    with ExitStack() as stack:
        _, context = certificate(folder, name=f"IP:127.0.0.1,DNS:{mark('certificate')}.example")
        page = (404, "text/plain", mark("page").encode())
        tls, plain = (stack.enter_context(web(otherwise=page, context=each)) for each in (context, None))
        hanging, accepted, dropped = (stack.enter_context(accepting(play)) for play in (hold, close, _drop))
        yield {
            "nobody listens": f"http://127.0.0.1:{free_port()}/v1",
            "a full queue": f"http://127.0.0.1:{stack.enter_context(full_backlog())}/v1",
            "a name that does not resolve": "http://nowhere.invalid/v1",
            "a name that cannot be one": f"http://{'a' * 70}.invalid/v1",
            "TLS spoken to a plain port": plain.replace("http:", "https:") + "/v1",
            "a certificate of its own making": f"{tls}/v1",
            "a TLS port spoken to plainly": tls.replace("https:", "http:") + "/v1",
            "a TLS handshake that hangs": f"https://127.0.0.1:{hanging}/v1",
            "a TLS handshake that is reset": f"https://127.0.0.1:{dropped}/v1",
            "closed as soon as accepted": f"http://127.0.0.1:{accepted}/v1",
        }


@contextmanager
def fault_providers(
    folder: Path, key: str, more: Mapping[str, Play] | None = None
) -> Iterator[tuple[FaultyUpstream, str]]:
    """Run them.

    Args:
        folder: an empty one, for a certificate.
        key: an API key for all of them.
        more: what else a provider may do, by the name of the model.

    Returns:
        The upstream of all but those that cannot be reached, and the items of `codex-api-key` in config.yaml: for each
        fault one that has a model of its own, both with the name that WAYS gives.
    """
    plays = {WAYS[name]: fault.play for name, fault in FAULTS.items() if fault.play} | dict(more or {})
    with _unreachable(folder) as nowhere, faulty_upstream(lambda name, _: plays[name]) as upstream:
        urls = {WAYS[name]: url for name, url in nowhere.items()}
        items = [
            f"  - {{name: {way}, models: [{way}], base-url: '{urls.get(way) or upstream.url(way)}', api-key: {key}}}\n"
            for way in (*WAYS.values(), *(more or {}))
        ]
        yield upstream, "".join(items)
