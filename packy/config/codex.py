"""The Codex CLI's own files as a source of the packycode block.

`config.toml` and `auth.json` in `$CODEX_HOME` or `~/.codex`; their keys are those of the Codex CLI's configuration
reference. They count only where they speak of packycode: a provider whose id, name or host contains that word.
Otherwise the key in auth.json belongs to somebody else and is not touched.
"""

from __future__ import annotations

import contextlib
import json
import re
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from packy.config.document import Unreadable, decode, read_bytes
from packy.config.problems import Problem, dotted, safe_name
from packy.config.rules import EFFORTS, PUBLIC_BASE_URL
from packy.config.supplied import BLOCK, Issue, Layer, Supplied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from packy.config.problems import FieldPath

__all__ = ["CodexLayer", "read_codex"]

_KEY: Final = ("credentials", "openai-api-key")
_EFFORT: Final = ("defaults", "model-reasoning-effort")
_FOREIGN_EFFORTS: Final = frozenset({"none", "minimal", "xhigh"})
_OTHERWISE: Final = "or export PACKYCODE_API_KEY=THE-KEY"


@dataclass(slots=True)
class CodexLayer(Layer):
    """What the Codex CLI's files supply.

    Attributes:
        recognised: whether they speak of packycode.
        files: the files that were looked at, whether they exist or not.
    """

    recognised: bool = False
    files: tuple[Path, ...] = field(default=())


def read_codex(environ: Mapping[str, str], home: Path | None) -> CodexLayer:
    """Collect what the files supply. Nothing is raised: what is wrong becomes an issue.

    Args:
        environ: for `CODEX_HOME` and the variable that a provider names as its `env_key`.
        home: the user's home folder; None if there is none.
    """
    layer = CodexLayer("codex-cli")
    named = environ.get("CODEX_HOME")
    folder = Path(named) if named else home / ".codex" if home else None
    if folder is None:
        return layer
    layer.files = (folder / "config.toml", folder / "auth.json")
    if named and not _is_folder(folder):
        problem = Problem(
            "", "names no folder", "create it, or unset CODEX_HOME", source="environment variable CODEX_HOME"
        )
        layer.issues.append(Issue((), problem))
        return layer
    try:
        config = _parse(layer.files[0], "TOML", tomllib.loads)
    except Unreadable as error:
        layer.issues.append(Issue((), error.problem))
        return layer
    if (found := _packycode(config)) is not None:
        layer.recognised = True
        _Mapping(layer, environ, *found).run()
    return layer


def _is_folder(path: Path) -> bool:
    """Tell a folder, or what may be one: that it cannot be looked into is told when its files are read."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def _parse(path: Path, language: str, loads: Callable[[str], object]) -> dict[str, object]:
    """Read a file whose root is a mapping; a file that does not exist is an empty one."""
    name = str(path)
    content = read_bytes(path)
    if content is None:
        return {}
    line = column = None
    try:
        data = loads(decode(content, name))
        if isinstance(data, dict):
            return data
        what = "must be a mapping at its root"
    except RecursionError:
        what = "is nested too deeply"
    except ValueError as error:
        # The parsers' own texts may quote the file; only the place is taken from them.
        what = f"is not valid {language}"
        if match := re.search(r"line (\d+),? column (\d+)", str(error)):
            line, column = int(match[1]), int(match[2])
    fix = "repair or remove it; config.yaml and PACKYCODE_API_KEY do without it"
    raise Unreadable(Problem("", what, fix, "", name, line, column))


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _packycode(config: dict[str, object]) -> tuple[str, dict[str, object], dict[str, object]] | None:
    """Find packycode.

    Returns:
        The provider's id, its table, and the settings under which it is the provider (empty if it is only defined); or
        None if the file does not speak of it.
    """
    providers = _table(config.get("model_providers"))
    for settings in _settings(config):
        provider = settings.get("model_provider")
        if isinstance(provider, str) and _speaks_of_it(provider, _table(providers.get(provider))):
            return provider, _table(providers.get(provider)), settings
    for provider, table in providers.items():
        if _speaks_of_it(provider, _table(table)):
            return provider, _table(table), {}
    return None


def _settings(config: dict[str, object]) -> Iterator[dict[str, object]]:
    """Yield the settings in force, then those of each profile laid over the top level."""
    profiles = _table(config.get("profiles"))
    active = config.get("profile")
    yield {**config, **_table(profiles.get(active) if isinstance(active, str) else None)}
    for profile in profiles.values():
        yield {**config, **_table(profile)}


def _speaks_of_it(provider: str, table: dict[str, object]) -> bool:
    names = [provider, table.get("name")]
    url = table.get("base_url")
    if isinstance(url, str):
        with contextlib.suppress(ValueError):  # not a URL; the schema says so where it is needed
            names.append(urlsplit(url).hostname)
    return any(isinstance(name, str) and BLOCK in name.lower() for name in names)


@dataclass(slots=True)
class _Mapping:
    """From the names of the Codex CLI to those of the block."""

    layer: CodexLayer
    environ: Mapping[str, str]
    provider: str
    table: dict[str, object]
    settings: dict[str, object]

    def run(self) -> None:
        section = f"model_providers.{safe_name(self.provider)}"
        self.supply(("base-url",), self.table, "base_url", section, f'"{PUBLIC_BASE_URL}"')
        self.supply(("wire-api",), self.table, "wire_api", section, '"responses"')
        self.supply(("defaults", "model"), self.settings, "model", "", '"gpt-5"')
        effort = self.settings.get("model_reasoning_effort")
        if isinstance(effort, str) and effort in _FOREIGN_EFFORTS:
            what = f"knows only {', '.join(EFFORTS)}; the default stands in for the Codex CLI's {effort}"
            fix = f"set it in config.yaml, or export PACKYCODE_REASONING_EFFORT={EFFORTS[-1]}"
            self.complain(_EFFORT, what, fix, self.layer.files[0], harmless=True)
        else:
            self.supply(_EFFORT, self.settings, "model_reasoning_effort", "", f'"{EFFORTS[-1]}"')
        self.authentication(section)

    def authentication(self, section: str) -> None:
        """Take the key from the variable that the provider names, else from auth.json unless it wants no login."""
        variable = self.table.get("env_key")
        login = self.table.get("requires_openai_auth")
        if isinstance(variable, str) and variable:
            if key := self.environ.get(variable):
                place = f"environment variable {safe_name(variable)}"
                self.layer.fields[_KEY] = Supplied(
                    key, place, f"export {safe_name(variable)} with the key, in one piece"
                )
                return
            if login is not True:
                what = f"is missing: {safe_name(variable)}, the provider's env_key, is not set"
                fix = f"export {safe_name(variable)}=THE-KEY, {_OTHERWISE}"
                self.complain(_KEY, what, fix, self.layer.files[0])
                return
        self.supply(("requires-openai-auth",), self.table, "requires_openai_auth", section, "true")
        if login is not False:
            self.login()

    def login(self) -> None:
        path = self.layer.files[1]
        try:
            key = _parse(path, "JSON", json.loads).get("OPENAI_API_KEY")
        except Unreadable as error:
            self.layer.issues.append(Issue(_KEY, error.problem))
            return
        fix = f'write {{"OPENAI_API_KEY": "THE-KEY"}} to it, {_OTHERWISE}'
        if key is None:
            self.complain(_KEY, "is missing: the file does not exist or has no OPENAI_API_KEY", fix, path)
        else:
            self.layer.fields[_KEY] = Supplied(key, f"{path} (OPENAI_API_KEY)", fix)

    def supply(self, path: FieldPath, table: dict[str, object], key: str, section: str, example: str) -> None:
        if key in table:
            name = f"{section}.{key}" if section else key
            self.layer.fields[path] = Supplied(
                table[key], f"{self.layer.files[0]} ({name})", f"write {key} = {example}"
            )

    def complain(self, path: FieldPath, what: str, fix: str, file: Path, *, harmless: bool = False) -> None:
        problem = Problem(dotted((BLOCK, *path)), what, fix, source=str(file))
        self.layer.issues.append(Issue(path, problem, harmless))
