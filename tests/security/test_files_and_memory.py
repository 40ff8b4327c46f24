"""What the process leaves on disk and what its objects show: nothing that would give a key away."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import psutil
import pytest

from packy.config import load_snapshot, write_packycode
from packy.telemetry.hooks import _destructor_failed
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from pathlib import Path

    from packy.config import Snapshot

KEY = "sk-0123456789-0123456789-abcd"
BLOCK = {"enabled": True, "base-url": "https://a.example/v1", "credentials": {"openai-api-key": KEY}}
URL = "'https://a.example'"
SECRETS = {
    "an upstream key": f"packycode: {{enabled: true, base-url: {URL}, credentials: {{openai-api-key: {KEY}}}}}",
    "a client key": f"client-keys: [{KEY}]",
    "another provider's key": f"codex-api-key: [{{api-key: {KEY}, base-url: {URL}}}]",
    "a management key": f"remote-management: {{secret-key: {KEY}}}",
    "a database password": f"ledger: {{url: 'postgresql+psycopg://packy:{KEY}@localhost/packy'}}",
}


def loaded(folder: Path, text: str, mode: int, name: str = "config.yaml") -> Snapshot:
    (folder / name).write_text(text)
    (folder / name).chmod(mode)
    return load_snapshot(None, {"PACKY_CONFIG": str(folder / "config.yaml")}, folder)


def told(snapshot: Snapshot) -> list[str]:
    return [each.fix for each in snapshot.warnings if "others on this machine" in each.problem]


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_configuration_with_keys_that_others_may_read_is_a_warning(tmp_path: Path, text: str, mode: int) -> None:
    assert told(loaded(tmp_path, text, mode)) == [f"chmod 600 {tmp_path / 'config.yaml'}"]
    assert told(loaded(tmp_path, text, 0o600)) == []


def test_without_a_key_in_it_anybody_may_read_it(tmp_path: Path) -> None:
    assert told(loaded(tmp_path, "port: 0\n", 0o644)) == []


def test_the_environment_file_is_no_different(tmp_path: Path) -> None:
    assert told(loaded(tmp_path, f"PACKYCODE_API_KEY={KEY}\n", 0o644, ".env")) == [f"chmod 600 {tmp_path / '.env'}"]


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_a_snapshot_shows_no_key_whatever_is_made_of_it(tmp_path: Path, text: str) -> None:
    snapshot = loaded(tmp_path, text, 0o600)

    assert KEY not in f"{snapshot!r} {snapshot!s} {snapshot.providers!r} {snapshot.client_keys!r}"


def test_a_configuration_that_packy_creates_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    before = os.umask(0)
    try:
        write_packycode(file, lambda _: BLOCK)
    finally:
        os.umask(before)

    assert KEY in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.stat().st_mode & 0o077 and each.stat().st_size] == []


@pytest.mark.parametrize(
    ("mode", "after"), [(0o644, 0o600), (0o664, 0o660), (0o666, 0o660), (0o640, 0o640), (0o600, 0o600)]
)
def test_a_configuration_that_everybody_may_read_is_not_left_so_with_a_key_in_it(
    tmp_path: Path, mode: int, after: int
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("port: 0\n")
    file.chmod(mode)
    write_packycode(file, lambda _: {"enabled": False})
    assert file.stat().st_mode & 0o777 == mode, "there is no key yet"

    write_packycode(file, lambda _: BLOCK)
    assert file.stat().st_mode & 0o777 == after
    assert KEY in file.read_text()


def test_a_mode_that_was_given_to_a_file_with_its_key_in_it_stays(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    write_packycode(file, lambda _: BLOCK)
    file.chmod(0o644)
    write_packycode(file, lambda block: {**block, "enabled": False})

    assert file.stat().st_mode & 0o777 == 0o644


def test_the_gateway_warns_of_it_in_its_log_and_leaves_no_core_files(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(config_for("http://127.0.0.1:9/v1"))
    config.chmod(0o644)
    with Gateway(tmp_path, None) as gateway:
        (line,) = gateway.lines("config_warnings")
        assert "chmod 600" in line["problems"][0]
        for pid in (gateway.process.pid, *gateway.worker_pids()):
            assert psutil.Process(pid).rlimit(resource.RLIMIT_CORE) == (0, 0)


def test_the_end_of_the_process_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may end it in the middle of a destructor, where nobody can catch SystemExit."""
    told: list[object] = []
    monkeypatch.setattr("packy.telemetry.hooks.uncaught", lambda *what: told.append(what))

    class Failure:
        exc_value: BaseException = SystemExit(0)
        exc_traceback = None

    _destructor_failed(Failure())  # type: ignore[arg-type] # all of it that is read
    assert told == []
    Failure.exc_value = ValueError("x")
    _destructor_failed(Failure())  # type: ignore[arg-type] # as above
    assert len(told) == 1
