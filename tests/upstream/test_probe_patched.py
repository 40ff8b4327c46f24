"""The probe in a gevent worker: the same findings, and nobody else has to wait for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import DemoUpstream, failure, rule, text, when
from tests.support.loopback import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
# Asks one base URL, while another greenlet counts the moments in which it may run.
WORKER = """
from gevent import monkey
monkey.patch_all()
import dataclasses, gc, json, sys, time, gevent
from packy.upstream.probe import Patience
from tests.upstream.probe_case import ask
moments = []
def tick():
    while True:
        gevent.sleep(0.01)
        moments.append(time.monotonic())
ticking = gevent.spawn(tick)
gevent.sleep(0.05)
began = time.monotonic()
result = ask(sys.argv[1], sys.argv[2], patience=Patience(0.5, 0.5, 0.3))
took = time.monotonic() - began
gaps = [b - a for a, b in zip(moments, moments[1:])]
gevent.sleep(0.2)
alive = [g for g in gc.get_objects() if isinstance(g, gevent.Greenlet) and not g.dead]
left = [g for g in alive if g is not ticking]
print(json.dumps({**dataclasses.asdict(result), "took": took, "gap": max(gaps), "left": len(left)}))
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[DemoUpstream]:
    with DemoUpstream() as running:
        running.script(
            rule(failure("invalid_api_key"), when=when(path="/key/")),
            rule(text("pong"), when=when(path="/silent/"), hang_before_headers=True),
            rule(text("pong"), when=when(path="/stuck/"), hang_after_events=0),
            rule(text("pong"), when=when(path="/slow/"), hang_after_events=2),
        )
        yield running


def _ask(url: str, model: str = "gpt-5") -> dict[str, Any]:
    kept = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    command = [sys.executable, "-c", WORKER, url, model]
    done = subprocess.run(
        command, cwd=ROOT, env={**kept, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


# fmt: off
WAYS = [
    ("well", "/v1", "gpt-5", "ok", 0.5),
    ("slowly", "/slow/v1", "gpt-5", "ok", 1.0),
    ("with a wrong key", "/key/v1", "gpt-5", "auth", 0.5),
    ("without the model", "/v1", "gpt-99", "model_not_found", 0.5),
    ("not at all", "/silent/v1", "gpt-5", "timeout", 1.0),
    ("not after its headers", "/stuck/v1", "gpt-5", "timeout", 1.0),
]
# fmt: on


@pytest.mark.parametrize(("path", "model", "code", "most"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_a_provider_that_answers(upstream: DemoUpstream, path: str, model: str, code: str, most: float) -> None:
    found = _ask(upstream.origin + path, model)
    assert found["code"] == code
    assert found["took"] < most + 1
    assert found["gap"] < 0.5, "the event loop must go on while a probe waits"
    assert found["left"] == 0, "no greenlet may stay behind"
    assert upstream.wait(lambda u: not u.in_flight), "no request may stay behind"


def test_a_provider_that_cannot_be_reached() -> None:
    assert _ask(f"http://127.0.0.1:{free_port()}/v1")["code"] == "refused"
    assert _ask("https://provider.invalid/v1")["code"] == "dns"
