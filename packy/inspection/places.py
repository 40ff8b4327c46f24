"""Where a value of the packycode block stands, if not in config.yaml: the snapshot keeps the source, not the place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from packy.config.codex import read_codex
from packy.config.environment import read_environment
from packy.config.problems import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packy.config import Snapshot
    from packy.config.problems import FieldPath

__all__ = ["ENABLED", "KEY", "home_folder", "place_of"]

ENABLED: Final = ("enabled",)
KEY: Final = ("credentials", "openai-api-key")


def home_folder() -> Path | None:
    """Return the user's home folder, if there is one."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def place_of(snapshot: Snapshot, path: FieldPath, environ: Mapping[str, str]) -> str | None:
    """Find the place of a value that config.yaml does not supply.

    Args:
        snapshot: the configuration.
        path: the field in the block.
        environ: the process's environment.

    Returns:
        As in `environment variable PACKYCODE_MODEL` or `/home/me/.codex/auth.json (OPENAI_API_KEY)`; None where it is
        in config.yaml or a default, or has just gone.
    """
    source = snapshot.packycode.effective_sources.get(dotted(path))
    if source == "env":
        fields = read_environment(environ, snapshot.sources.env_file).fields
    elif source == "codex-cli":
        fields = read_codex(environ, home_folder()).fields
    else:
        return None
    # Where nothing says so, it is the key that enables the block.
    supplied = fields.get(path) or (fields.get(KEY) if path == ENABLED else None)
    return supplied.place if supplied else None
