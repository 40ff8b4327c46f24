"""The counts of workers that have died are kept, in few files, whoever is reading at the moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from packy.telemetry import metrics_folder, take_incidents
from packy.telemetry.metrics.exposition import CountsOfAllWorkers
from packy.telemetry.metrics_folder import VARIABLE, claim_folder, retire_worker, sealed

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], int]

# A worker: counts 3, is in flight, and ends without a word.
WORKER = """
import os
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
registry = CollectorRegistry()
Counter("done_total", "-", ["kind"], registry=registry).labels("a").inc(3)
Gauge("now", "-", multiprocess_mode="livesum", registry=registry).inc()
Histogram("took", "-", buckets=[1, 2], registry=registry).observe(1.5)
os._exit(0)
"""
TIMES_FIVE = {"done_total": 15, "took_bucket 1.0": 0, "took_bucket 2.0": 5, "took_sum": 7.5}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A claimed folder."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def work(folder: Path) -> Work:
    """Run a worker to its end; give its process id."""

    def run() -> int:
        with subprocess.Popen([sys.executable, "-c", WORKER], env={**os.environ, VARIABLE: str(folder)}) as worker:
            assert worker.wait(30) == 0
        return worker.pid

    return run


def counts(folder: Path) -> dict[str, float]:
    found = {}
    for metric in CountsOfAllWorkers(folder).collect():
        for sample in metric.samples:
            found[" ".join([sample.name, *filter(None, [sample.labels.get("le")])])] = sample.value
    return found


def test_nothing_is_lost_of_dead_workers_but_what_they_were_doing(folder: Path, work: Work) -> None:
    pids = [work() for _ in range(5)]
    assert counts(folder).items() >= {**TIMES_FIVE, "now": 5}.items()
    for pid in pids:
        retire_worker(pid)
        assert counts(folder).items() >= TIMES_FIVE.items()
    assert "now" not in counts(folder)
    assert len(list(folder.glob("*.db"))) == 2


def test_retiring_a_worker_twice_or_one_that_never_counted_changes_nothing(folder: Path, work: Work) -> None:
    pid = work()
    for each in (pid, pid, 99999999):
        retire_worker(each)
        assert counts(folder)["done_total"] == 3


def test_while_somebody_reads_nothing_is_merged_and_nobody_waits(folder: Path, work: Work) -> None:
    first, second = work(), work()
    with sealed(folder):
        retire_worker(first)
        assert (folder / f"counter_{first}.db").exists()
    assert "now" in counts(folder), "of the second"
    assert counts(folder)["now"] == 1, "what the first was doing has ended at once"
    retire_worker(second)
    assert not list(folder.glob(f"*_{first}.db"))
    assert counts(folder)["done_total"] == 6


def test_a_file_that_has_just_been_begun_is_empty(folder: Path, work: Work) -> None:
    work()
    (folder / "counter_1.db").touch()
    assert counts(folder)["done_total"] == 3


def test_what_cannot_be_merged_is_told_without_an_exception(folder: Path, work: Work) -> None:
    pid = work()
    (folder / f"counter_{pid}.db").write_bytes(b"\xff\x00\x00\x00" + b"\xff" * 60)
    list(take_incidents())
    retire_worker(pid)
    assert [(each.kind, each.where) for each in take_incidents()] == [("uncaught", "metrics")]


def test_without_a_folder_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    retire_worker(1)


# Claiming is once for a process, and what it holds it holds to its end: each claim is a process.
CLAIM = """
import os, sys
from packy.telemetry.metrics_folder import claim_folder
print(claim_folder(), flush=True)
assert claim_folder() == claim_folder()
assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(claim_folder())
sys.stdin.read()
"""


class Claimer:
    """A process that has claimed a folder and holds it."""

    def __init__(self, temporary: Path, **environ: str) -> None:
        given = {name: value for name, value in os.environ.items() if name != VARIABLE}
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLAIM], env={**given, "TMPDIR": str(temporary), **environ},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(metrics_folder.__file__).parents[2],
        )  # fmt: skip
        assert self.process.stdout
        self.folder = Path(self.process.stdout.readline().strip())

    def end(self, *, killed: bool = False) -> None:
        if killed:
            self.process.kill()
        self.process.communicate(timeout=30)


def make_old(folder: Path) -> None:
    """Let a folder be an hour old."""
    past = folder.stat().st_mtime - 3600
    os.utime(folder, (past, past))


def test_an_own_folder_is_private_and_goes_with_its_process(tmp_path: Path) -> None:
    claimer = Claimer(tmp_path)
    assert claimer.folder.parent == tmp_path
    assert claimer.folder.stat().st_mode & 0o777 == 0o700
    claimer.end()
    assert not claimer.folder.exists()


def test_a_folder_whose_process_was_killed_goes_with_the_next_start(tmp_path: Path) -> None:
    killed, living = Claimer(tmp_path), Claimer(tmp_path)
    killed.end(killed=True)
    for each in (killed, living):
        make_old(each.folder)
    after = Claimer(tmp_path)
    assert not killed.folder.exists()
    assert living.folder.exists(), "somebody uses it"
    for each in (living, after):
        each.end()


def test_a_folder_that_is_being_made_is_left_alone(tmp_path: Path) -> None:
    killed = Claimer(tmp_path)
    killed.end(killed=True)
    Claimer(tmp_path).end()
    assert killed.folder.exists()


def test_a_given_folder_is_emptied_once_nobody_uses_it_and_stays(tmp_path: Path) -> None:
    given = tmp_path / "deep" / "given"
    first = Claimer(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(given))
    assert first.folder == given
    (given / "counter_1.db").touch()
    second = Claimer(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(given))
    assert (given / "counter_1.db").exists(), "the first uses it"
    for each in (first, second):
        each.end()
    Claimer(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(given)).end()
    assert list(given.iterdir()) == []


def test_a_place_that_is_no_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        claim_folder()
