"""Two gateways behind one nginx: they share configuration and ledger, each counts and bans for itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from packy.demo import rule, text
from tests.deploy.nginx_site import NginxSite
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packy.demo import DemoUpstream
    from tests.deploy.conftest import Installation

    Json = dict[str, Any]
    Ask = Callable[..., Json]

PATIENCE = 30
API = "/v0/management"


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def post(site: NginxSite, headers: dict[str, str], body: Json) -> requests.Response:
    trust = str(site.certificate)
    return requests.post(f"{site.url}/v1/messages", json=body, headers=headers, verify=trust, timeout=PATIENCE)


def requests_of(gateway: Gateway, installation: Installation) -> int:
    url = f"{gateway.url}{API}/usage?window=1h"
    answer = requests.get(url, headers=installation.management, timeout=PATIENCE)
    return int(answer.json()["total"]["requests"])


def test_both_serve_and_either_tells_what_was_used_of_both(installation: Installation, question: Ask) -> None:
    before = requests_of(installation.gateways[0], installation)
    served = installation.served()

    for _ in range(8):
        assert post(installation.site, installation.headers, question()).status_code == 200

    until(lambda: sum(installation.served()) == sum(served) + 8)
    assert all(now > then for now, then in zip(installation.served(), served, strict=True))
    until(lambda: all(requests_of(gateway, installation) >= before + 8 for gateway in installation.gateways))


def test_a_change_made_at_one_is_in_force_at_the_other(installation: Installation) -> None:
    one, two = (f"{gateway.url}{API}/packycode" for gateway in installation.gateways)

    def change(**fields: Any) -> None:
        answer = requests.patch(one, json=fields, headers=installation.management, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text

    def model() -> str:
        answer = requests.get(two, headers=installation.management, timeout=PATIENCE)
        return str(answer.json()["defaults"]["model"])

    change(defaults={"model": "gpt-5-codex"})
    until(lambda: model() == "gpt-5-codex")

    change(defaults=None)
    until(lambda: model() == "gpt-5")


def test_each_counts_for_itself(installation: Installation, question: Ask) -> None:
    def counted(gateway: Gateway) -> str:
        lines = requests.get(f"{gateway.url}/metrics", timeout=PATIENCE).text.splitlines()
        return "\n".join(line for line in lines if 'route="/v1/messages"' in line)

    one, two = installation.gateways
    before = counted(one), counted(two)

    answer = requests.post(f"{one.url}/v1/messages", json=question(), headers=installation.headers, timeout=PATIENCE)

    assert answer.status_code == 200
    until(lambda: counted(one) != before[0])
    assert counted(two) == before[1]


def test_when_one_goes_its_answer_ends_and_the_other_takes_all_that_is_new(
    upstream: DemoUpstream, tmp_path: Path, question: Ask
) -> None:
    config = config_for(upstream.url)
    upstream.script(rule(text("word " * 10), rate=50))
    with (
        Gateway(tmp_path / "one", config) as one,
        Gateway(tmp_path / "two", config) as two,
        NginxSite(tmp_path / "nginx", [one.url, two.url]) as site,
    ):
        running = requests.post(
            f"{one.url}/v1/messages",
            json=question(stream=True),
            headers=one.headers,
            stream=True,
            timeout=PATIENCE,
        )
        assert one.stop() == 0

        answers = [post(site, one.headers, question()).status_code for _ in range(4)]

    assert b"message_stop" in running.content
    assert answers == [200] * 4
    assert len(two.requests()) == 4
