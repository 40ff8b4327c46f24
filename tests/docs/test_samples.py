"""The samples in the documentation are right: configurations load, JSON keeps the contract, marked commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema_rs import validator_for

from packy.config import load_snapshot
from packy.demo import DemoUpstream
from packy.management import contract
from tests.docs.pages import all_pages, page
from tests.management.api import PATH
from tests.support.gateway import ROOT, Gateway, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "a-long-random-key-of-yours"
HERE = "http://127.0.0.1:8317"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
CONFIGURATIONS = [
    pytest.param(block.text, id=f"{each.name}-{number}")
    for each in all_pages()
    for number, block in enumerate(each.blocks)
    if block.info == "yaml" and block.text.startswith("# config.yaml\n")
]
RUNNABLE = [
    pytest.param(block.text, id=f"{each.name}-{number}")
    for each in all_pages()
    if not each.name.endswith("_CN.md")
    for number, block in enumerate(each.blocks)
    if block.info == "sh runnable"
]
PAIRS = re.findall(r"```sh\n(curl .+?)\n```\n\n```json\n(.+?)\n```", page("MANAGEMENT_API.md").text, re.DOTALL)


@pytest.mark.parametrize("sample", CONFIGURATIONS)
def test_a_sample_configuration_is_valid(sample: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(sample)
    file.chmod(0o600)

    snapshot = load_snapshot(file, environ={}, home=tmp_path)

    assert snapshot.providers or "packycode" not in sample
    assert snapshot.warnings == ()


@pytest.mark.parametrize("name", ["README.md", "MANAGEMENT_API.md", "docs/errors.md"])
def test_every_json_sample_is_json(name: str) -> None:
    for block in page(name).blocks:
        if block.info == "json":
            json.loads(block.text)


def described(command: str) -> tuple[str, dict[str, Any]]:
    """Find the contract's description of what a curl command asks for: its path, and the responses by status."""
    method = (re.search(r"-X ([A-Z]+)", command) or ["", "GET"])[1].lower()
    found = re.search(r"\$PACKY(/[a-z/.]+)", command)
    assert found, command
    operation: dict[str, Any] = contract()["paths"][f"{PATH}{found[1]}"][method]
    return found[1], operation["responses"]


@pytest.mark.parametrize(
    ("command", "answer"), [pytest.param(*pair, id=f"{number}") for number, pair in enumerate(PAIRS)]
)
def test_a_json_sample_keeps_the_contract(command: str, answer: str) -> None:
    document = json.loads(answer)
    _, responses = described(command)
    status = "422" if "error" in document else "200"
    response = responses[status]
    if name := response.get("$ref", "").rpartition("/")[2]:
        response = contract()["components"]["responses"][name]
    schema = response["content"]["application/json"]["schema"]
    whole = {"$schema": DRAFT, "components": contract()["components"], **schema}

    errors = [f"{error.instance_path}: {error.message}" for error in validator_for(whole).iter_errors(document)]

    assert errors == []


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str], str]]:
    """A folder with `./run` and a config.yaml, Codex CLI's files, a provider, and a gateway that runs on both.

    Yields:
        The folder, the environment, and the gateway's URL.
    """
    folder = tmp_path_factory.mktemp("runnable")
    codex = folder / ".codex"
    codex.mkdir()
    run = folder / "run"
    run.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from packy.cli import main; main()" "$@"\n')
    run.chmod(0o755)
    with DemoUpstream() as upstream:
        (codex / "config.toml").write_text(
            'model_provider = "packycode"\nmodel = "gpt-5"\n\n[model_providers.packycode]\nname = "packycode"\n'
            f'base_url = "{upstream.url}"\nwire_api = "responses"\nrequires_openai_auth = true\n'
        )
        (codex / "auth.json").write_text('{"OPENAI_API_KEY": "sk-of-codex"}')
        config = yaml.safe_dump({"remote-management": {"secret-key": KEY}, "ledger": {"enabled": False}})
        environment = {**clean_environment(folder), "PYTHONPATH": str(ROOT), "KEY": KEY}
        with Gateway(folder, config) as gateway:
            yield folder, environment, gateway.url


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("commands", RUNNABLE)
def test_the_commands_that_are_marked_runnable_run(commands: str, desk: tuple[Path, dict[str, str], str]) -> None:
    folder, environment, url = desk
    script = "set -eu\ncurl() { command curl --fail-with-body -sS --noproxy '*' --max-time 60 \"$@\"; }\n"

    done = subprocess.run(
        ["sh", "-c", script + commands.replace(HERE, url)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_samples_of_all_kinds() -> None:
    assert len(CONFIGURATIONS) >= 4
    assert len(RUNNABLE) >= 3
    assert len(PAIRS) >= 9
    assert os.access(ROOT / "run", os.X_OK)
