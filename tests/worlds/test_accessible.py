"""The calibration page of a world in a real browser: no violation that axe knows, and it fits a telephone."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.accessible import FLAGS, violations
from tests.browser import chromium

pytestmark = pytest.mark.browser


def test_axe_finds_nothing_on_the_page_and_it_fits_a_telephone(small_world: Path) -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto((small_world / "calibration.html").resolve().as_uri())
        assert violations(page) == []
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert page.locator("svg.chart").count() == 3
        browser.close()
