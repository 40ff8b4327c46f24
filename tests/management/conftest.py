from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.management.api import ENABLED, Api, config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """Text of config.yaml and variables → the API."""

    def make(text: str | None = None, **environ: str) -> Api:
        return Api(tmp_path, monkeypatch, config(ENABLED) if text is None else text, environ)

    return make


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    """The API of a gateway with Packycode enabled in config.yaml."""
    return make_api()
