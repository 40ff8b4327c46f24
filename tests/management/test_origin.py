"""Where a request comes from, and what forwarding headers are worth."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware import origin_of

PROXIES = [ipaddress.ip_network(each) for each in ("127.0.0.1", "10.0.0.0/8", "fd00::/8")]


def _environ(peer: str | None, **headers: str) -> dict[str, Any]:
    environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return environ if peer is None else {**environ, "REMOTE_ADDR": peer}


@pytest.mark.parametrize(
    ("peer", "headers", "address", "local"),
    [
        # Without a proxy
        pytest.param("127.0.0.1", {}, "127.0.0.1", True, id="loopback"),
        pytest.param("127.8.9.10", {}, "127.8.9.10", True, id="all of loopback"),
        pytest.param("::1", {}, "::1", True, id="loopback, IPv6"),
        pytest.param("::ffff:127.0.0.1", {}, "127.0.0.1", True, id="loopback, mapped"),
        pytest.param("", {}, "127.0.0.1", True, id="unix socket"),
        pytest.param("192.0.2.1", {}, "192.0.2.1", False, id="elsewhere"),
        pytest.param("fe80::1%eth0", {}, "fe80::1", False, id="zone"),
        pytest.param(None, {}, "unknown", False, id="nobody knows"),
        pytest.param("nonsense", {}, "unknown", False, id="no address"),
        # Behind a trusted one
        pytest.param("127.0.0.1", {"x_forwarded_for": "192.0.2.1"}, "192.0.2.1", False, id="proxy"),
        pytest.param("", {"x_forwarded_for": "192.0.2.1"}, "192.0.2.1", False, id="proxy on a unix socket"),
        pytest.param("10.1.2.3", {"x_forwarded_for": "::ffff:192.0.2.1"}, "192.0.2.1", False, id="mapped client"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "192.0.2.1:4711"}, "192.0.2.1", False, id="with port"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "[2001:db8::1]:4711"}, "2001:db8::1", False, id="IPv6 with port"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "2001:db8::1"}, "2001:db8::1", False, id="IPv6"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "127.0.0.1, 192.0.2.1"}, "192.0.2.1", False, id="forged before"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "127.0.0.1,192.0.2.1 ,10.0.0.9"}, "192.0.2.1", False,
                     id="two proxies"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}, "127.0.0.1", True, id="local client of a proxy"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "10.0.0.7"}, "10.0.0.7", False, id="a proxy itself asks"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "nonsense"}, "127.0.0.1", False, id="no address"),
        pytest.param("127.0.0.1", {"x_forwarded_for": "192.0.2.1, "}, "127.0.0.1", False, id="empty hop"),
        pytest.param("127.0.0.1", {"x_forwarded_for": ""}, "127.0.0.1", False, id="empty"),
        pytest.param("127.0.0.1", {"forwarded": "for=127.0.0.1"}, "127.0.0.1", False, id="other header"),
        pytest.param("127.0.0.1", {"x_real_ip": "127.0.0.1"}, "127.0.0.1", False, id="another header"),
        pytest.param("127.0.0.1", {"via": "1.1 nginx"}, "127.0.0.1", False, id="via"),
        # Behind one that is not
        pytest.param("192.0.2.9", {"x_forwarded_for": "127.0.0.1"}, "192.0.2.9", False, id="stranger pretends"),
        pytest.param("127.0.0.2", {"x_forwarded_for": "127.0.0.1"}, "127.0.0.2", False, id="local proxy, not listed"),
        pytest.param("::1", {"x_forwarded_for": "127.0.0.1"}, "::1", False, id="the same by IPv6"),
    ],
)  # fmt: skip
def test_only_trusted_proxies_are_believed(
    peer: str | None,
    headers: dict[str, str],
    address: str,
    local: bool,  # noqa: FBT001 - a row of the table
) -> None:
    origin = origin_of(_environ(peer, **headers), PROXIES)
    assert (origin.name, origin.local) == (address, local)


def test_without_trusted_proxies_every_forwarded_request_is_remote() -> None:
    assert not origin_of(_environ("127.0.0.1", x_forwarded_for="127.0.0.1"), []).local


def test_callers_are_told_apart_by_address_or_ipv6_network() -> None:
    def caller(peer: str, **headers: str) -> bytes:
        return origin_of(_environ(peer, **headers), []).caller

    assert caller("192.0.2.1") != caller("192.0.2.2")
    assert caller("2001:db8::1") == caller("2001:db8::ffff:2")
    assert caller("2001:db8::1") != caller("2001:db8:0:1::1")
    assert caller("127.0.0.1") == caller("")
    assert caller("127.0.0.1") != caller("127.0.0.1", x_forwarded_for="127.0.0.1")


@given(
    st.sampled_from(["192.0.2.9", "2001:db8::9"]),
    st.dictionaries(st.sampled_from(["x_forwarded_for", "forwarded", "x_real_ip", "via"]), st.text(max_size=40)),
)
def test_no_header_makes_a_stranger_local(peer: str, headers: dict[str, str]) -> None:
    assert not origin_of(_environ(peer, **headers), PROXIES).local


@given(st.text(max_size=40))
def test_what_stands_before_a_proxys_own_entry_does_not_matter(forged: str) -> None:
    origin = origin_of(_environ("127.0.0.1", x_forwarded_for=f"{forged}, 192.0.2.1"), PROXIES)
    assert (origin.name, origin.local) == ("192.0.2.1", False)
