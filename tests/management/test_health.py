"""Probes get an answer, and whoever has the management key learns what is wrong with the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = {"X-Management-Key": "management-secret"}
CONFIG = config_for("http://127.0.0.1:9/v1", "remote-management: {secret-key: management-secret}\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("health")


@pytest.fixture(scope="module")
def gateway(folder: Path) -> Iterator[Gateway]:
    with Gateway(folder, CONFIG) as gateway:
        gateway.until(lambda _: gateway.lines("config_watched"))
        yield gateway


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_a_probe_needs_no_key_and_learns_no_details(gateway: Gateway, path: str) -> None:
    answer = requests.get(gateway.url + path, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_an_invalid_file_shows_until_it_is_repaired(gateway: Gateway, folder: Path) -> None:
    (folder / "config.yaml").write_text("port: eight\n")
    gateway.until(lambda _: gateway.lines("config_invalid"), 10)

    assert requests.get(f"{gateway.url}/healthz", timeout=5).json() == {"status": "degraded"}
    details = requests.get(f"{gateway.url}/healthz", headers=KEY, timeout=5).json()
    assert details["config"]["problems"][0]["field"] == "port"
    assert details["providers"][0]["state"] == "in use"

    (folder / "config.yaml").write_text(CONFIG)
    gateway.until(lambda _: requests.get(f"{gateway.url}/healthz", timeout=5).json() == {"status": "ok"}, 10)


def test_a_wrong_key_gets_nothing(gateway: Gateway) -> None:
    answer = requests.get(f"{gateway.url}/healthz", headers={"X-Management-Key": "a-wrong-key"}, timeout=5)
    assert answer.status_code == 401
    assert "providers" not in answer.text
