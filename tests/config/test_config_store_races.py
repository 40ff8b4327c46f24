"""A file that changes while it is being loaded, and changes back, leaves no worker with what was in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packy.config import SnapshotStore, load_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from packy.config import Snapshot

ONE, OTHER = "timeouts: {idle: 1}\n", "timeouts: {idle: 2}\n"


def test_what_was_written_during_a_load_is_not_taken_for_what_was_there_before_it(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(ONE)
    during = [OTHER]

    def load() -> Snapshot:
        if during:
            file.write_text(during.pop())
        return load_snapshot(file, {}, tmp_path)

    store = SnapshotStore(load_snapshot(file, {}, tmp_path), load)
    store.reload("edit")
    assert store.current().timeouts.idle == 2

    file.write_text(ONE)
    store.reload("edit")

    assert store.current().timeouts.idle == 1
