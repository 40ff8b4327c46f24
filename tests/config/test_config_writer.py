"""Writing the block back: all of it or nothing, and nothing else."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from packy.config import ConfigError, ConfigNotWritable, draft_packycode, write_packycode
from tests.config.machine import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

TEXT = f"""\
# ours
host: 127.0.0.1  # here
packycode:
    enabled: true   # on
    base-url: https://a.example/v1
    credentials: {{openai-api-key: {KEY}}}
# the end
"""
OFF = {"enabled": False}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("PACKY", "CODEX_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "config.yaml").write_text(TEXT)
    return folder / "config.yaml"


def _with(**fields: Any) -> Any:
    return lambda block: {**block, **{name.replace("_", "-"): value for name, value in fields.items()}}


def _names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} - {".config.yaml.lock"}


def test_the_change_is_in_the_file_and_in_the_snapshot(file: Path) -> None:
    snapshot = write_packycode(file, _with(enabled=False))
    assert not snapshot.packycode.enabled
    assert snapshot.sources.config_file == file
    assert file.read_text() == TEXT.replace("enabled: true   #", "enabled: false  #")
    assert _names(file.parent) == {"config.yaml"}


def test_a_file_that_is_not_there_is_made_for_its_owner_only(file: Path) -> None:
    file.unlink()
    write_packycode(file, lambda _: OFF)
    assert yaml.safe_load(file.read_text()) == {"packycode": OFF}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_mode_and_owner_stay(file: Path, mode: int) -> None:
    file.chmod(mode)
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
    before = file.stat()
    write_packycode(file, _with(enabled=False))
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


def test_nothing_is_written_where_nothing_changes(file: Path) -> None:
    before = file.stat()
    write_packycode(file, lambda block: block)
    assert file.stat() == before


def test_symlinks_stay_and_what_they_lead_to_is_written(file: Path, tmp_path: Path) -> None:
    link, folder = tmp_path / "config.yaml", tmp_path / "link"
    folder.symlink_to(file.parent)
    link.symlink_to(folder / "config.yaml")
    write_packycode(link, _with(enabled=False))
    assert link.is_symlink()
    assert "enabled: false" in file.read_text()


def test_windows_line_ends_stay(file: Path) -> None:
    file.write_bytes(TEXT.replace("\n", "\r\n").encode())
    write_packycode(file, _with(enabled=False))
    assert file.read_bytes() == TEXT.replace("enabled: true   #", "enabled: false  #").replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param(_with(wire_api="chat"), "packycode.wire-api", id="a value"),
        pytest.param(lambda _: {"enabled": True}, "packycode.base-url", id="incomplete"),
        pytest.param(_with(effective_source="env"), "packycode.effective-source", id="read-only"),
        pytest.param(_with(surprise="\ud800"), "packycode.surprise", id="what no file could hold"),
    ],
)
def test_what_is_not_valid_is_not_written(file: Path, change: Any, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        write_packycode(file, change)
    assert field in [each.field for each in caught.value.problems]
    assert {each.line for each in caught.value.problems} == {None}
    assert KEY not in str(caught.value)
    assert (file.read_text(), _names(file.parent)) == (TEXT, {"config.yaml"})


def test_a_file_that_is_broken_elsewhere_says_where_and_stays(file: Path) -> None:
    file.write_text(broken := TEXT.replace("host:", "hots:"))
    with pytest.raises(ConfigError) as caught:
        write_packycode(file, _with(enabled=False))
    (problem,) = caught.value.problems
    assert (problem.field, problem.source, problem.line) == ("hots", str(file), 2)
    assert file.read_text() == broken


def test_a_broken_block_can_be_replaced(file: Path) -> None:
    file.write_text("packycode: {enabled: yes, wire-api: chat}\n")
    assert not write_packycode(file, lambda _: OFF).packycode.enabled


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("host: localhost\n...\n", id="ended document"),
        pytest.param("  host: localhost\n", id="indented as a whole"),
        pytest.param("packycode:\n > #&a ", id="a comment that is text"),
    ],
)
def test_a_form_that_cannot_be_edited_is_refused_and_stays(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigNotWritable, match="a form that packy cannot edit"):
        write_packycode(file, lambda _: OFF)
    assert file.read_text() == text


def test_a_change_that_fails_leaves_all_as_it_was(file: Path) -> None:
    def fail(_: object) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_packycode(file, fail)
    assert (file.read_text(), _names(file.parent)) == (TEXT, {"config.yaml"})
    write_packycode(file, _with(enabled=False))


def test_an_edit_by_hand_at_the_same_moment_is_not_lost(file: Path) -> None:
    def meanwhile(block: Any) -> Any:
        if "# by hand" not in file.read_text():
            file.write_text(TEXT + "# by hand\n")
        return {**block, "enabled": False}

    write_packycode(file, meanwhile)
    assert file.read_text() == TEXT.replace("enabled: true   #", "enabled: false  #") + "# by hand\n"


def test_what_a_crash_has_left_behind_is_no_obstacle(file: Path) -> None:
    file.with_name(".config.yaml.new").write_text("half of")
    write_packycode(file, _with(enabled=False))
    assert _names(file.parent) == {"config.yaml"}


def _killed_at(line: int, file: Path) -> bool:
    """Write in a process that is killed at the n-th line that it runs; tell whether it was done before."""
    pid = os.fork()
    if not pid:
        left = line

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal left
            if Path(frame.f_code.co_filename).name not in {"writer.py", "pathlib.py", "os.py"}:
                return None
            if event == "line":
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        # Up to that moment nothing is written.
        write_packycode(file, _with(enabled=False), lambda _: sys.settrace(trace))
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def test_a_process_killed_at_any_line_leaves_the_old_file_or_the_new(file: Path) -> None:
    new = TEXT.replace("enabled: true   #", "enabled: false  #")
    found = set()
    for line in count(1, 4):
        file.write_text(TEXT)
        done = _killed_at(line, file)
        assert file.read_text() in {TEXT, new}, line
        found.add(file.read_text())
        if done:
            break
    assert found == {TEXT, new}
    assert line > 40


def test_a_read_only_file_is_not_replaced(file: Path) -> None:
    file.chmod(0o444)
    with pytest.raises(ConfigNotWritable, match=f"chmod u\\+w {file}"):
        write_packycode(file, _with(enabled=False))
    assert file.read_text() == TEXT
    file.chmod(0o644)
    write_packycode(file, _with(enabled=False))


@contextmanager
def _small_files_only() -> Iterator[None]:
    """As on a full disk: the write fails in the middle. (Python ignores the signal that comes with it.)"""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_half_way_changes_nothing(file: Path) -> None:
    with _small_files_only(), pytest.raises(ConfigNotWritable, match=r"ulimit -f.*Nothing has changed"):
        write_packycode(file, _with(enabled=False))
    assert (file.read_text(), _names(file.parent)) == (TEXT, {"config.yaml"})


@contextmanager
def _no_privileges() -> Iterator[None]:
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_folder_is_told_with_its_repair() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "config.yaml").write_text(TEXT)
        (folder / "config.yaml").chmod(0o666)
        folder.chmod(0o555)
        with _no_privileges(), pytest.raises(ConfigNotWritable) as caught:
            write_packycode(folder / "config.yaml", _with(enabled=False))
        assert f"may not write to {folder}; give it the permission. Nothing has changed." in caught.value.message
        assert ((folder / "config.yaml").read_text(), _names(folder)) == (TEXT, {"config.yaml"})
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_writers_at_once_lose_nothing(file: Path) -> None:
    file.write_text("packycode: {enabled: false}\n")
    seen: list[str] = []

    def add(number: int) -> None:
        def change(block: Any) -> Any:
            seen.append(block.get("defaults", {}).get("model", ""))
            return {**block, "defaults": {"model": f"{seen[-1]}{number}."}}

        write_packycode(file, change)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    model = yaml.safe_load(file.read_text())["packycode"]["defaults"]["model"]
    assert sorted(map(int, model.split(".")[:-1])) == list(range(24))
    assert seen == sorted(seen, key=len)


def test_the_last_word_comes_before_anything_is_written(file: Path) -> None:
    def refuse(after: Any) -> None:
        assert not after.packycode.enabled
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_packycode(file, _with(enabled=False), refuse)
    assert (file.read_text(), _names(file.parent)) == (TEXT, {"config.yaml"})


def test_a_draft_says_what_would_be_and_writes_nothing(file: Path) -> None:
    block, snapshot = draft_packycode(file, _with(enabled=False))
    assert block["enabled"] is snapshot.packycode.enabled is False
    assert (file.read_text(), _names(file.parent)) == (TEXT, {"config.yaml"})


def test_what_the_environment_supplies_counts_and_is_not_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKYCODE_API_KEY", "sk-environment")
    snapshot = write_packycode(file, lambda _: {"enabled": True, "base-url": "https://a.example"})
    assert snapshot.packycode.effective_sources["credentials.openai-api-key"] == "env"
    assert "sk-" not in file.read_text()
