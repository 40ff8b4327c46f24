"""`packy import-codex`: from the Codex CLI's files to the packycode block, shown or written."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from packy.config import (
    DEFAULT_PATH,
    PUBLIC_BASE_URL,
    ConfigError,
    ConfigNotWritable,
    PackycodeSchema,
    Secret,
    rules,
    write_packycode,
)
from packy.config.block import edit_block
from packy.config.codex import read_codex
from packy.config.environment import read_environment
from packy.config.problems import dotted
from packy.config.supplied import BLOCK, Supplied
from packy.inspection.places import ENABLED, KEY, home_folder
from packy.tables import render_table, terminal_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packy.config.codex import CodexLayer
    from packy.config.problems import FieldPath

__all__ = ["run_import"]

_PROGRAM: Final = os.environ.get("PACKY_PROGRAM", "packy")
_URL: Final = ("base-url",)
_SETTINGS: Final = f"""\
  model_provider = "packycode"

  [model_providers.packycode]
  name = "packycode"
  base_url = "{PUBLIC_BASE_URL}"
  wire_api = "responses"
  requires_openai_auth = true
"""


def run_import(config: str | None, *, write: bool, include_key: bool, force: bool) -> int:
    """Show how the Codex CLI's files become a packycode block; write it if asked.

    Args:
        config: path of the file to write; None for the usual one.
        write: write the block into it.
        include_key: with the key, which otherwise stays where it is and goes on counting from there.
        force: replace fields that say something else.

    Returns:
        Exit status: 0 if there was something to import, and it could be.
    """
    layer = read_codex(os.environ, home_folder())
    unreadable = [issue.problem for issue in layer.issues if issue.path == ()]
    if unreadable:
        click.echo(ConfigError(tuple(unreadable)).render(), err=True)
        return 1
    if not layer.recognised:
        click.echo(_not_found(layer), err=True)
        return 1
    layer.fields[ENABLED] = Supplied(True, f"{layer.files[0]} (speaks of packycode)", "")  # noqa: FBT003 - a value
    layer.sift()
    fields = _in_order(layer)
    if not write:
        _show(layer, fields, include_key=include_key)
    stopping = []
    for issue in layer.issues:
        label = click.style("warning" if issue.harmless else "problem", fg="yellow" if issue.harmless else "red")
        click.echo(f"{label}  {issue.problem}", err=True)
        # Only the key may come from elsewhere; for the rest, a default must not stand in for what Codex CLI says.
        stopping += [] if issue.harmless or (write and issue.path == KEY and not include_key) else [issue]
    if stopping:
        return 1
    if not write:
        return 0
    values = {path: supplied.value for path, supplied in fields.items() if path != KEY or include_key}
    return _write(Path(config or os.environ.get("PACKY_CONFIG") or DEFAULT_PATH), values, fields, force=force)


def _not_found(layer: CodexLayer) -> str:
    if not layer.files:
        return "There is no home folder to look for the Codex CLI's files in.\n    fix: export CODEX_HOME=/their/folder"
    found = [(str(file), "is there" if file.exists() else "does not exist") for file in layer.files]
    where = "\n".join(f"  {file}  {state}" for file, state in found)
    return (
        f"The Codex CLI's files do not speak of packycode. packy looked at\n{where}\n"
        "    fix: if they are elsewhere, export CODEX_HOME=/their/folder\n"
        "    or do without them: export PACKYCODE_API_KEY=THE-KEY\n"
        f"    or set Codex CLI up for Packycode, with this in its config.toml:\n\n{_SETTINGS}"
    )


def _in_order(layer: CodexLayer) -> dict[FieldPath, Supplied]:
    """Give the fields in the order of the block."""
    order = [str(each.data_key) for each in PackycodeSchema().load_fields.values()]
    return dict(sorted(layer.fields.items(), key=lambda item: order.index(str(item[0][0]))))


def _show(layer: CodexLayer, fields: Mapping[FieldPath, Supplied], *, include_key: bool) -> None:
    folder = layer.files[0].parent
    click.echo(f"{folder}\n")
    rows = [
        (supplied.place.removeprefix(f"{folder}/"), dotted((BLOCK, *path)), _text(path, supplied.value))
        for path, supplied in fields.items()
    ]
    click.echo(render_table(("CODEX CLI", "CONFIG.YAML", "VALUE"), rows, width=terminal_width()))
    block: dict[str, Any] = {}
    for path, supplied in fields.items():
        if path != KEY:
            _put(block, path, supplied.value)
        elif include_key:
            _put(block, path, Secret.MASK)
    click.echo(f"\n{edit_block('', block)}")
    if KEY not in fields:
        return
    if include_key:
        click.echo(f"# With --write, the key itself. To paste this, put the key where {Secret.MASK} stands.")
    else:
        click.echo(f"# The key stays where it is: {fields[KEY].place}. packy goes on reading it there.")


def _write(file: Path, values: Mapping[FieldPath, object], fields: Mapping[FieldPath, Supplied], *, force: bool) -> int:
    change = _Change(values, force=force)
    try:
        write_packycode(file, change)
    except _NothingToDo:
        click.echo(f"{file} says all of this already.")
        return 0
    except _Conflict:
        click.echo(f"{file} says something else, and stays as it is:", err=True)
        click.echo("\n".join(f"  {line}" for line in change.conflicts), err=True)
        click.echo(f"    fix: {_PROGRAM} import-codex --write --force replaces these; or change them by hand", err=True)
        return 1
    except ConfigError as error:
        click.echo(f"{file} stays as it is: with the block there would be\n{error.render()}", err=True)
        return 1
    except ConfigNotWritable as error:
        click.echo(error.message, err=True)
        return 1
    click.echo(f"{file} has been written:")
    click.echo("\n".join(f"  {line}" for line in change.done))
    if KEY in fields and KEY not in values:
        click.echo(f"The key stays where it is: {fields[KEY].place}. packy goes on reading it there.")
    for path, supplied in read_environment(os.environ, file.absolute().with_name(".env")).fields.items():
        if path in values:
            click.echo(f"{supplied.place} no longer counts: {file} goes before it.")
    return 0


class _Conflict(Exception):
    """The file says something else."""


class _NothingToDo(Exception):
    """The file says all of it already."""


@dataclass(slots=True)
class _Change:
    """Lays the imported values over the block as it is written.

    Attributes:
        done: what is changed, a line for each field.
        conflicts: what is in the way of that.
    """

    values: Mapping[FieldPath, object] = field(repr=False)
    force: bool
    done: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    def __call__(self, written: dict[str, Any]) -> dict[str, Any]:
        """Give the new block; called once more if somebody edits the file meanwhile."""
        self.done, self.conflicts = [], []
        block = copy.deepcopy(written)
        for path, value in self.values.items():
            name = dotted((BLOCK, *path))
            present = list(_found(block, path))
            if not present:
                self.done.append(f"{name}: {_text(path, value)}")
            elif present == [value] and type(present[0]) is type(value):
                continue
            elif self.force:
                self.done.append(f"{name}: {_text(path, present[0])} -> {_text(path, value)}")
            else:
                instead = "another key" if path == KEY else f"{_text(path, present[0])}, not {_text(path, value)}"
                self.conflicts.append(f"{name}: {instead}")
            _put(block, path, value)
        if self.conflicts:
            raise _Conflict
        if not self.done:
            raise _NothingToDo
        return block


def _found(block: object, path: FieldPath) -> Iterator[object]:
    """Yield what a block says at a path, be it the wrong thing; nothing if it says nothing there."""
    for key in path:
        if not isinstance(block, dict):
            break
        if key not in block:
            return
        block = block[key]
    yield block


def _put(block: dict[str, Any], path: FieldPath, value: object) -> None:
    for key in path[:-1]:
        if not isinstance(block.get(str(key)), dict):
            block[str(key)] = {}
        block = block[str(key)]
    block[str(path[-1])] = value


def _text(path: FieldPath, value: object) -> str:
    """Show a value, unless it may be a secret, or is none that belongs there."""
    if path[0] == KEY[0]:
        return Secret.MASK
    if isinstance(value, bool):
        return str(value).lower()
    if path == _URL:
        return rules.shown_url(value).strip('"') or "something else"
    return value if isinstance(value, str) else "something else"
