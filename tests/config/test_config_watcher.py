"""The watcher in threads of its own; under gunicorn and gevent see tests/management/test_reload_matrix.py."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, Literal

import pytest

from packy.config import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Watch = Callable[..., "Calls"]

METHODS: list[Literal["inotify", "polling"]] = ["inotify", "polling"]


class Calls:
    """Counts what a watcher reports."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait(self, count: int, seconds: float = 5) -> float:
        """Wait for so many reports; give the seconds it took."""
        began = time.monotonic()
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, seconds), f"{self.count} of {count} reports"
        return time.monotonic() - began

    def none_more(self, seconds: float = 0.6) -> None:
        before = self.count
        time.sleep(seconds)
        assert self.count == before


@pytest.fixture(params=METHODS)
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Files → the calls of a watcher on them, by either method."""
    started: list[Watcher] = []

    def start(*files: Path) -> Calls:
        calls = Calls()
        watcher = Watcher(files, calls, method=request.param)
        started.append(watcher)
        watcher.start()
        assert watcher.method == request.param
        return calls

    yield start
    for each in started:
        each.stop()
        each.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "etc" / "config.yaml"
    file.parent.mkdir()
    file.write_text("a")
    return file


def _in_place(file: Path) -> None:
    file.write_text("in place")


def _renamed_over(file: Path) -> None:
    file.with_name("other").write_text("renamed over")
    file.with_name("other").replace(file)


def _same_size(file: Path) -> None:
    file.write_text("b")


def _mode(file: Path) -> None:
    file.chmod(0o600)


def _deleted(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [_in_place, _renamed_over, _same_size, _mode, _deleted])
def test_each_change_is_reported_once_and_within_a_second(
    watch: Watch, file: Path, change: Callable[[Path], None]
) -> None:
    calls = watch(file)
    change(file)
    assert calls.wait(1) < 1.5
    calls.none_more()


def test_a_burst_is_reported_once(watch: Watch, file: Path) -> None:
    calls = watch(file)
    for number in range(20):
        file.write_text(f"burst {number}")
        time.sleep(0.01)
    calls.wait(1)
    calls.none_more()
    assert calls.count <= 2, "polling may see a burst begin before it ends"


def test_a_burst_without_end_is_reported_all_the_same(watch: Watch, file: Path) -> None:
    calls = watch(file)
    ended = threading.Event()

    def edit() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            file.write_text(f"edit {number}")

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        calls.wait(1)
    finally:
        ended.set()
        editor.join()


def test_reading_and_other_files_are_not_reported(watch: Watch, file: Path) -> None:
    calls = watch(file)
    for number in range(5):
        file.read_text()
        file.with_name(f".config.yaml.{number}").write_text("somebody's temporary file")
    calls.none_more()


def test_a_file_that_comes_later_is_reported_even_in_a_folder_that_comes_later(watch: Watch, tmp_path: Path) -> None:
    file = tmp_path / "home" / ".codex" / "config.toml"
    calls = watch(file)
    file.parent.mkdir(parents=True)
    time.sleep(0.6)
    file.write_text("a")
    calls.wait(1)
    file.write_text("bc")
    calls.wait(2)


def test_a_folder_may_go_and_come_back(watch: Watch, file: Path) -> None:
    calls = watch(file)
    shutil.rmtree(file.parent)
    calls.wait(1)
    file.parent.mkdir()
    file.write_text("back again")
    calls.wait(2)
    time.sleep(0.6)
    file.write_text("and edited again")
    calls.wait(3)


def test_symlinks_swapped_on_the_way_are_reported(watch: Watch, tmp_path: Path) -> None:
    """As Kubernetes does it: config.yaml → ..data/config.yaml, ..data → ..2026_01, and ..data is swapped."""
    volume = tmp_path / "volume"
    for name in ("..2026_01", "..2026_02"):
        (volume / name).mkdir(parents=True)
        (volume / name / "config.yaml").write_text(name)
    (volume / "..data").symlink_to("..2026_01")
    (volume / "config.yaml").symlink_to("..data/config.yaml")
    calls = watch(volume / "config.yaml")
    (volume / "..data_tmp").symlink_to("..2026_02")
    (volume / "..data_tmp").replace(volume / "..data")
    shutil.rmtree(volume / "..2026_01")
    calls.wait(1)
    calls.none_more()
    (volume / "..2026_02" / "config.yaml").write_text("in place, behind both links")
    calls.wait(2)


def test_a_loop_of_symlinks_ends(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    calls = watch(tmp_path / "a")
    (tmp_path / "b").unlink()
    (tmp_path / "b").write_text("a file at last")
    calls.wait(1)


def test_nothing_is_reported_after_the_end(file: Path) -> None:
    calls = Calls()
    watcher = Watcher([file], calls)
    watcher.start()
    watcher.stop()
    file.write_text("too late")
    calls.none_more(0.5)
