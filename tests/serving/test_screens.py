"""The referral screens in a real browser, with and without JavaScript."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from serving.settings import Settings
from tests.accessible import violations
from tests.browser import chromium
from tests.serving.conftest import running

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NEVER = (
    "the system recommends",
    "ethnicity",
    "religion",
    "sexual",
    "gender",
    "nationality",
    "recommended for you",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield found
        found.close()


@contextmanager
def signed_in(browser: Browser, address: str, *, scripts: bool = True) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=scripts, locale="en-GB")
    page = context.new_page()
    wrong: list[str] = []
    # Leaving a page aborts what it was still fetching; anything else that fails is a fault.
    page.on(
        "requestfailed",
        lambda request: wrong.append(request.url) if request.failure != "net::ERR_ABORTED" else None,
    )
    page.on(
        "console",
        lambda message: (
            wrong.append(message.text) if message.type == "error" and "400" not in message.text else None
        ),
    )
    page.goto(f"{address}/referrals/")
    page.get_by_label("Practitioner").select_option("DEMO_USER")
    page.get_by_role("button", name="Sign in").click()
    yield page
    context.close()
    assert not wrong, wrong


@pytest.fixture
def demo(store: Path, trained_bundle: Path) -> Settings:
    return Settings(
        database_url=f"sqlite:///{store}",
        bundle_folder=trained_bundle,
        serve_unpassed=True,
        dev_auth=True,
        log_level="ERROR",
    )


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_person_is_read_a_decision_recorded_and_found_again_after_a_restart(
    demo: Settings,
    browser: Browser,
    someone: str,
    scripts: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    with running(demo) as address, signed_in(browser, address, scripts=scripts) as page:
        page.get_by_label("Find a person by CRN").fill(someone)
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=someone).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Suggestions for {someone}")
        assert page.locator("input[type=radio]:checked").count() == 0
        assert page.locator("article.signpost-card").first.get_by_text("Why it is listed").is_visible()
        text = page.inner_text("main").lower()
        assert not [word for word in NEVER if word in text]
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose what you have decided")
        page.get_by_label("No intervention for now").check()
        page.get_by_role("button", name="Continue").click()
        assert page.locator("input[type=radio]:checked").count() == 0
        page.get_by_role("button", name="Record this decision").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose the main reason")
        page.get_by_label("Health, housing or safety").check()
        page.get_by_label("Anything to add?").fill("First a place to live. <b>Then</b> this.")
        page.get_by_role("button", name="Record this decision").click()
        expect(page.get_by_text("Your decision was recorded")).to_be_visible()
        assert "<b>Then</b>" in page.inner_text("main")
    with running(demo) as address, signed_in(browser, address, scripts=scripts) as page:
        page.goto(f"{address}/referrals/{someone}")
        record = page.locator(".signpost-record")
        expect(record).to_contain_text("No intervention for now")
        expect(record).to_contain_text("Health, housing or safety has to be settled first")
        expect(record).to_contain_text("First a place to live.")


@pytest.mark.browser
def test_a_challenge_gets_a_reference_and_stands_in_the_account(
    demo: Settings, browser: Browser, someone: str
) -> None:
    with running(demo) as address, signed_in(browser, address) as page:
        page.goto(f"{address}/referrals/{someone}")
        page.get_by_role("link", name="Ask for this to be looked at again").click()
        page.get_by_role("button", name="Send the request").click()
        expect(page.get_by_role("alert")).to_contain_text("Say what should be looked at")
        page.get_by_label("What should be looked at?").fill("The job is new and not in the record.")
        page.get_by_role("button", name="Send the request").click()
        expect(page.get_by_text("Its reference is SP-")).to_be_visible()
        page.get_by_role("link", name="Read the plain account").click()
        expect(page.get_by_text("The job is new and not in the record.")).to_be_visible()


@pytest.mark.browser
def test_pages_fit_a_narrow_screen(demo: Settings, browser: Browser, someone: str) -> None:
    with running(demo) as address, signed_in(browser, address) as page:
        page.set_viewport_size({"width": 320, "height": 900})
        for path in ("", someone, f"{someone}/account", "?crn=Q999999"):
            page.goto(f"{address}/referrals/{path}", wait_until="networkidle")
            page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
            assert violations(page) == [], path


@pytest.mark.browser
def test_axe_finds_nothing_on_any_screen(demo: Settings, browser: Browser, someone: str) -> None:
    """Every screen as a practitioner meets it on the way from signing in to an account, mistakes included."""
    with running(demo) as address:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        found: dict[str, list[str]] = {}

        def look(screen: str) -> None:
            page.wait_for_load_state("networkidle")
            page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            assert page.locator("h1").count() == 1, screen
            found[screen] = violations(page)

        page.goto(f"{address}/sign-in")
        look("sign in")
        page.get_by_label("Practitioner").select_option("DEMO_USER")
        page.get_by_role("button", name="Sign in").click()
        look("people")
        page.goto(f"{address}/referrals/?crn=Q999999")
        look("people: nobody found")
        page.goto(f"{address}/referrals/{someone}")
        look("suggestions")
        page.get_by_role("button", name="Continue").click()
        look("suggestions: nothing chosen")
        page.locator("article.signpost-card input[type=radio], input[type=radio]").first.check()
        page.get_by_role("button", name="Continue").click()
        look("decision")
        page.get_by_role("button", name="Record this decision").click()
        look("decision: no reason")
        page.locator("input[type=radio]").first.check()
        page.get_by_role("button", name="Record this decision").click()
        look("suggestions: decided")
        page.get_by_role("link", name="Ask for this to be looked at again").click()
        look("look again")
        page.get_by_role("button", name="Send the request").click()
        look("look again: nothing said")
        page.get_by_label("What should be looked at?").fill("The job is new.")
        page.get_by_role("button", name="Send the request").click()
        look("look again: sent")
        page.goto(f"{address}/referrals/{someone}/account")
        look("account")
        page.goto(f"{address}/referrals/Z999999")
        look("nobody of this number")
        page.goto(f"{address}/referrals/{someone}")
        page.evaluate("document.querySelector('html').removeAttribute('lang')")
        assert [
            each for each in violations(page) if each.startswith("html-has-lang")
        ]  # it can find something
        context.close()
    assert {screen: faults for screen, faults in found.items() if faults} == {}


def test_every_string_is_used_and_every_string_wanted_is_there() -> None:
    import re

    from serving.screens.messages import messages

    folder = Path(__file__).parents[2] / "serving" / "screens"
    sources = "\n".join(file.read_text() for file in [*folder.glob("*.py"), *folder.glob("templates/*.html")])
    wanted = set(re.findall(r"""(?:say|sayer\(\))\(\s*f?['"]([a-z_]+\.[a-zA-Z_]+)['"]""", sources))
    wanted |= set(re.findall(r"""['"]([a-z_]+\.[a-zA-Z_]+)['"]""", sources)) & set(messages("en"))
    dynamic = {
        "status",
        "advice",
        "support",
        "support_words",
        "type",
        "rule",
        "format",
        "sentence",
        "record",
        "outcome",
        "rest",
    }
    fixed = {key for key in messages("en") if key.split(".")[0] not in dynamic}
    assert wanted - set(messages("en")) == set()
    assert fixed - wanted == set()


def test_no_string_says_what_is_never_shown() -> None:
    from serving.screens.messages import messages

    said = "\n".join(messages("en").values()).lower()
    assert not [word for word in NEVER if word in said]
