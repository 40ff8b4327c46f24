"""The tree as a newcomer meets it: files of a readable length, nothing unused, one way to check it all."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from vulture import Vulture  # type: ignore[import-untyped]

from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from vulture.core import Item  # type: ignore[import-untyped]

LONGEST = 320
CODE = ("packy", "middleware", "blueprints", "bench", "wsgi.py", "gunicorn.conf.py")

# Names that nothing in the tree uses, because a library does, with the library.
CALLED_BY_OTHERS = {
    "_deserialize": "marshmallow: a field's own reading",
    "_serialize": "marshmallow: the same, backwards",
    "make_error": "marshmallow: a field's own errors",
    "handle_error": "marshmallow, gunicorn and gevent: what becomes of errors",
    "error_messages": "marshmallow: texts of a schema",
    "Meta": "marshmallow: a schema's options",
    "nested2properties": "apispec: how a field is described",
    "ignore_aliases": "PyYAML: whether a dumper writes anchors",
    "preserve_quotes": "ruamel.yaml: an option of its parser",
    "memo": "copy: the argument of __deepcopy__",
    "on_any_event": "watchdog: called with each event",
    "max_content_length": "werkzeug: a request's own limit",
    "request_version": "http.server: what is answered",
    "close_connection": "http.server: the same",
    "log_request": "gevent: what its server would log",
    "log_error": "gevent: the same",
    "_sendall": "gevent: how its server sends",
    "handle_quit": "gunicorn: called on SIGQUIT",
    "isolation_level": "sqlite3: off, as SQLAlchemy's documentation wants it",
    "revision": "alembic: a migration's name",
    "down_revision": "alembic: the one before",
    "setup": "gunicorn: a logger's methods and properties",
    "access_log_enabled": "gunicorn: the same",
    "reopen_files": "gunicorn: the same",
    "close_on_exec": "gunicorn: the same",
    "trust_env": "requests: whether a session reads the environment",
    "response_class": "http.client: what reads an answer",
    "pool_classes_by_scheme": "urllib3: its pools",
    "merge_slashes": "werkzeug: an option of its routes",
    "*_delta": "packy.translation.stream: by the name of the upstream's event",
    "*_done": "the same",
    "annotation_added": "the same",
    "_on_*": "the same",
    "privacy": "packy.config: fields with one permitted value, read through the schema",
    "disable_response_storage": "the same",
    "wire_api": "the same",
    "upstream_wait_ms": "packy.telemetry.record: fields are found by their annotations",
    "reply": "packy.demo.script_schema: a field of scripts, read through the schema",
}
CALLED_THROUGH_DECORATORS = [
    "@main.command", "@blueprint.*", "@proxy.*", "@flask_alone.*", "@validates*", "@pre_load", "@post_load",
    "@event.listens_for",
]  # fmt: skip


def tracked(*patterns: str) -> list[str]:
    """The files that are in the repository, or about to be."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    lengths = {name: len((ROOT / name).read_text().splitlines()) for name in tracked("*.py")}

    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def unused(ignored: list[str]) -> list[Item]:
    """What vulture finds in packy, but for names that are ignored."""
    finder = Vulture(ignore_names=ignored, ignore_decorators=CALLED_THROUGH_DECORATORS)
    finder.scavenge([str(ROOT / name) for name in (*CODE, "tests")])
    return [
        item
        for item in finder.get_unused_code(min_confidence=60)
        # gunicorn reads its settings and hooks by their names; what is in tests, pytest does.
        if item.filename.name != "gunicorn.conf.py" and not item.filename.is_relative_to(ROOT / "tests")
    ]


def test_nothing_is_unused() -> None:
    found = unused(list(CALLED_BY_OTHERS))

    assert [f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: {item.typ} {item.name}" for item in found] == []


def test_no_name_is_excused_that_is_not_there() -> None:
    found = {item.name for item in unused([])}

    assert [name for name in CALLED_BY_OTHERS if not fnmatch.filter(found, name)] == []


FOLDERS = sorted({name.split("/")[0] for name in tracked() if "/" in name and not name.startswith(".")})


@pytest.mark.parametrize("entry", FOLDERS)
def test_each_folder_at_the_top_is_explained(entry: str) -> None:
    pages = "\n".join((ROOT / name).read_text() for name in ("CONTRIBUTING.md", "README.md", "docs/architecture.md"))

    assert f"{entry}/" in pages


def test_each_test_module_has_tests() -> None:
    for name in tracked("tests/**/test_*.py"):
        assert re.search(r"^\s*def test_|^test_\w+ = |TestCase = ", (ROOT / name).read_text(), re.MULTILINE), name


def test_the_workflow_runs_what_everybody_can_run_and_nothing_beside_it() -> None:
    workflow: Any = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()

    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_what_runs_before_a_commit_is_part_of_what_runs_on_the_whole() -> None:
    hooks: Any = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    whole = (ROOT / ".ci" / "run").read_text()
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"], "nothing is fetched"

    for hook in hooks["repos"][0]["hooks"]:
        command = hook["entry"].removesuffix(" --force-exclude").removesuffix(" --check")
        assert command in whole


@pytest.mark.parametrize("form", tracked(".github/**/*.yml"))
def test_each_form_for_issues_is_valid_yaml(form: str) -> None:
    assert yaml.safe_load((ROOT / form).read_text())


@pytest.mark.parametrize("script", [".ci/run", ".ci/programs", "run"])
def test_scripts_parse(script: str) -> None:
    shell = "bash" if "bash" in (ROOT / script).read_text().splitlines()[0] else "sh"
    done = subprocess.run([shell, "-n", str(ROOT / script)], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
