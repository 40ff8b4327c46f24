"""The contract is what the code generates, and what the gateway keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from flask import Flask
from jsonschema_rs import validator_for

from blueprints.management import blueprint
from packy.config.contract import packycode_schema
from packy.management import contract
from packy.management.contract import contract_yaml
from packy.management.schemas import EXAMPLE, WRITTEN
from tests.management.api import PATH, SECRET
from tests.support.gateway import ROOT, Gateway, clean_environment, config_for

if TYPE_CHECKING:
    from packy.config.contract import Variant
    from tests.management.api import Api

FILE = ROOT / "contracts" / "management-packycode.yaml"
SCHEMATHESIS = """\
[parameters]
"query.verify" = "false"

# What an object may be depends on what is configured elsewhere; no schema can say that.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "404", "412", "422"]
"""


def test_the_file_is_what_the_code_generates() -> None:
    again = "python -m packy.management > contracts/management-packycode.yaml"
    assert FILE.read_text() == contract_yaml(), f"make it anew: {again}"


def test_the_gateway_serves_the_same(api: Api) -> None:
    assert api.get("/openapi.json") == yaml.safe_load(FILE.read_text())


def test_it_has_every_route_and_no_other() -> None:
    app = Flask("routes", static_folder=None)
    app.register_blueprint(blueprint)
    routes = {
        (rule.rule, method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, methods in contract()["paths"].items() for method in methods}


@pytest.mark.parametrize(
    ("variant", "document", "valid"),
    [
        pytest.param("read", EXAMPLE, True, id="example"),
        pytest.param("read", {**EXAMPLE, "base-url": None, "effective-source": None}, True, id="nulls"),
        pytest.param("read", WRITTEN, False, id="incomplete answer"),
        pytest.param("replace", WRITTEN, True, id="written"),
        pytest.param("replace", {}, True, id="nothing"),
        pytest.param("replace", {"enabled": None}, False, id="null"),
        pytest.param("replace", {"wire-api": "chat"}, False, id="enum"),
        pytest.param("replace", {"effective-source": "env"}, False, id="read-only"),
        pytest.param("replace", {"packycode": {}}, False, id="wrapper"),
        pytest.param("replace", {"enabled": True, "privacy": {"disable-response-storage": False}}, False, id="storage"),
        pytest.param("replace", {"privacy": {"disable-response-storage": False}}, True, id="storage while disabled"),
        pytest.param("merge", {"enabled": None, "defaults": None}, True, id="takes out"),
        pytest.param("merge", {"defaults": {"model": None}}, True, id="takes out, nested"),
        pytest.param("merge", {"defaults": {"model": ""}}, False, id="empty"),
        pytest.param("merge", {"defaults": {"modle": "gpt-5"}}, False, id="unknown"),
    ],
)
def test_the_schemas_tell_right_from_wrong(variant: Variant, document: Any, valid: bool) -> None:  # noqa: FBT001 - a row
    assert validator_for(packycode_schema(variant)).is_valid(document) is valid


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Any:
    text = config_for("http://127.0.0.1:9/v1", f"remote-management: {{secret-key: {SECRET}}}\n")
    with Gateway(tmp_path_factory.mktemp("gateway"), text, workers=4) as running:
        yield running


def _schemathesis(gateway: Gateway, folder: Path, examples: int, seconds: int) -> None:
    """Run schemathesis on the contract as the gateway serves it.

    It never verifies: with base URLs that nobody has chosen, that would knock on strangers' doors. It tries no wrong
    keys either, which would end in a ban; test_management_auth does.
    """
    document = requests.get(f"{gateway.url}{PATH}/openapi.json", headers={"X-Management-Key": SECRET}, timeout=10)
    (folder / "openapi.json").write_bytes(document.content)
    (folder / "schemathesis.toml").write_text(SCHEMATHESIS)
    program = Path(sys.executable).with_name("st")
    command = [str(program), "--config-file", "schemathesis.toml", "run", "openapi.json", "--url", gateway.url]
    command += ["--exclude-operation-id", "verifyPackycode", "--phases", "examples,coverage,fuzzing", "--no-color"]
    command += ["--exclude-checks", "ignored_auth", "-H", f"X-Management-Key: {SECRET}"]
    command += ["--max-examples", str(examples), "--seed", "1", "--request-timeout", "10"]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(folder), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    # One worker or another has failed and been replaced, and nobody noticed?
    assert gateway.lines("uncaught") == []
    assert gateway.text.count("Booting worker") == 4


def test_the_gateway_keeps_the_contract(gateway: Gateway, tmp_path: Path) -> None:
    _schemathesis(gateway, tmp_path, 40, 120)


@pytest.mark.long
def test_the_gateway_keeps_the_contract_for_long(gateway: Gateway, tmp_path: Path) -> None:
    _schemathesis(gateway, tmp_path, 1000, 900)
