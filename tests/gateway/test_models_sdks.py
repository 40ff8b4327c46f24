"""The `anthropic` and the `openai` package list and retrieve models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anthropic
import openai
import pytest

from packy.routing import CATALOGUE
from tests.support.gateway import CLIENT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.gateway import Gateway


@pytest.fixture
def for_anthropic(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture
def for_openai(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=20) as made:
        yield made


def test_the_anthropic_package_pages_through_the_list(for_anthropic: anthropic.Anthropic) -> None:
    pages = [model.id for model in for_anthropic.models.list(limit=9)]
    assert pages == [model.id for model in for_anthropic.models.list(limit=1000)]
    assert set(CATALOGUE) < set(pages)
    assert len(pages) == len(set(pages))


def test_the_anthropic_package_reads_every_field(for_anthropic: anthropic.Anthropic) -> None:
    for model in for_anthropic.models.list(limit=1000):
        # The package takes whatever arrives; this does not.
        assert type(model).model_validate(model.to_dict(), strict=False) == model
    found = for_anthropic.models.retrieve("claude-gpt-5.2-codex")
    assert (found.id, found.display_name, found.max_input_tokens) == (
        "claude-gpt-5.2-codex",
        "gpt-5.2-codex",
        272_000,
    )
    assert found.created_at.isoformat() == "2026-01-14T00:00:00+00:00"


def test_the_anthropic_package_recognises_the_errors(for_anthropic: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="No enabled provider"):
        for_anthropic.models.retrieve("gpt-9")
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        for_anthropic.models.list(limit=0)


def test_the_openai_package_lists_and_retrieves(for_openai: openai.OpenAI) -> None:
    listed = list(for_openai.models.list())
    assert set(CATALOGUE) < {model.id for model in listed}
    assert {model.owned_by for model in listed} == {"packycode"}
    assert for_openai.models.retrieve("gpt-5") == listed[0]


def test_the_openai_package_recognises_an_unknown_model(for_openai: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        for_openai.models.retrieve("gpt-9")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
