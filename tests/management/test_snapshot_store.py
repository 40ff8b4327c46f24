"""The store: what is in force, in every worker, whoever has written it; and what the log says of a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.config import SnapshotStore, load_snapshot, write_packycode
from packy.config.generation import Generation
from tests.management.api import ENABLED, KEY, URL, config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packy.config import Snapshot

    Lines = Callable[..., list[dict[str, Any]]]

SPARE = f"codex-api-key: [{{name: spare, base-url: 'http://b', api-key: {KEY}}}]\n"


class Worker:
    """What a worker process has: a store, and the files as they are; with a count of its loads."""

    def __init__(self, file: Path, generation: Generation) -> None:
        self.loads = 0
        self._file = file
        self.store = SnapshotStore(load_snapshot(file, {}, file.parent), self._load, generation)

    def _load(self) -> Snapshot:
        self.loads += 1
        return load_snapshot(self._file, {}, self._file.parent)

    @property
    def enabled(self) -> bool:
        return self.store.current().packycode.enabled


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(config(ENABLED))
    return file


@pytest.fixture
def workers(file: Path) -> list[Worker]:
    generation = Generation()
    return [Worker(file, generation) for _ in range(3)]


def _write(file: Path, **fields: Any) -> None:
    write_packycode(file, lambda block: {**block, **fields})


def test_what_one_worker_has_written_is_in_force_in_all_at_once(file: Path, workers: list[Worker]) -> None:
    for number, writer in enumerate([*workers, *workers]):
        _write(file, enabled=bool(number % 2))
        writer.store.written()
        assert {each.enabled for each in workers} == {bool(number % 2)}


def test_a_request_after_no_write_loads_nothing(file: Path, workers: list[Worker]) -> None:
    file.write_text("")
    assert all(each.enabled for each in workers)
    assert [each.loads for each in workers] == [0, 0, 0]


def test_the_same_files_are_loaded_once(file: Path, workers: list[Worker]) -> None:
    worker = workers[0]
    _write(file, enabled=False)
    worker.store.written()
    for _ in range(3):
        worker.store.reload("edit")
    assert worker.loads == 1
    file.write_text(config(ENABLED))
    worker.store.reload("edit")
    assert (worker.loads, worker.enabled) == (2, True)


def test_a_request_keeps_what_it_began_with(file: Path, workers: list[Worker]) -> None:
    pinned = workers[0].store.current()
    _write(file, enabled=False)
    workers[1].store.written()
    assert pinned.packycode.enabled
    assert not workers[0].enabled


def test_a_reload_tells_the_changes_by_field_and_counts_the_clients_by_kind(
    file: Path, workers: list[Worker], lines: Lines
) -> None:
    file.write_text(config(ENABLED.replace(URL, "http://b").replace(KEY, f"{KEY}2"), SPARE))
    assert workers[0].store.reload("edit")
    (line,) = lines("config_reloaded")
    assert line["changes"] == [
        f"packycode.base-url: {URL} -> http://b",
        "packycode.credentials.openai-api-key: updated",
        "codex-api-key.spare: added",
    ]
    assert (line["cause"], line["packycode"], line["codex_api_key"], line["resting"]) == ("edit", 1, 0, 1)
    assert KEY not in repr(lines())


def test_a_reload_that_changes_nothing_says_nothing(file: Path, workers: list[Worker], lines: Lines) -> None:
    file.write_text(f"{config(ENABLED)}# only a comment\n")
    assert workers[0].store.reload("edit")
    assert lines() == []


def test_an_invalid_file_changes_nothing_and_is_told_once(file: Path, workers: list[Worker], lines: Lines) -> None:
    store, began = workers[0].store, workers[0].store.loaded_at
    file.write_text(config(ENABLED.replace("enabled: true", "enabled: yes")))
    assert not store.reload("edit")
    assert not store.reload("edit")
    assert (store.current().packycode.enabled, store.loaded_at) == (True, began)
    assert [each.field for each in store.problems] == ["packycode.enabled"]
    (line,) = lines("config_invalid")
    (problem,) = line["problems"]
    # Without the value, which may be a key in the wrong place.
    assert f"{file}:4:12: packycode.enabled must be true or false; fix: write `enabled: true`" in problem


def test_a_repaired_file_is_told_too_even_if_nothing_has_changed(
    file: Path, workers: list[Worker], lines: Lines
) -> None:
    store = workers[0].store
    file.write_text(config("packycode: ["))
    store.reload("edit")
    file.write_text(config(ENABLED))
    assert store.reload("edit")
    assert store.problems == ()
    (line,) = lines("config_reloaded")
    assert (line["changes"], line["packycode"]) == ([], 1)


def test_another_problem_is_told_anew(file: Path, workers: list[Worker], lines: Lines) -> None:
    for text in ("packycode: [", "hots: a", "hots: a", "packycode: ["):
        file.write_text(text)
        workers[0].store.reload("edit")
    assert len(lines("config_invalid")) == 3
