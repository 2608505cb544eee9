"""What does axe find on a page? One way to ask it, for every room whose pages people read in a browser."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
CHECKED = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page, *, without: tuple[str, ...] = (), only: str | None = None) -> list[str]:
    """Give axe's violations on the page as it stands, a rule with the beginning of its first element each."""
    options = {
        "resultTypes": ["violations"],
        "runOnly": {"type": "rule", "values": [only]} if only else {"type": "tag", "values": CHECKED},
        "rules": {name: {"enabled": False} for name in without},
    }
    found = Axe().run(page, options=options)
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found.response["violations"]]
