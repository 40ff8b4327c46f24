"""Outside edits, under real gunicorn workers with gevent: every way in which files change, by either method."""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import requests

from packy.demo import DemoUpstream, rule, text
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORKERS = 2
_numbers = count()


class Site:
    """A gateway whose configuration is edited by hand; `file` is its config.yaml."""

    def __init__(self, gateway: Gateway, upstream: DemoUpstream, folder: Path) -> None:
        self.gateway, self.upstream, self.folder = gateway, upstream, folder
        self.file = folder / "config.yaml"
        self.delays: list[float] = []

    def text(self, model: str = "") -> str:
        """A configuration; each is another, unless the model is given."""
        model = model or f"edited-{next(_numbers)}"
        return config_for(self.upstream.url).replace("enabled: true", f"enabled: true, defaults: {{model: {model}}}")

    def lines(self, event: str, words: str) -> list[dict[str, Any]]:
        fields = ("changes", "problems")
        return [line for line in self.gateway.lines(event) if words in repr([line.get(field) for field in fields])]

    def expect(self, words: str, event: str = "config_reloaded", since: float = 0) -> None:
        """Wait until each worker has logged it; note how long that took since an edit."""
        self.gateway.until(lambda _: len({line["pid"] for line in self.lines(event, words)}) == WORKERS, 6)
        if since:
            stamps = [datetime.fromisoformat(line["timestamp"]).timestamp() for line in self.lines(event, words)]
            self.delays.append(max(stamps) - since)

    def replace(self, file: Path, content: str) -> None:
        """Replace a file as careful editors do."""
        other = file.with_name(f"{file.name}~")
        other.write_text(content)
        other.replace(file)

    def message(self) -> requests.Response:
        body = {"model": "opus", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}
        return requests.post(f"{self.gateway.url}/v1/messages", json=body, headers=self.gateway.headers, timeout=30)


@pytest.fixture(scope="module", params=["inotify", "polling"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(request.param)
    with DemoUpstream(models=["*"]) as upstream:
        upstream.script(rule(text("Hello.")), models=["*"])
        with Gateway(
            folder, config_for(upstream.url), workers=WORKERS, environ={"PACKY_WATCH": request.param}
        ) as gateway:
            gateway.until(lambda _: len(gateway.lines("config_watched")) == WORKERS)
            assert {line["method"] for line in gateway.lines("config_watched")} == {request.param}
            site = Site(gateway, upstream, folder)
            yield site
            assert gateway.lines("uncaught") == []
    # On a machine that is busy with something else a single one may take longer.
    within = sorted(site.delays)[: max(1, len(site.delays) * 3 // 4)]
    assert max(within) < 1, f"edits were not live within a second: {site.delays}"


@pytest.fixture
def site(running: Site) -> Site:
    """The gateway, its config.yaml a plain file with a configuration of its own, in force in all workers."""
    content = running.text()
    running.replace(running.file, content)
    running.expect(_model(content))
    return running


def _model(content: str) -> str:
    return content.partition("{model: ")[2].partition("}")[0]


def _in_place(site: Site, content: str) -> None:
    site.file.write_text(content)


def _renamed_over(site: Site, content: str) -> None:
    site.replace(site.file, content)


def _deleted_and_made_anew(site: Site, content: str) -> None:
    site.file.unlink()
    time.sleep(0.05)
    site.file.write_text(content)


def _made_a_symlink(site: Site, content: str) -> None:
    (site.folder / "elsewhere.yaml").write_text(content)
    link = site.folder / "link"
    link.symlink_to("elsewhere.yaml")
    link.replace(site.file)


@pytest.mark.parametrize("edit", [_in_place, _renamed_over, _deleted_and_made_anew, _made_a_symlink])
def test_an_edit_is_live_in_every_worker(site: Site, edit: Callable[[Site, str], None]) -> None:
    content, now = site.text(), time.time()
    edit(site, content)
    site.expect(_model(content), since=now)
    assert site.message().status_code == 200
    assert site.upstream.requests[-1].json["model"] == _model(content)


def test_a_symlink_swapped_in_the_folder_above_is_live(site: Site) -> None:
    """As Kubernetes swaps a ConfigMap: config.yaml → ..data/config.yaml, ..data → a folder with a date."""
    for name in ("..2026_01", "..2026_02"):
        shutil.rmtree(site.folder / name, ignore_errors=True)
        (site.folder / name).mkdir()
        (site.folder / name / "config.yaml").write_text(site.text())
    data, link = site.folder / "..data", site.folder / "link"
    data.unlink(missing_ok=True)
    data.symlink_to("..2026_01")
    link.symlink_to("..data/config.yaml")
    link.replace(site.file)
    site.expect(_model((site.folder / "..2026_01" / "config.yaml").read_text()))
    for name in ("..2026_02", "..2026_03"):
        if not (site.folder / name).exists():
            (site.folder / name).mkdir()
            (site.folder / name / "config.yaml").write_text(site.text())
        now = time.time()
        (site.folder / "..data_tmp").symlink_to(name)
        (site.folder / "..data_tmp").replace(data)
        site.expect(_model((site.folder / name / "config.yaml").read_text()), since=now)
    shutil.rmtree(site.folder / "..2026_03")


def test_a_burst_is_one_reload(site: Site) -> None:
    last = ""
    for _ in range(15):
        last = site.text()
        site.file.write_text(last)
        time.sleep(0.01)
    site.expect(_model(last))
    steps = [line for line in site.gateway.lines("config_reloaded") if line["changes"]]
    told = [line for line in steps if f"-> {_model(last)}" in repr(line["changes"])]
    assert len(told) == WORKERS
    first = int(_model(last).removeprefix("edited-")) - 15
    between = [line for line in steps if any(f"-> edited-{first + n}'" in repr(line["changes"]) for n in range(1, 15))]
    assert len(between) <= WORKERS, "a burst may be seen once before it is over, by a worker that was late"


@pytest.mark.parametrize(
    ("name", "content", "change"),
    [
        pytest.param(".env", "PACKYCODE_REASONING_EFFORT=low\n", "model-reasoning-effort: high -> low", id=".env"),
        pytest.param(".codex/config.toml", 'model_provider = "packycode"\nmodel_reasoning_effort = "medium"\n'
                     '[model_providers.packycode]\nbase_url = "http://a"\n', "model-reasoning-effort: high -> medium",
                     id="Codex CLI"),
    ],
)  # fmt: skip
def test_other_sources_are_watched_too_even_before_they_exist(site: Site, name: str, content: str, change: str) -> None:
    file = site.folder / name
    file.parent.mkdir(exist_ok=True)
    time.sleep(0.3)
    now = time.time()
    file.write_text(content)
    try:
        site.expect(change, since=now)
    finally:
        file.unlink()
    site.expect(" -> ".join(reversed(change.partition(": ")[2].split(" -> "))))


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        pytest.param(lambda good: good[: len(good) // 2], "is not valid YAML", id="half written"),
        pytest.param(lambda good: good.replace("enabled: true", "enabled: yes"), "must be true or false", id="invalid"),
        pytest.param(lambda good: f"{good}\nfrob: 1\n", "is not a known key", id="unknown key"),
        pytest.param(lambda _: "\x00\x01", "control character", id="rubbish"),
    ],
)
def test_what_is_not_valid_keeps_what_was_there(site: Site, broken: Callable[[str], str], problem: str) -> None:
    good, before = site.file.read_text(), len(site.lines("config_invalid", problem))
    site.file.write_text(broken(good))
    site.gateway.until(lambda _: len(site.lines("config_invalid", problem)) == before + WORKERS, 6)
    assert site.message().status_code == 200
    assert site.upstream.requests[-1].json["model"] == _model(good)
    again = site.text()
    site.replace(site.file, again)
    site.expect(_model(again))


def test_running_streams_end_on_the_configuration_they_began_with(site: Site) -> None:
    site.upstream.script(rule(text("word " * 60)), models=["*"], rate=40)
    body = {"model": "opus", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi."}]}
    url, headers = f"{site.gateway.url}/v1/messages", site.gateway.headers
    try:
        answers = [requests.post(url, json=body, headers=headers, timeout=30, stream=True) for _ in range(4)]
        streams = [answer.iter_content(16) for answer in answers]
        began = [next(stream) for stream in streams]
        content = site.text().replace(site.upstream.url, "http://127.0.0.1:9/v1")
        site.replace(site.file, content)
        site.expect(_model(content))
        assert site.message().status_code in {502, 529}
        for beginning, stream in zip(began, streams, strict=True):
            assert b"message_stop" in beginning + b"".join(stream)
    finally:
        site.upstream.script(rule(text("Hello.")), models=["*"])
