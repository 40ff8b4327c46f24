"""Makes the pictures of the status page in docs/images: `./run test tests/status/test_status_images.py --long`."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from tests.status.browser import Browser

FOLDER = ROOT / "docs" / "images"
LARGEST = 300_000


def has_chinese() -> bool:
    """Tell whether there is a font for it."""
    lister = shutil.which("fc-list")
    return lister is not None and bool(subprocess.check_output([lister, ":lang=zh"]).strip())


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "language", "scheme", "size"),
    [
        pytest.param("status", "en", "light", (1280, 1150), id="english"),
        pytest.param("status-dark", "en", "dark", (1280, 1150), id="dark"),
        pytest.param("status-zh", "zh", "light", (1280, 1150), id="chinese"),
        pytest.param("status-phone", "en", "dark", (390, 844), id="phone"),
        pytest.param("status-phone-zh", "zh", "dark", (390, 844), id="phone in chinese"),
    ],
)
def test_the_page_has_its_picture_taken(
    browser: Browser, name: str, language: str, scheme: str, size: tuple[int, int]
) -> None:
    if language == "zh" and not has_chinese():
        pytest.skip("there is no font for Chinese: apt install fonts-noto-cjk")
    browser.pretend(prefers_color_scheme=scheme)
    browser.resize(*size, mobile=size[0] < 500)
    browser.open(f"?lang={language}")
    browser.until(lambda: browser.run("return document.querySelectorAll('.chart canvas').length") == 2)
    browser.run("document.activeElement.blur()")

    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.png"
    assert browser.driver.save_screenshot(str(file))
    assert file.stat().st_size < LARGEST
