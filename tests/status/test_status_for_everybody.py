"""The status page in a real browser: both languages, light and dark, by keyboard, and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from packy.status import TEXTS
from tests.status.browser import KEY

if TYPE_CHECKING:
    from tests.status.browser import Browser

pytestmark = pytest.mark.usefixtures("as_before")

ZH = TEXTS["zh"]


def test_the_language_changes_in_place(browser: Browser) -> None:
    browser.open()
    browser("nav a[lang=zh]").click()

    assert browser.run("return document.documentElement.lang") == "zh"
    assert browser.driver.title == ZH["title"]
    assert browser.text("#state") == ZH["packycode.on"]
    assert browser.cells("#providers")[0][1] == ZH["provider.in use"]
    assert browser("#switch").get_attribute("aria-label") == ZH["packycode.use"]
    assert browser.driver.current_url.endswith("/status?lang=zh")
    assert browser.shown("#board")
    assert browser.audit() == []
    browser.driver.refresh()
    assert browser.text("#sign-in h2") == ZH["sign-in"]


def test_everything_can_be_done_with_the_keyboard(browser: Browser) -> None:
    browser.open(key=None)

    def press(*keys: str) -> str:
        ActionChains(browser.driver).send_keys(*keys).perform()
        return str(browser.run("return document.activeElement.id"))

    while press(Keys.TAB) != "key":
        pass
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(KEY, Keys.ENTER)
    browser.until(lambda: browser.shown("#board"))
    reached = []
    while (now := press(Keys.TAB)) not in reached or not now:
        reached.append(now)
        assert browser.run(
            "return document.activeElement === document.body || getComputedStyle(document.activeElement).outlineWidth"
        ) in {True, "3px"}, now
        if now == "switch":
            press(Keys.SPACE)
            browser.until(lambda: browser.text("#state") == "Off")
            assert browser.run("return document.activeElement.id") == "switch"
        assert len(reached) < 60
    wanted = {
        "switch",
        "verify",
        "window",
        "field-base-url",
        "field-wire-api",
        "field-credentials-openai-api-key",
        "undo",
    }
    assert wanted <= set(reached)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_can_be_read_and_used_by_everybody(browser: Browser, scheme: str, language: str) -> None:
    browser.pretend(prefers_color_scheme=scheme)
    browser.open(f"?lang={language}", key=None)
    assert browser.audit() == []
    browser.sign_in(KEY)
    browser.until(lambda: browser.shown("#board") and browser.text("#updated") != "")
    assert browser.audit() == []
    red, green, blue = browser.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (red + green + blue < 150) is (scheme == "dark")


def test_the_audit_finds_what_is_wrong(browser: Browser) -> None:
    browser.open(key=None)
    browser.run(
        "document.querySelector('main').append(document.createElement('input'));"
        "document.querySelector('h2').style.color = '#cccccc';"
        "document.querySelector('#trouble').id = 'key'"
    )
    faults = ("has no name", "has a contrast of 1.61", "#key is there twice")
    assert [any(fault in each for each in browser.audit()) for fault in faults] == [True] * 3


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [320, 390])
def test_it_fits_a_phone(browser: Browser, language: str, width: int) -> None:
    browser.resize(width, 800, mobile=True)
    browser.open(f"?lang={language}")
    browser.until(lambda: browser.run("return document.querySelectorAll('.chart canvas').length") == 2)
    wide = """return [...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll, .skip, .u-wrap') &&
        e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 100))"""
    assert browser.run(wide) == []
    assert browser.run("return document.documentElement.scrollWidth") == width
