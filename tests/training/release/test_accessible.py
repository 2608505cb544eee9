"""The pages of a release's scorecards in a real browser: no violation that axe knows, and nothing cut off on a telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, sync_playwright

from scoring.bundle import Bundle
from tests.accessible import FLAGS, violations
from tests.browser import chromium
from training.release import policy_page, scorecard_pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADS = ("commence.html", "complete.html", "inflight-not-completed.html", "inflight-completed.html")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(trained_bundle: Path) -> dict[str, str]:
    bundle = Bundle.open(trained_bundle)
    return scorecard_pages.pages(bundle) | {"policy.html": policy_page.to_html(bundle.benefit)}


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser.new_page(viewport={"width": 1280, "height": 800})
        browser.close()


def an_effect(pages: dict[str, str]) -> str:
    """The effect page with the most terms."""
    return max(
        (name for name in pages if name.startswith("benefit/")),
        key=lambda name: pages[name].count("<section"),
    )


@pytest.mark.parametrize("name", ["index.html", *HEADS, "an effect", "policy.html"])
def test_axe_finds_nothing_on_a_page_and_it_fits_a_telephone(
    browser_page: Page, pages: dict[str, str], name: str
) -> None:
    browser_page.set_content(pages[an_effect(pages) if name == "an effect" else name])
    assert violations(browser_page) == []
    before = browser_page.viewport_size
    assert before is not None
    browser_page.set_viewport_size({"width": 320, "height": 640})
    try:
        assert browser_page.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        browser_page.set_viewport_size(before)


def test_an_effect_page_has_bars_of_people(pages: dict[str, str]) -> None:
    page = pages[an_effect(pages)]
    assert "not counted" not in page
    assert "at which the intervention was open to the person" in page


def test_axe_sees_a_fault_where_there_is_one(browser_page: Page, pages: dict[str, str]) -> None:
    browser_page.set_content(pages["index.html"].replace(' lang="en"', ""))
    assert any(each.startswith("html-has-lang") for each in violations(browser_page, only="html-has-lang"))
