"""`GET /status` as HTTP sees it: no data, no key, a strict policy, two languages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from werkzeug.test import Client

from packy.config.contract import packycode_schema
from packy.status import ASSETS, FOLDER, LANGUAGES, TEXTS, form_fields
from tests.management.api import Api

if TYPE_CHECKING:
    from pathlib import Path

CANARIES = {
    "management": "management-canary-7261",
    "upstream": "sk-upstream-canary-7261",
    "client": "client-canary-7261",
}
CONFIG = f"""\
remote-management: {{secret-key: {CANARIES["management"]}}}
client-keys: [{{label: canary-label, key: {CANARIES["client"]}}}]
packycode:
  enabled: true
  base-url: https://canary.example/v1
  credentials: {{openai-api-key: {CANARIES["upstream"]}}}
"""
PAGE = (FOLDER / "page.html").read_text()
SCRIPT = "".join(asset.data.decode() for name, asset in ASSETS.items() if name.endswith(".js") and name != "uplot.js")
BILINGUAL = yaml.safe_load((FOLDER / "texts.yaml").read_text())


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(Api(tmp_path, monkeypatch, CONFIG, {}).application)


def ask(client: Client, path: str = "/status", method: str = "GET", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    # From elsewhere, and with no key: the page is for everybody, what it asks for is not.
    return client.open(path, method=method, headers=named, environ_overrides={"REMOTE_ADDR": "192.0.2.7"})


def test_the_page_needs_no_key_and_says_nothing_about_the_gateway(client: Client) -> None:
    answer = ask(client)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "canary" not in answer.text


def test_nothing_foreign_gets_into_the_page_and_nobody_frames_it(client: Client) -> None:
    policy = dict(each.strip().split(" ", 1) for each in ask(client).headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", ask(client).text)
    assert not re.search(r"""\s(?:style|on[a-z]+)=""", PAGE)


def test_the_key_is_kept_nowhere_but_in_a_variable() -> None:
    assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie|innerHTML|\beval\b", SCRIPT)
    assert len(re.findall(r"""["']X-Management-Key["']""", SCRIPT)) == 1


@pytest.mark.parametrize(
    ("query", "accept", "language"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "zh-TW", "zh"),
        ("", "en-GB,zh;q=0.5", "en"),
        ("", "fr-FR", "en"),
        ("?lang=zh", "en", "zh"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=fr", "zh-CN", "zh"),
    ],
)
def test_the_language_is_the_one_asked_for_or_else_the_browsers(
    client: Client, query: str, accept: str, language: str
) -> None:
    answer = ask(client, f"/status{query}", Accept_Language=accept)
    assert f'<html lang="{language}">' in answer.text
    assert f">{TEXTS[language]['sign-in']}</h2>" in answer.text
    assert answer.headers["Vary"] == "Accept-Language"


@pytest.mark.parametrize("name", ASSETS)
def test_its_files_are_served_and_known_again(client: Client, name: str) -> None:
    answer = ask(client, f"/status/{name}")
    assert (answer.status_code, answer.data) == (200, ASSETS[name].data)
    assert answer.mimetype == {"js": "text/javascript", "css": "text/css"}[name.rpartition(".")[2]]
    assert ask(client, f"/status/{name}", If_None_Match=answer.headers["ETag"]).status_code == 304


@pytest.mark.parametrize(
    "path", ["/status/", "/status/page.html", "/status/texts.py", "/status/../status", "/status/x/y"]
)
def test_nothing_else_is_served(client: Client, path: str) -> None:
    assert ask(client, path).status_code == 404


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 401), ("PUT", 401)])
def test_only_reading_is_open(client: Client, method: str, status: int) -> None:
    assert ask(client, method=method).status_code == status


def test_both_languages_have_the_same_texts_with_the_same_blanks() -> None:
    for key, text in BILINGUAL.items():
        assert list(text) == list(LANGUAGES), key
        assert all(text.values()), key
        blanks = [sorted(re.findall(r"\{([a-z0-9]+)\}", each)) for each in text.values()]
        assert blanks[0] == blanks[1], key


def test_every_text_is_used_and_there_is_one_for_every_use(client: Client) -> None:
    shown = set(re.findall(r'data-(?:text|label)="([^"]+)"', ask(client).text))
    said = set(re.findall(r'"([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+|updated|paused)"', SCRIPT))
    told = {key for key in TEXTS["en"] if key in said}
    # Put together by the script: what the API says in a word.
    made = {f"provider.{state}" for state in ("in use", "resting", "disabled")}
    made |= {f"source.{source}" for source in ("config.yaml", "env", "codex-cli", "default")}
    made |= {f"ledger.{state}" for state in ("off", "unavailable")}
    made |= {f"chart.{chart}.summary" for chart in ("tokens", "ttft")}
    errors = ("unauthorized", "banned", "forbidden", "not_found", "unreachable", "precondition_failed", "other")
    made |= {f"error.{word}" for word in errors}
    assert shown | told | made == set(TEXTS["en"])
    assert not {each for each in said if each.partition(".")[0] in {"packycode", "figure", "settings"}} - set(
        TEXTS["en"]
    )


def test_the_form_has_every_field_that_can_be_set_and_no_other() -> None:
    assert [(field.name, field.kind) for field in form_fields()] == [
        ("base-url", "url"),
        ("requires-openai-auth", "switch"),
        ("wire-api", "choice"),
        ("privacy.disable-response-storage", "switch"),
        ("defaults.model", "text"),
        ("defaults.model-reasoning-effort", "choice"),
        ("credentials.openai-api-key", "password"),
    ]
    top = {field.name.partition(".")[0] for field in form_fields()}
    assert top | {"enabled"} == set(packycode_schema("replace")["properties"])


def test_the_chart_librarys_licence_is_that_of_the_version_that_is_there() -> None:
    licence = (FOLDER / "static" / "LICENSE.uplot").read_text()
    (version,) = re.findall(rb"uPlot \(v([0-9.]+)\)", ASSETS["uplot.js"].data)
    assert f"uPlot {version.decode()} " in licence
    assert "MIT License" in licence
