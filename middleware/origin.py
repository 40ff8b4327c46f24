"""Where a request comes from, as far as that can be believed.

Behind a proxy on the same machine every peer is 127.0.0.1, and forwarding headers are whatever the caller wrote. So
they count where the peer is one of `trusted-proxies`; from anybody else they prove one thing only: that the request
does not come from a program on this machine.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["FORWARDING", "Origin", "origin_of"]

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDING = (
    *("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA"),
    *("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"),
)
"""Headers of which a proxy adds one at least, by their names in environ; no program on this machine sends any."""

_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
_IPV6_SUBNET = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from.

    Attributes:
        address: of the caller, or of the last proxy on the way that can be believed; None where there is none.
        local: whether the caller is certainly on this machine.
    """

    address: _Address | None
    local: bool

    @property
    def name(self) -> str:
        """The address as logs show it."""
        return str(self.address) if self.address else "unknown"

    @property
    def caller(self) -> bytes:
        """What tells callers apart: the address; for IPv6 the network of 64 bits that a caller has to itself.

        Those who pretend to be somebody else share nothing with callers on this machine.
        """
        if isinstance(self.address, ipaddress.IPv6Address):
            return b"%d" % self.local + self.address.packed[: _IPV6_SUBNET // 8]
        return b"%d" % self.local + (self.address.packed if self.address else b"")


def origin_of(environ: WSGIEnvironment, trusted: Iterable[_Network]) -> Origin:
    """Find out where a request comes from.

    Args:
        environ: the request.
        trusted: proxies whose `X-Forwarded-For` is believed. A proxy on a unix socket counts as 127.0.0.1.

    Returns:
        From a trusted proxy: the last address in `X-Forwarded-For` that is not a trusted proxy itself. Otherwise the
        peer, which is local only if it is on loopback and sends no forwarding header.
    """
    peer = environ.get("REMOTE_ADDR")
    # gunicorn gives an empty address for a unix socket.
    address = _LOOPBACK if peer == "" else _parse(peer or "")
    if address is None or not any(name in environ for name in FORWARDING):
        return Origin(address, local=address is not None and address.is_loopback)
    hops = environ.get("HTTP_X_FORWARDED_FOR")
    if hops is None or not _within(address, trusted):
        return Origin(address, local=False)
    for hop in reversed(hops.split(",")):
        before = _parse(_without_port(hop.strip()))
        if before is None:
            return Origin(address, local=False)
        address = before
        if not _within(address, trusted):
            break
    return Origin(address, local=address.is_loopback)


def _within(address: _Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> _Address | None:
    """Read an address; IPv4 in IPv6 (`::ffff:10.0.0.7`) is the same as IPv4, and a zone (`%eth0`) says nothing."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(hop: str) -> str:
    """Take the port off an address, as some proxies write it: `10.0.0.7:1234`, `[::1]:1234`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
