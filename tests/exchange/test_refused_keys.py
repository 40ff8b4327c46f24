"""A provider refuses its key: the caller is told where that provider's key was read, for that is where to repair it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from packy.demo import http, rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.exchange.conftest import House

REFUSED = rule(http(401, {"error": {"code": "invalid_api_key", "message": "Incorrect API key."}}))


@pytest.mark.parametrize(
    ("enabled", "said"),
    [
        pytest.param("true", ["packycode refused", "Repair the key in the environment (PACKYCODE_API_KEY);"], id="own"),
        pytest.param("false", ["spare refused", "Repair the key in config.yaml;"], id="another's"),
    ],
)
def test_the_text_names_the_source_of_the_providers_own_key(
    house: Callable[..., House], enabled: str, said: list[str]
) -> None:
    home = house()
    keyless = re.sub(", credentials: {.*?}", "", home.config.read_text())
    home.edit(keyless.replace("enabled: true", f"enabled: {enabled}"))
    for upstream in (home.packycode, home.spare):
        upstream.script(REFUSED)

    message = home.ask().json()["error"]["message"]

    assert [words for words in said if words not in message] == []
