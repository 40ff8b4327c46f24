"""The management API over four real workers: what one writes all serve, and nothing is lost or half done."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from packy.demo import DemoUpstream, rule, text
from tests.management.api import KEY, PATH, SECRET
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYED = {"X-Management-Key": SECRET}
# A hundred changes at once are made one after the other, and on a busy machine the last of them waits for long.
PATIENCE = 300
EXTRA = f"remote-management: {{secret-key: {SECRET}}}\n"


class Running:
    """A gateway of four workers and its upstream. Each request has a connection of its own: any worker may get it."""

    def __init__(self, gateway: Gateway, upstream: DemoUpstream, folder: Path) -> None:
        self.gateway, self.upstream, self.file = gateway, upstream, folder / "config.yaml"

    def ask(self, method: str, path: str = "/packycode", **options: Any) -> requests.Response:
        return requests.request(method, f"{self.gateway.url}{PATH}{path}", headers=KEYED, timeout=PATIENCE, **options)

    def put(self, **fields: Any) -> requests.Response:
        body = {"enabled": True, "base-url": self.upstream.url, "credentials": {"openai-api-key": KEY}, **fields}
        return self.ask("PUT", json=body)

    def message(self) -> requests.Response:
        body = {"model": "opus", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}
        return requests.post(f"{self.gateway.url}/v1/messages", json=body, headers=self.gateway.headers, timeout=30)

    @property
    def block(self) -> Any:
        return yaml.safe_load(self.file.read_text())["packycode"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("workers")
    with DemoUpstream(models=["*"]) as upstream:
        upstream.script(rule(text("Hello.")), models=["*"])
        with Gateway(folder, config_for(upstream.url, EXTRA), workers=4) as gateway:
            yield Running(gateway, upstream, folder)


def _never_stale(running: Running, rounds: int) -> None:
    for number in range(rounds):
        enabled = number % 5 != 4
        put = running.put(enabled=enabled, defaults={"model": f"model-{number}"})
        assert put.status_code == 200, put.text
        shown = running.ask("GET")
        assert shown.json() == put.json()
        assert shown.headers["ETag"] == put.headers["ETag"]
        answer = running.message()
        assert answer.status_code == (200 if enabled else 503), number
        if enabled:
            assert running.upstream.requests[-1].json["model"] == f"model-{number}"


def test_after_a_put_no_worker_serves_the_state_before_it(running: Running) -> None:
    _never_stale(running, 150)


@pytest.mark.long
def test_after_a_put_no_worker_serves_the_state_before_it_a_thousand_times(running: Running) -> None:
    _never_stale(running, 1000)


def _chain(state: Any, answers: list[tuple[str, Any]]) -> Any:
    """Put answers in the order in which their changes were made, each on the state that the one before has left."""
    left = list(answers)
    while left:
        run = [each for each in left if {**state, each[0]: each[1][each[0]]} == each[1]]
        fields = {field for field, _ in run}
        assert len(fields) == 1, "a change was lost, or made on a state that nobody has seen"
        left = [each for each in left if each not in run]
        (field,) = fields
        # Several changes of one field in a row: the last of them is what the next change of another has found.
        kept = [shown for _, shown in run if any(other[field] == shown[field] for _, other in left)]
        assert len(kept) == 1 or not left
        state = kept[0] if kept else run[-1][1]
    return state, run


def test_a_hundred_patches_at_once_are_all_carried_out_one_after_the_other(running: Running) -> None:
    """Each answer shows the state right after its change: the answers must make one chain from the first state on."""
    first = running.put().json()
    patches: list[tuple[str, dict[str, Any]]] = []
    for number in range(34):
        patches += [
            ("base-url", {"base-url": f"https://upstream-{number}.example/v1"}),
            ("defaults", {"defaults": {"model": f"patched-{number}"}}),
            ("credentials", {"credentials": {"openai-api-key": f"sk-patched-0123456789-{number:04}"}}),
        ]

    def send(patch: tuple[str, dict[str, Any]]) -> tuple[str, Any]:
        answer = running.ask("PATCH", json=patch[1])
        assert answer.status_code == 200, answer.text
        return patch[0], answer.json()

    with ThreadPoolExecutor(len(patches)) as pool:
        answers = list(pool.map(send, patches))
    last = running.ask("GET").json()
    for shown in (first, last, *(shown for _, shown in answers)):
        shown.pop("effective-sources")
    _, run = _chain(first, answers)
    assert last in [shown for _, shown in run]


def _killed(running: Running, rounds: int) -> None:
    """Kill all workers at another moment of a PUT each time."""
    assert running.put(defaults={"model": "before"}).status_code == 200
    old: dict[str, Any] = running.block
    for number in range(rounds):
        new = {**old, "defaults": {"model": f"killed-{number}-{'x' * 100}"}}
        pids = running.gateway.worker_pids()
        began = threading.Event()

        def put(body: Any = new, began: threading.Event = began) -> None:
            began.set()
            # The connection breaks with the worker, unless the answer was faster.
            with suppress(requests.RequestException):
                running.ask("PUT", json=body)

        writer = threading.Thread(target=put)
        writer.start()
        began.wait(5)
        time.sleep(0.035 * number / rounds)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        writer.join(30)
        found = running.block
        assert found in (old, new), "the file is neither the old nor the new one"
        old = found
        _until_shown(running, old["defaults"]["model"])
    assert running.put(defaults={"model": "after"}).status_code == 200
    assert {each.name for each in running.file.parent.glob(".config.yaml*")} == {".config.yaml.lock"}


def _until_shown(running: Running, model: str) -> None:
    """Ask until a worker answers so.

    Workers that are killed take the connections that waited for them along. One that was just being forked lives on,
    and sees a file whose writer did not live to tell it as it sees any edit: within a second.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if running.ask("GET").json()["defaults"]["model"] == model:
                return
        time.sleep(0.02)
    raise AssertionError("no worker shows what the file says")


def test_a_worker_killed_in_the_middle_of_a_put_leaves_the_old_file_or_the_new(running: Running) -> None:
    _killed(running, 50)


@pytest.mark.long
def test_a_worker_killed_five_hundred_times_leaves_the_old_file_or_the_new(running: Running) -> None:
    _killed(running, 500)


def test_a_running_stream_ends_on_the_configuration_it_began_with(running: Running) -> None:
    running.put(defaults={"model": "first"})
    running.upstream.script(rule(text("word " * 60)), models=["*"], rate=40)
    body = {"model": "opus", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi."}]}
    url, headers = f"{running.gateway.url}/v1/messages", running.gateway.headers
    try:
        with requests.post(url, json=body, headers=headers, timeout=30, stream=True) as stream:
            pieces = stream.iter_content(64)
            begun = next(pieces)
            assert running.ask("PATCH", json={"enabled": False}).json()["enabled"] is False
            assert running.message().status_code == 503
            assert b"message_stop" in begun + b"".join(pieces)
    finally:
        running.upstream.script(rule(text("Hello.")), models=["*"])


def test_wrong_keys_are_counted_over_all_workers(tmp_path: Path) -> None:
    with Gateway(tmp_path, config_for("http://127.0.0.1:9/v1", EXTRA), workers=4) as gateway:
        url = f"{gateway.url}{PATH}/packycode"
        wrong = [requests.get(url, headers={"X-Management-Key": f"no-{n}"}, timeout=9).status_code for n in range(5)]
        right = [requests.get(url, headers=KEYED, timeout=9).status_code for _ in range(12)]
    assert (wrong, right) == ([401] * 5, [429] * 12)
    assert len(gateway.lines("management_banned")) == 1
