"""Fixtures: two gateways that share config.yaml and ledger, and nginx in front of them as deploy/nginx has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import DemoUpstream
from tests.deploy.nginx_site import NginxSite
from tests.support.gateway import CLIENT_KEY, Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Json = dict[str, Any]

MANAGEMENT_KEY = "management-key-0123456789"
EXTRA = f"remote-management: {{secret-key: {MANAGEMENT_KEY}}}\ntrusted-proxies: [127.0.0.1]\n"


@dataclass(frozen=True)
class Installation:
    """Gateways behind nginx.

    Attributes:
        gateways: each with a folder of its own; config.yaml and state folder are common.
        site: nginx.
        config: the common config.yaml.
        management: header that opens the management API.
    """

    gateways: tuple[Gateway, Gateway]
    site: NginxSite
    config: Path
    management: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        return {"x-api-key": CLIENT_KEY, "anthropic-version": "2023-06-01"}

    def served(self) -> list[int]:
        """How many requests for messages each gateway has logged."""
        return [len(gateway.requests()) for gateway in self.gateways]


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[DemoUpstream]:
    with DemoUpstream(models=["*"]) as running:
        yield running


@pytest.fixture(scope="session")
def standing(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("deploy")
    config = folder / "common" / "config.yaml"
    config.parent.mkdir()
    config.write_text(config_for(upstream_process.url, EXTRA))
    environ = {"PACKY_CONFIG": str(config), "PACKY_STATE": str(folder / "state")}
    with (
        Gateway(folder / "one", None, environ=environ) as one,
        Gateway(folder / "two", None, environ=environ) as two,
        NginxSite(folder / "nginx", [one.url, two.url]) as site,
    ):
        yield Installation((one, two), site, config, {"X-Management-Key": MANAGEMENT_KEY})


@pytest.fixture
def installation(standing: Installation, upstream: DemoUpstream) -> Iterator[Installation]:
    """The installation; whatever a test does to it, its configuration is then as before and its workers live."""
    assert upstream.port
    workers = [gateway.worker_pids() for gateway in standing.gateways]
    yield standing
    assert [gateway.worker_pids() for gateway in standing.gateways] == workers, "a worker has died"
    assert "[emerg]" not in standing.site.errors
