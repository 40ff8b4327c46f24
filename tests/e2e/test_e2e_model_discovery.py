"""Claude Code finds packy's models by itself, and what it finds it can use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from packy.routing import CATALOGUE

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e


def test_the_model_picker_offers_every_model_and_each_name_leads_to_that_model(
    claude: ClaudeCode, upstream: DemoUpstream
) -> None:
    # This one would keep it from looking.
    del claude.environ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"]
    claude.environ |= {"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1", "DISABLE_TELEMETRY": "1"}
    claude.environ |= {"DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1"}

    assert claude.ask("Look around.").succeeded
    (cache,) = claude.home.rglob("gateway-models.json")
    offered = {model["display_name"]: model["id"] for model in json.loads(cache.read_text())["models"]}
    assert set(offered) == set(CATALOGUE)

    assert claude.ask("Say hi.", "--model", offered["gpt-5.1-codex-max"]).succeeded
    assert upstream.requests[-1].json["model"] == "gpt-5.1-codex-max"
