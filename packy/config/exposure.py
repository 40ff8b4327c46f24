"""Files that hold keys and that others on the machine may read."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from packy.config.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packy.config.model import Snapshot

__all__ = ["exposed"]

_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH
_KEY: Final = "credentials.openai-api-key"


def exposed(snapshot: Snapshot, config_file: Path, env_file: Path) -> Iterator[Problem]:
    """Yield a warning for each of the configuration's files that holds a secret and can be read by others.

    Args:
        snapshot: what the files amount to; says which of them holds what.
        config_file: config.yaml.
        env_file: the `.env` beside it, which holds a key if it exists at all.
    """
    in_file = snapshot.packycode.effective_sources.get(_KEY) == "config.yaml"
    others = snapshot.remote_management.secret_key or snapshot.ledger.url
    if in_file or others or snapshot.codex_api_keys or not snapshot.client_keys.open:
        yield from _judge(config_file)
    yield from _judge(env_file)


def _judge(file: Path) -> Iterator[Problem]:
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):
        return
    if mode & _OTHERS:
        what = "holds keys, and others on this machine may read it"
        yield Problem("", what, f"chmod 600 {file}", source=str(file))
