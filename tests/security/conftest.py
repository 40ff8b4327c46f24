"""Fixtures: one gateway on one demo upstream for the whole folder, and nginx in front of it where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import DemoUpstream
from tests.security.nginx import Nginx
from tests.support.gateway import Gateway, config_for
from tests.support.nginx import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

MANAGEMENT_KEY = "management-key-0123456789"
EXTRA = f"""\
remote-management: {{secret-key: {MANAGEMENT_KEY}}}
logging: {{level: debug}}
limits: {{max-body: 1MiB}}
"""


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[DemoUpstream]:
    with DemoUpstream(models=["*"]) as running:
        yield running


@pytest.fixture(scope="session")
def security_gateway(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), config_for(upstream_process.url, EXTRA)) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(security_gateway: Gateway) -> Iterator[Gateway]:
    """The gateway; whatever a module does to it, its worker lives on and meets nothing that it does not expect."""
    workers, before = security_gateway.worker_pids(), len(security_gateway.lines("uncaught"))
    yield security_gateway
    assert security_gateway.worker_pids() == workers, "the worker has died"
    assert [line["location"] for line in security_gateway.lines("uncaught")[before:]] == []


@pytest.fixture(scope="session")
def nginx(security_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx in front of the gateway."""
    if PROGRAM is None:
        pytest.skip("there is no nginx on this machine")
    with Nginx(tmp_path_factory.mktemp("proxy") / "nginx", security_gateway.url) as running:
        yield running
