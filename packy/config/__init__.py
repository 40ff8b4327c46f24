"""What is configured: config.yaml, the environment and the Codex CLI's files, merged into one immutable snapshot.

Read it as schema → model → sources → load → store. The packycode block: `schema.PackycodeSchema`, `model.Packycode`.
"""

from packy.config.load import DEFAULT_PATH, load_snapshot
from packy.config.model import (
    Alias,
    ClientKey,
    ClientKeys,
    CodexApiKey,
    Credentials,
    Defaults,
    Packycode,
    Privacy,
    Server,
    Snapshot,
    Sources,
)
from packy.config.problems import ConfigError, Problem
from packy.config.providers import Provider, packycode_provider
from packy.config.rules import PUBLIC_BASE_URL
from packy.config.schema import ConfigSchema, PackycodeSchema
from packy.config.secret import Secret
from packy.config.sections import (
    Compatibility,
    LedgerSettings,
    Limits,
    Logging,
    Price,
    RemoteManagement,
    Routing,
    Timeouts,
)
from packy.config.starting import BEFORE_FILE, Start, load_to_start, start_of, variable_problems
from packy.config.store import SnapshotStore
from packy.config.watcher import Watcher, watch_sources
from packy.config.writer import ConfigNotWritable, draft_packycode, write_packycode

__all__ = [
    "BEFORE_FILE",
    "DEFAULT_PATH",
    "PUBLIC_BASE_URL",
    "Alias",
    "ClientKey",
    "ClientKeys",
    "CodexApiKey",
    "Compatibility",
    "ConfigError",
    "ConfigNotWritable",
    "ConfigSchema",
    "Credentials",
    "Defaults",
    "LedgerSettings",
    "Limits",
    "Logging",
    "Packycode",
    "PackycodeSchema",
    "Price",
    "Privacy",
    "Problem",
    "Provider",
    "RemoteManagement",
    "Routing",
    "Secret",
    "Server",
    "Snapshot",
    "SnapshotStore",
    "Sources",
    "Start",
    "Timeouts",
    "Watcher",
    "draft_packycode",
    "load_snapshot",
    "load_to_start",
    "packycode_provider",
    "start_of",
    "variable_problems",
    "watch_sources",
    "write_packycode",
]
