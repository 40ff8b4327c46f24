"""docs/configuration.md lists the keys that the schemas know, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from packy.config.reference import config_keys, reference_table, update_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_page_holds_the_table_that_the_schemas_give() -> None:
    text = PAGE.read_text()
    assert update_page(text) == text, f"run: python -m packy.config.reference {PAGE.relative_to(PAGE.parents[1])}"


def test_every_key_has_a_row_of_its_own() -> None:
    names = [name for name, _ in config_keys()]
    assert len(names) == len(set(names))
    assert {"port", "client-keys[].key", "packycode.defaults.model", "aliases.*.effort"} <= set(names)
    assert len(reference_table().splitlines()) == len(names) + 2


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="two lines"):
        update_page("# Configuration\n")
