"""A secret comes out when it is asked for, and in no other way."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import traceback
from typing import TYPE_CHECKING

import pytest

from packy.config import ConfigError, Secret, load_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARY = "sk-canary-4f1b"


def _log(secret: Secret) -> str:
    stream = io.StringIO()
    logger = logging.Logger("canary")  # noqa: LOG001 - one of its own, so that no other test sees it
    logger.addHandler(logging.StreamHandler(stream))
    logger.error("%s %r", secret, secret)
    return stream.getvalue()


def _traceback(secret: Secret) -> str:
    def fail(inner: Secret) -> None:
        raise ValueError(inner)

    try:
        fail(secret)
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return ""


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{:>20}".format,
        "{!r}".format,
        lambda secret: f"{secret}",
        lambda secret: "%s" % secret,  # noqa: UP031 - the old way is what is tested
        lambda secret: json.dumps({"key": secret}, default=str),
        lambda secret: pprint.pformat([secret]),
        lambda secret: str(ValueError(secret)),
        _log,
        _traceback,
    ],
    ids=[
        "repr",
        "str",
        "format",
        "padded",
        "format-r",
        "f-string",
        "percent",
        "json",
        "pprint",
        "error",
        "log",
        "traceback",
    ],
)
def test_what_becomes_text_shows_the_mask(show: Callable[[Secret], str]) -> None:
    text = show(Secret(CANARY))
    assert CANARY not in text
    assert Secret.MASK in text


def test_it_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))


def test_it_has_no_dict_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_it_reveals_itself_on_request() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_copies_are_the_secret_itself() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_equals_another_of_the_same_text_and_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_a_snapshot_as_nested_dicts_still_masks() -> None:
    snapshot = load_snapshot(None, {"PACKYCODE_API_KEY": CANARY, "PACKY_CONFIG": "/nowhere/config.yaml"})
    assert CANARY not in repr(dataclasses.asdict(snapshot.providers[0]))


def test_the_traceback_of_a_failed_load_shows_no_secret_even_with_locals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKYCODE_API_KEY", f"{CANARY}-environment")
    path = tmp_path / "config.yaml"
    path.write_text(f"client-keys: [{CANARY}-client, {CANARY}-client]\ncodex-api-key: [{{api-key: {CANARY}}}]\n")
    with pytest.raises(ConfigError) as caught:
        load_snapshot(path, home=tmp_path)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert CANARY not in "".join(report.format())


def test_it_is_taken_out_of_what_others_say() -> None:
    assert Secret(CANARY).hide_in(f"Bearer {CANARY}, '{CANARY}'") == f"Bearer {Secret.MASK}, '{Secret.MASK}'"
    assert Secret("").hide_in("as it is") == "as it is"
