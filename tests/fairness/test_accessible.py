"""The equality report in a real browser: no violation that axe knows, by keyboard, in print, on a telephone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.accessible import FLAGS, violations
from tests.browser import chromium
from training.release.bundle import REPORT_FOLDER

SMALLEST = 11.0
"""Pixels of the letters in a drawing."""
NARROWEST = 40.0
"""Pixels of the first cell of a row: its words are not cut letter by letter."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(trained_bundle: Path) -> Iterator[Page]:
    """The report of a release, on a page without scripts of its own."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto((trained_bundle / REPORT_FOLDER / "index.html").resolve().as_uri())
        yield page
        browser.close()


def test_axe_finds_nothing_on_the_page_as_it_opens(report: Page) -> None:
    assert violations(report) == []


def test_axe_finds_nothing_with_every_detail_open(report: Page) -> None:
    report.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    try:
        # Ten thousand cells share the few colours that the page as it opens was held to.
        assert violations(report, without=("color-contrast",)) == []
    finally:
        report.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false })")


def test_axe_sees_a_fault_where_there_is_one(report: Page) -> None:
    report.evaluate("document.documentElement.removeAttribute('lang')")
    try:
        assert any(each.startswith("html-has-lang") for each in violations(report, only="html-has-lang"))
    finally:
        report.evaluate("document.documentElement.lang = 'en'")


def test_the_first_screen_holds_the_executive_page(report: Page) -> None:
    box = report.locator(".first").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800


def test_everything_can_be_reached_and_opened_by_keyboard(report: Page) -> None:
    report.keyboard.press("Tab")
    expect(report.locator(":focus")).to_have_text("Skip to the report")
    report.keyboard.press("Enter")
    expect(report).to_have_url(re.compile(r"#main$"))
    first = report.locator("details").first
    first.locator("summary").first.focus()
    report.keyboard.press("Enter")
    expect(first).to_have_attribute("open", "")
    report.keyboard.press("Enter")
    expect(first).not_to_have_attribute("open", "")


def test_print_shows_what_is_folded(report: Page) -> None:
    tables = report.locator("details table")
    shown = tables.locator("visible=true")
    assert tables.count() - shown.count() > 20
    report.emulate_media(media="print")
    try:
        assert shown.count() == tables.count()
    finally:
        report.emulate_media(media="screen")


def test_a_telephone_shows_drawings_that_can_be_read_and_nothing_runs_off_it(report: Page) -> None:
    report.set_viewport_size({"width": 380, "height": 760})
    try:
        report.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert report.evaluate("document.documentElement.scrollWidth") <= 380
        letters = report.evaluate(
            "[...document.querySelectorAll('svg.chart text')].map(each => parseFloat(getComputedStyle(each).fontSize)"
            " * each.ownerSVGElement.getBoundingClientRect().width / each.ownerSVGElement.viewBox.baseVal.width)"
        )
        assert min(letters) >= SMALLEST
        names = report.evaluate(
            "[...document.querySelectorAll('tbody th')].map(each => each.getBoundingClientRect().width)"
        )
        assert min(names) >= NARROWEST
    finally:
        report.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false })")
        report.set_viewport_size({"width": 1280, "height": 800})
