"""Code, settings and pages refer only to pages and sources that the repository holds."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.prose import ROOT

KINDS: Final = {".py", ".md", ".toml", ".yaml"}
NOT_OURS: Final = {"build", "dist", "node_modules"}
PAGE: Final = re.compile(r"(?<![\w/.-])docs/[\w./-]*\w\.md\b")
RECORD: Final = re.compile(r"(?<![\w/.-])docs/decisions/(\d{4})\b")
# Notes that were used to write the project and were never part of it.
NEVER_HERE: Final = re.compile(
    r"(?<![\w-])(?:modelling|interfaces|data-contract|product)\.md\b|\.\./shared\b"
)
# Files of facts are in `features/facts/`; a bare `facts/` leads nowhere.
BARE_FACTS: Final = re.compile(r"(?<![\w/])facts/[\w.-]+")


def texts() -> dict[str, str]:
    """The text of every file that can refer to a page, by its path from the root."""
    here = Path(__file__).parent
    found = [path for path in ROOT.iterdir() if path.suffix in KINDS]
    for room in ROOT.iterdir():
        if room.is_dir() and not room.name.startswith(".") and room.name not in NOT_OURS:
            found += [path for path in room.rglob("*") if path.suffix in KINDS and path.parent != here]
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in sorted(found)
        if path.is_file() and NOT_OURS.isdisjoint(path.relative_to(ROOT).parts)
    }


def lost_pages(text: str) -> list[str]:
    """Pages and decision records under `docs/` that the text names and the repository does not hold."""
    pages = [page for page in PAGE.findall(text) if not (ROOT / page).is_file()]
    records = [
        number
        for number in RECORD.findall(text)
        if not any((ROOT / "docs" / "decisions").glob(f"{number}-*.md"))
    ]
    return pages + records


def test_every_page_named_exists() -> None:
    lost = {place: found for place, text in texts().items() if (found := lost_pages(text))}
    assert lost == {}


def test_names_of_files_that_were_never_here_do_not_come_back() -> None:
    named = {place: found for place, text in texts().items() if (found := NEVER_HERE.findall(text))}
    assert named == {}


def test_code_does_not_name_facts_without_their_folder() -> None:
    code = {
        place: text
        for place, text in texts().items()
        if place.endswith(".py") and not place.startswith("tests/")
    }
    assert "features/predictors.py" in code
    assert {place: found for place, text in code.items() if (found := BARE_FACTS.findall(text))} == {}


@pytest.mark.parametrize("text", ["see docs/no-such-page.md", "`docs/decisions/9999`"])
def test_a_page_that_is_not_there_is_found(text: str) -> None:
    assert lost_pages(text)


def test_a_page_that_is_there_is_not_reported() -> None:
    assert lost_pages("see docs/sources.md and docs/decisions/0200-as-it-was-known.md") == []
    assert BARE_FACTS.findall("features/facts/ogrs3-parameters.json") == []
    assert NEVER_HERE.findall("(modelling.md, the scorecard)") == ["modelling.md"]
