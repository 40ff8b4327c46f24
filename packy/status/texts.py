"""What the status page says, in both its languages: texts.yaml has them side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

__all__ = ["LANGUAGES", "TEXTS"]

LANGUAGES: Final = ("en", "zh")
"""The languages of the page; the first is for those who read neither."""

_FILE: Final = Path(__file__).with_name("texts.yaml")
_BY_KEY: Final[dict[str, dict[str, str]]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))

TEXTS: Final = {language: {key: text[language] for key, text in _BY_KEY.items()} for language in LANGUAGES}
"""The texts of each language, by their keys."""
