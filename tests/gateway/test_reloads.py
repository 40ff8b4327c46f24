"""However its files are edited, every worker takes the edit up, once, and keeps what it had when the edit is wrong."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORKERS = 2
URL = "http://127.0.0.1:9/v1"
CODEX = f'model_provider = "packycode"\n[model_providers.packycode]\nname = "packycode"\nbase_url = "{URL}"\n'


def text(model: str) -> str:
    return config_for(URL).replace("enabled: true", f"enabled: true, defaults: {{model: {model}}}")


class Watched:
    """A gateway, the folder of its files, and what its workers have said of the edits."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        self.folder = folder
        self.file = folder / "config.yaml"

    def said(self, change: str) -> list[int]:
        """Give the worker of each reload that brought a change."""
        reloads = self.gateway.lines("config_reloaded")
        return [line["pid"] for line in reloads if any(change in each for each in line["changes"])]

    def until_all_have(self, change: str) -> list[int]:
        self.gateway.until(lambda _: len(set(self.said(change))) == WORKERS, 10)
        return self.said(change)


@pytest.fixture(scope="module", params=["inotify", "polling"])
def start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Gateway]:
    def begin(config: str | None, folder: Path | None = None, **environ: str) -> Gateway:
        folder = folder or tmp_path_factory.mktemp("reloads")
        return Gateway(folder, config, workers=WORKERS, environ={"PACKY_WATCH": request.param, **environ})

    begin.method = request.param  # type: ignore[attr-defined] # for the one test that asks
    return begin


@pytest.fixture(scope="module")
def watched(start: Callable[..., Gateway], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    with start(text("at-first"), folder) as gateway:
        gateway.until(lambda _: len(gateway.lines("config_watched")) == WORKERS)
        yield Watched(gateway, folder)


def test_it_watches_as_it_is_told(start: Callable[..., Gateway], watched: Watched) -> None:
    methods = {line["method"] for line in watched.gateway.lines("config_watched")}
    assert methods == {start.method}  # type: ignore[attr-defined] # see above


def test_a_file_written_in_place(watched: Watched) -> None:
    watched.file.write_text(text("in-place"))
    assert len(watched.until_all_have("-> in-place")) == WORKERS


def test_a_file_renamed_over_the_old_one(watched: Watched) -> None:
    other = watched.folder / "config.yaml.new"
    other.write_text(text("renamed"))
    other.rename(watched.file)
    assert len(watched.until_all_have("-> renamed")) == WORKERS


def test_a_file_deleted_and_made_again(watched: Watched) -> None:
    watched.file.unlink()
    watched.until_all_have("packycode.enabled: true -> false")
    watched.file.write_text(text("made-again"))
    watched.until_all_have("packycode.enabled: false -> true")


def test_a_burst_of_edits_is_one_reload(watched: Watched) -> None:
    before = len(watched.gateway.lines("config_reloaded"))
    for number in range(100):
        watched.file.write_text(text(f"burst-{number}"))
    watched.until_all_have("-> burst-99")
    assert len(watched.gateway.lines("config_reloaded")) - before == WORKERS


@pytest.mark.parametrize("broken", ["packycode: {enabled: true", "port: eight\n", "\xff: \x00"], ids=repr)
def test_a_file_that_is_not_valid_changes_nothing_and_is_reported(watched: Watched, broken: str) -> None:
    watched.file.write_text(text("valid"))
    watched.gateway.until(lambda _: set(watched.said("-> valid")))
    before, reloads = len(watched.gateway.lines("config_invalid")), len(watched.gateway.lines("config_reloaded"))

    watched.file.write_bytes(broken.encode("latin-1"))

    watched.gateway.until(lambda _: len(watched.gateway.lines("config_invalid")) >= before + WORKERS, 10)
    assert len(watched.gateway.lines("config_reloaded")) in {reloads, reloads + 1}
    assert all("fix:" in line["problems"][0] for line in watched.gateway.lines("config_invalid"))
    watched.file.write_text(text(f"repaired-{before}"))
    watched.until_all_have(f"-> repaired-{before}")


def test_a_dot_env_beside_the_file(watched: Watched) -> None:
    watched.file.write_text(config_for(URL))
    (watched.folder / ".env").write_text("PACKYCODE_MODEL=from-dot-env\n")
    watched.until_all_have("-> from-dot-env")


def test_codex_files_that_come_later(start: Callable[..., Gateway], tmp_path: Path) -> None:
    with start(None, tmp_path) as gateway:
        gateway.until(lambda _: len(gateway.lines("config_watched")) == WORKERS)
        codex = tmp_path / ".codex"
        codex.mkdir()
        (codex / "auth.json").write_text('{"OPENAI_API_KEY": "sk-from-codex"}')
        (codex / "config.toml").write_text(CODEX)
        Watched(gateway, tmp_path).until_all_have("packycode.enabled: false -> true")
        assert "sk-from-codex" not in gateway.text


def test_a_config_map_that_is_swapped(start: Callable[..., Gateway], tmp_path: Path) -> None:
    """Kubernetes renames a symlink in the parent folder, and takes the old files away."""
    mount = tmp_path / "mount"
    for version in ("one", "two", "three"):
        (mount / f"..{version}").mkdir(parents=True)
        (mount / f"..{version}" / "config.yaml").write_text(text(f"version-{version}"))
    (mount / "..data").symlink_to("..one")
    (mount / "config.yaml").symlink_to("..data/config.yaml")
    with start(None, tmp_path / "home", PACKY_CONFIG=str(mount / "config.yaml")) as gateway:
        gateway.until(lambda _: len(gateway.lines("config_watched")) == WORKERS)
        for old, new in (("one", "two"), ("two", "three")):
            (mount / "..data_tmp").symlink_to(f"..{new}")
            (mount / "..data_tmp").rename(mount / "..data")
            shutil.rmtree(mount / f"..{old}")
            Watched(gateway, mount).until_all_have(f"-> version-{new}")
