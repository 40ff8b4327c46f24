"""The status page in a real browser: what it shows, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.status.browser import API, KEY, change

if TYPE_CHECKING:
    from tests.status.browser import Browser
    from tests.support.gateway import Gateway

pytestmark = pytest.mark.usefixtures("as_before")


def models(gateway: Gateway) -> set[str]:
    """Give the models that clients are shown."""
    answer = requests.get(f"{gateway.url}/v1/models?limit=1000", headers=gateway.headers, timeout=20)
    return {each["id"] for each in answer.json()["data"]}


def hide(browser: Browser, *, hidden: bool) -> None:
    """Make the page believe that it is hidden, or seen again."""
    browser.run(
        "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))",
        hidden,
    )


def write(browser: Browser, selector: str, text: str) -> None:
    field = browser(selector)
    field.clear()
    field.send_keys(text)


def test_signing_in_shows_the_state_of_the_gateway(browser: Browser) -> None:
    browser.open()

    assert browser("#switch").get_attribute("aria-checked") == "true"
    assert browser.text("#source") == "from config.yaml"
    assert [row[:2] for row in browser.cells("#providers")] == [["packycode", "in use"], ["spare", "resting"]]
    assert browser.cells("#errors")[0] == ["upstream_timeout", "2"]
    assert int(browser.text("#figure-requests")) >= 95
    assert browser.text("#figure-cache").startswith("76.")
    assert browser.text("#figure-cost-note") == "by prices in config.yaml"
    assert browser.text("#unpriced") == ""
    assert len(browser.cells("#recent")) == 50
    assert not browser.shown("#sign-in")
    assert browser.run("return scrollY") == 0


def test_it_asks_nobody_but_the_gateway_and_complains_of_nothing(browser: Browser) -> None:
    browser.open()
    browser.until(lambda: browser.run("return document.querySelectorAll('.chart canvas').length") == 2)

    outside = [url for url in browser.requested() if not url.startswith((browser.url, "data:image/svg+xml", "about:"))]
    assert outside == []
    assert browser.complaints() == []


def test_the_key_is_kept_nowhere_that_outlives_the_page(browser: Browser) -> None:
    browser.open()

    kept = "return [location.href, document.cookie, ...Object.values(localStorage), ...Object.values(sessionStorage)]"
    assert KEY not in "".join(browser.run(kept))
    assert KEY not in browser.driver.page_source
    assert not any(KEY in url for url in browser.requested())
    assert browser.run("return document.querySelector('#key').value") == ""
    browser.driver.refresh()
    assert browser.shown("#sign-in")


def test_signing_out_leaves_nothing_behind(browser: Browser) -> None:
    browser.open()
    browser("#sign-out").click()

    assert browser.shown("#sign-in")
    assert not browser.shown("#board")
    assert browser.cells("#recent") == []
    assert browser.run("return document.activeElement.id") == "key"


def test_the_switch_puts_packycode_out_of_use_and_back(browser: Browser, gateway: Gateway) -> None:
    with_packycode = models(gateway)
    browser.open()

    browser("#switch").click()
    browser.until(lambda: browser.text("#notice").startswith("Packycode is off"))
    assert browser("#switch").get_attribute("aria-checked") == "false"
    assert "gpt-5" in with_packycode
    assert models(gateway) == {"o3", "claude-o3"}
    browser.until(lambda: [row[1] for row in browser.cells("#providers")] == ["disabled", "in use"])

    browser("#switch").click()
    browser.until(lambda: browser.text("#notice").startswith("Packycode is on"))
    assert models(gateway) == with_packycode
    assert browser.run("return document.activeElement.id") == "switch"


def test_a_refused_setting_is_explained_beside_its_field(browser: Browser, gateway: Gateway) -> None:
    browser.open()
    before = browser("#field-base-url").get_attribute("value") or ""
    write(browser, "#field-base-url", "codex.example/v1")
    write(browser, "#field-defaults-model", "gpt-5-codex")
    browser("#settings .primary").click()

    browser.until(lambda: "must begin with http:// or https://" in browser.text("#field-base-url-problem"))
    assert "put https:// in front" in browser.text("#field-base-url-problem")
    field = browser("#field-base-url")
    assert field.get_attribute("aria-invalid") == "true"
    assert "field-base-url-problem" in (field.get_attribute("aria-describedby") or "").split()
    assert browser.run("return document.activeElement.id") == "field-base-url"
    assert browser.text("#field-defaults-model-problem") == ""
    assert browser.text("#outcome") == "Not saved: see the marked fields (1)."
    assert browser.audit() == []

    write(browser, "#field-base-url", before)
    browser("#settings .primary").click()
    browser.until(lambda: browser.text("#outcome") == "Saved.")
    assert browser.text("#field-base-url-problem") == ""
    assert browser.text("#field-defaults-model-source") == "from config.yaml"
    now = requests.get(gateway.url + API, headers={"X-Management-Key": KEY}, timeout=20).json()
    assert now["defaults"]["model"] == "gpt-5-codex"
    assert now["credentials"] == {"openai-api-key": "********wxyz"}


IN_VIEW = """const box = document.querySelector(arguments[0]).getBoundingClientRect();
    return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight"""


def test_what_became_of_a_change_is_told_where_it_was_made(browser: Browser, gateway: Gateway) -> None:
    browser.resize(1280, 600)
    browser.open()
    write(browser, "#field-defaults-model", "gpt-5-codex")
    browser("#settings .primary").click()
    browser.until(lambda: browser.text("#outcome") == "Saved.")
    assert browser.run(IN_VIEW, "#outcome")
    assert not browser.run(IN_VIEW, "#switch")

    change(gateway, defaults={"model": "o4-mini"})
    hide(browser, hidden=True)
    write(browser, "#field-defaults-model", "o3")
    browser("#settings .primary").click()
    browser.until(lambda: "Somebody else has changed" in browser.text("#trouble"))
    assert browser.run(IN_VIEW, "#trouble")
    hide(browser, hidden=False)


def test_what_is_marked_to_be_copied_stays_marked_while_the_page_asks_again(browser: Browser) -> None:
    browser.open()
    (request_id,) = [cell for cell in browser.cells("#recent")[0] if cell.startswith("req_")]
    browser.run("getSelection().selectAllChildren(document.querySelector('#recent tr').lastElementChild)")
    before = browser.text("#updated")
    browser.nudge()
    browser.until(lambda: browser.text("#updated") != before)
    assert browser.run("return getSelection().toString()").strip() == request_id


def test_an_emptied_field_falls_back_to_its_default(browser: Browser, gateway: Gateway) -> None:
    change(gateway, defaults={"model": "o3"})
    browser.open()
    write(browser, "#field-defaults-model", " ")
    browser("#settings .primary").click()
    browser.until(lambda: browser.text("#outcome") == "Saved.")
    assert browser("#field-defaults-model").get_attribute("value") == "gpt-5"
    assert browser.text("#field-defaults-model-source") == "default"


def test_what_others_change_appears_except_where_one_is_writing(browser: Browser, gateway: Gateway) -> None:
    browser.open()
    write(browser, "#field-base-url", "https://mine.example/v1")
    change(gateway, defaults={"model": "o4-mini"})
    browser.nudge()
    browser.until(lambda: browser("#field-defaults-model").get_attribute("value") == "o4-mini")
    assert browser("#field-base-url").get_attribute("value") == "https://mine.example/v1"

    browser("#undo").click()
    assert (browser("#field-base-url").get_attribute("value") or "").startswith("http://127.0.0.1")


def test_nobody_elses_change_is_overwritten_unseen(browser: Browser, gateway: Gateway) -> None:
    browser.open()
    hide(browser, hidden=True)
    change(gateway, defaults={"model": "o4-mini"})
    write(browser, "#field-base-url", "https://mine.example/v1")
    browser("#settings .primary").click()
    browser.until(lambda: "Somebody else has changed" in browser.text("#trouble"))

    hide(browser, hidden=False)
    browser.until(lambda: browser("#field-defaults-model").get_attribute("value") == "o4-mini")
    browser("#settings .primary").click()
    browser.until(lambda: browser.text("#outcome") == "Saved.")


def test_charts_are_drawn_and_told_in_words(browser: Browser) -> None:
    browser.open()
    count_pixels = """
        const style = getComputedStyle(document.documentElement);
        const [r, g, b] = style.getPropertyValue('--chart-2').trim().match(/\\w\\w/g).map((part) => parseInt(part, 16));
        return [...document.querySelectorAll('.chart canvas')].map((canvas) => {
          const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let found = 0;
          for (let at = 0; at < data.length; at += 4) {
            const far = Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b);
            if (far < 30 && data[at + 3] > 200) found++;
          }
          return found;
        })"""
    browser.until(lambda: min(browser.run(count_pixels) or [0]) > 300)

    words = browser("#chart-tokens").get_attribute("aria-label") or ""
    assert "input tokens not cached" in words
    assert "the first token took" in (browser("#chart-ttft").get_attribute("aria-label") or "")
    browser("#window option[value='15m']").click()
    browser.until(lambda: browser("#chart-tokens").get_attribute("aria-label") != words)
    browser.pretend(prefers_color_scheme="dark")
    browser.until(lambda: min(browser.run(count_pixels) or [0]) > 300)


def test_figures_follow_by_themselves_and_rest_while_nobody_looks(browser: Browser, gateway: Gateway) -> None:
    browser.open()
    body = {"model": "gpt-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello."}]}
    sent = requests.post(f"{gateway.url}/v1/messages", json=body, headers=gateway.headers, timeout=30)
    assert sent.status_code == 200, sent.text
    browser.until(lambda: browser.cells("#recent")[0][2] == "tests")

    hide(browser, hidden=True)
    assert browser.text("#updated") == "Paused while hidden"
    # What had been asked before arrives; then there is silence for longer than rounds are apart.
    browser.until(lambda: not browser.requested())
    browser.driver.set_script_timeout(30)
    browser.driver.execute_async_script("setTimeout(arguments[0], 6000)")
    assert browser.requested() == []
    hide(browser, hidden=False)
    browser.until(browser.requested)


def test_asking_the_upstream_tells_whether_it_works(browser: Browser) -> None:
    browser.open()
    browser("#verify").click()
    browser.until(lambda: "packycode answers as gpt-5" in browser.text("#verified"))
