"""Whatever is written, loading ends in a snapshot or a ConfigError, and neither ever shows a secret."""

from __future__ import annotations

import copy
import json
import string
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packy.config import ConfigError, Snapshot, load_snapshot
from packy.config.containers import ByName, ListOf, Section, Shorthand
from packy.config.document import parse_document
from packy.config.environment import VARIABLES
from packy.config.fields import SecretText
from packy.config.schema import ConfigSchema

if TYPE_CHECKING:
    from pathlib import Path

    from marshmallow import Schema
    from marshmallow.fields import Field


# The fixture is a folder that every example writes anew.
PROPERTY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CANARY = "sk-canary-0123456789"

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.binary(max_size=8)
    | st.sampled_from(
        ["gpt-5", "https://a.example/v1", "high", "64MiB", "127.0.0.1", "10.0.0.0/8", "auto", "key-2", 8317]
    )
)
# What may stand in a JSON text and in a YAML file alike: no control characters, and no line breaks but the usual ones.
printable = st.characters(exclude_categories=["C", "Z"])
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | scalars, inner, max_size=3),
)


def _near(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with the schema's keys, whose values are right, wrong, or of another kind altogether."""

    def value(field: Field[Any]) -> st.SearchStrategy[Any]:
        if isinstance(field, Section):
            return anything | _near(field.schema)
        if isinstance(field, ListOf):
            return anything | st.lists(value(field.inner), max_size=3)
        if isinstance(field, ByName):
            return anything | st.dictionaries(st.text(max_size=8), value(field.inner), max_size=3)
        return scalars

    optional = {str(field.data_key): value(field) for field in schema.fields.values()}
    unknown = st.dictionaries(st.sampled_from(["prot", "_schema", "base_url", "sk-key"]), anything, max_size=1)
    return st.tuples(st.fixed_dictionaries({}, optional=optional), unknown).map(lambda pair: {**pair[0], **pair[1]})


def _load(folder: Path, content: bytes, environ: dict[str, str] | None = None) -> Snapshot | ConfigError:
    path = folder / "config.yaml"
    path.write_bytes(content)
    outcome: Snapshot | ConfigError
    try:
        outcome = load_snapshot(path, environ or {}, folder)
    except ConfigError as error:
        outcome = error
    told = outcome.problems if isinstance(outcome, ConfigError) else outcome.warnings
    assert told or isinstance(outcome, Snapshot)
    assert all(problem.problem and problem.fix and problem.source for problem in told)
    # Ready for the terminal: no control characters and no lone surrogates.
    assert all(character.isprintable() or character == "\n" for problem in told for character in str(problem))
    return outcome


@PROPERTY
@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_snapshot_or_a_config_error(tmp_path: Path, content: bytes) -> None:
    _load(tmp_path, content)


@PROPERTY
@given(text=st.text(alphabet=" \n\t-:#[]{}\"'!&*|>?%@`,~<\\/.0123456789abxUu\ufeff\x85\u2028", max_size=60))
def test_any_text_that_resembles_yaml_gives_a_snapshot_or_a_config_error(tmp_path: Path, text: str) -> None:
    _load(tmp_path, text.encode())


@PROPERTY
@given(data=anything)
def test_any_data_gives_a_snapshot_or_a_config_error(tmp_path: Path, data: object) -> None:
    _load(tmp_path, yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))


@PROPERTY
@given(data=_near(ConfigSchema()))
def test_any_data_near_the_schema_gives_a_snapshot_or_a_config_error(tmp_path: Path, data: object) -> None:
    _load(tmp_path, yaml.safe_dump(data).encode())


@PROPERTY
@given(
    config=st.binary(max_size=60) | st.just(b'model_provider = "packycode"'),
    auth=st.binary(max_size=60) | anything.map(lambda data: json.dumps(data, default=str, skipkeys=True).encode()),
    environ=st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.text(max_size=12)),
)
def test_any_codex_files_and_environment_give_a_snapshot_or_a_config_error(
    tmp_path: Path, config: bytes, auth: bytes, environ: dict[str, str]
) -> None:
    folder = tmp_path / ".codex"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_bytes(config)
    (folder / "auth.json").write_bytes(auth)
    _load(tmp_path, b"", environ)


@PROPERTY
@given(
    table=st.dictionaries(
        st.sampled_from(["base_url", "wire_api", "env_key", "requires_openai_auth", "name"]),
        st.text(alphabet=string.printable, max_size=12).map(json.dumps)
        | st.sampled_from(["1", "true", "[]", "2020-01-01", "nan"]),
    ),
    top=st.dictionaries(
        st.sampled_from(["model", "model_reasoning_effort", "profile"]),
        st.sampled_from(['"x"', "1", "[]", '"xhigh"', "{}"]),
    ),
    key=anything,
)
def test_any_codex_values_give_a_snapshot_or_a_config_error(
    tmp_path: Path, table: dict[str, str], top: dict[str, str], key: object
) -> None:
    folder = tmp_path / ".codex"
    folder.mkdir(exist_ok=True)
    lines = [f"{name} = {value}" for name, value in top.items()] + ["[model_providers.packycode]"]
    (folder / "config.toml").write_text("\n".join(lines + [f"{name} = {value}" for name, value in table.items()]))
    (folder / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": key}, default=str, skipkeys=True))
    _load(tmp_path, b"")


@PROPERTY
@given(data=_near(ConfigSchema()))
def test_all_of_a_files_problems_have_a_line_of_that_file(tmp_path: Path, data: object) -> None:
    content = yaml.safe_dump(data, sort_keys=False)
    outcome = _load(tmp_path, content.encode())
    if isinstance(outcome, ConfigError):
        assert all(problem.line and problem.line <= content.count("\n") + 1 for problem in outcome.problems)


@PROPERTY
@given(
    data=st.dictionaries(
        st.text(printable, max_size=5), st.integers() | st.booleans() | st.none() | st.lists(st.integers())
    )
)
def test_plain_data_is_read_as_it_was_written(data: dict[str, object]) -> None:
    text = json.dumps(data, ensure_ascii=False)
    assert parse_document(text.encode(), "config.yaml").root == data


FULL: dict[str, Any] = {
    "client-keys": [CANARY, {"label": "laptop", "key": f"{CANARY}-2"}],
    "packycode": {"enabled": True, "base-url": "https://a.example", "credentials": {"openai-api-key": CANARY}},
    "codex-api-key": [{"api-key": CANARY, "base-url": "https://a.example", "models": ["m"]}],
    "remote-management": {"allow-remote": False, "secret-key": CANARY},
}


def _places(field: Field[Any], data: object, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    """List where a secret may stand by right or by mistake: in its place, or instead of something with places in it."""
    if isinstance(field, SecretText):
        return [path]
    if isinstance(field, Section):
        data = data if isinstance(data, dict) else {}
        inner = [
            place
            for each in field.schema.load_fields.values()
            for place in _places(each, data.get(each.data_key), (*path, str(each.data_key)))
        ]
        return [path, *inner] if path and not (isinstance(field, Shorthand) and field.chief == "model") else inner
    if isinstance(field, ListOf):
        if not isinstance(field.inner, Section):
            return []
        items = data if isinstance(data, list) else []
        return [
            path,
            *(place for index, item in enumerate(items) for place in _places(field.inner, item, (*path, index))),
        ]
    return []


PLACES = _places(Section(ConfigSchema), FULL, ())
MISTAKES: list[Any] = [
    CANARY,
    f"{CANARY} ",
    f"{CANARY}\r\nx-header: 1",
    f"{CANARY}ä",
    [CANARY],
    {CANARY: None},
    {CANARY: CANARY},
    {"key": [CANARY], "api_key": CANARY, "openai-api-keys": CANARY},
    {"api-key": {"value": CANARY}, "base-url": f"https://user:{CANARY}@a.example"},
    {"base-url": f"https://a.example/v1?key={CANARY}"},
    {"base-url": f"https://a.example/v1#{CANARY}"},
    {"base-url": CANARY},
    {"base-url": f"https://user:pa/{CANARY}@a.example"},
    1,
    None,
    True,
    "",
]


def _shown(outcome: Snapshot | ConfigError) -> str:
    if isinstance(outcome, ConfigError):
        # The frames of the tests themselves hold the secrets that they wrote.
        frames = outcome.__traceback__
        while frames and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        report = traceback.TracebackException(type(outcome), outcome, frames, capture_locals=True)
        return "".join([*report.format(), outcome.render(), repr(outcome), repr(outcome.problems), repr(outcome.args)])
    return "".join([repr(outcome), str(outcome), *map(str, outcome.warnings)])


@pytest.mark.parametrize("place", PLACES, ids=str)
@settings(max_examples=len(MISTAKES) * 3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mistake=st.sampled_from(MISTAKES), quotes=st.booleans())
def test_no_secret_is_ever_shown_wherever_it_was_put_by_mistake(
    tmp_path: Path,
    place: tuple[str | int, ...],
    mistake: object,
    quotes: bool,  # noqa: FBT001 - drawn
) -> None:
    data = copy.deepcopy(FULL)
    table: Any = data
    for key in place[:-1]:
        table = table.setdefault(key, {}) if isinstance(table, dict) else table[key]
        if not isinstance(table, dict | list):
            return
    table[place[-1]] = mistake
    content = json.dumps(data) if quotes else yaml.safe_dump(data)
    assert CANARY not in _shown(_load(tmp_path, content.encode()))


@PROPERTY
@given(
    position=st.integers(0, 600),
    cut=st.integers(0, 3),
    junk=st.sampled_from(["", "'", '"', "\t", "*", "!", "&", "- ", ": ", "{", "]", "%", "|", "\x00", "é"]),
)
def test_no_secret_is_shown_by_a_file_that_is_broken_anywhere(
    tmp_path: Path, position: int, cut: int, junk: str
) -> None:
    content = yaml.safe_dump(FULL)
    broken = content[:position] + junk + content[position + cut :]
    # A key that was cut itself is looked for by what is left of it.
    assert "canary" not in _shown(_load(tmp_path, broken.encode("latin-1")))


@PROPERTY
@given(
    text=st.sampled_from([CANARY, f"{CANARY} ", f"https://{CANARY}@a", f"https://a?{CANARY}"]),
    variable=st.sampled_from(["PACKYCODE_API_KEY", "PACKYCODE_BASE_URL"]),
)
def test_no_secret_of_the_environment_is_shown(tmp_path: Path, text: str, variable: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PACKYCODE_ENABLED", "true")
        patch.setenv(variable, text)
        patch.setenv("CODEX_HOME", "")
        (tmp_path / "config.yaml").write_bytes(b"")
        try:
            outcome: Snapshot | ConfigError = load_snapshot(tmp_path / "config.yaml", home=tmp_path)
        except ConfigError as error:
            outcome = error
    assert CANARY not in _shown(outcome)


@PROPERTY
@given(key=st.sampled_from([CANARY, f"{CANARY} ", [CANARY], {CANARY: CANARY}]), broken=st.booleans())
def test_no_secret_of_the_codex_files_is_shown(tmp_path: Path, key: object, broken: bool) -> None:  # noqa: FBT001 - drawn
    folder = tmp_path / ".codex"
    folder.mkdir(exist_ok=True)
    text = f'[model_providers.packycode]\nbase_url = "https://a.example?{CANARY}"\nname = "{CANARY}"\n'
    (folder / "config.toml").write_text(text)
    (folder / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": key})[: -2 if broken else None])
    assert CANARY not in _shown(_load(tmp_path, b""))
    assert CANARY not in _shown(_load(tmp_path, b"packycode: {enabled: false}"))
