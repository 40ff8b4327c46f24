"""The state folder, and the ledger's file in it: for the owner's eyes only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packy.ledger.failures import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ledger_file", "prepare_file", "state_folder"]

_NAME: Final = "ledger.sqlite3"


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Find the state folder: `$PACKY_STATE`, else `$XDG_STATE_HOME/packy`, else `~/.local/state/packy`.

    Args:
        environ: the environment; the process's own where not given.

    Raises:
        LedgerUnavailable: there is no home folder either.
    """
    environ = os.environ if environ is None else environ
    if own := environ.get("PACKY_STATE"):
        return Path(own)
    # The XDG Base Directory specification: a relative path is invalid, and to be ignored.
    if (shared := environ.get("XDG_STATE_HOME", "")) and Path(shared).is_absolute():
        return Path(shared) / "packy"
    try:
        home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except RuntimeError:
        raise LedgerUnavailable("state_folder") from None
    return home / ".local" / "state" / "packy"


def ledger_file(environ: Mapping[str, str] | None = None) -> Path:
    """Name the ledger's file, which need not exist."""
    return state_folder(environ) / _NAME


def prepare_file(file: Path) -> None:
    """Make the folder (0700) and an empty file (0600) in it, where they do not exist; others keep their modes.

    Raises:
        LedgerUnavailable: they cannot be made or written.
    """
    try:
        if not file.parent.is_dir():
            file.parent.parent.mkdir(parents=True, exist_ok=True)
            file.parent.mkdir(mode=0o700, exist_ok=True)
        # SQLite gives the files that it puts beside this one the same mode.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        raise LedgerUnavailable("state_folder", str(file.parent)) from None
