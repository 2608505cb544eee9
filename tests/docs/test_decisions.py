"""Decision records are short, plain, and name only what exists."""

import re
from pathlib import Path

import pytest

from tests.docs.prose import ROOT, broken_links, mean_sentence, missing_paths, sentences, without_targets

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = ("Context", "Decision", "Consequences")
MOST_LINES, MOST_WORDS, WIDEST = 29, 18, 132

one_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)


def text_of(record: Path) -> str:
    return record.read_text(encoding="utf-8")


@one_record
def test_a_record_has_its_number_and_its_three_parts_in_order(record: Path) -> None:
    lines = text_of(record).splitlines()
    assert re.fullmatch(rf"# {record.name[:4]} · \S.*", lines[0])
    parts = [
        found[1] for line in lines if (found := re.match(r"\*\*(\w+)\.\*\*", line)) and found[1] in PARTS
    ]
    assert tuple(parts) == PARTS


@one_record
def test_a_record_is_short(record: Path) -> None:
    text = text_of(record)
    assert len(text.splitlines()) <= MOST_LINES
    # Long lines would hide a long record; a row of a table cannot be wrapped.
    lines = [line for line in without_targets(text).splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > WIDEST] == []
    assert 0 < mean_sentence(text) < MOST_WORDS


@one_record
def test_a_record_names_only_files_that_exist(record: Path) -> None:
    assert missing_paths(text_of(record)) == []
    assert broken_links(record) == []


def test_every_number_stands_once() -> None:
    numbers = [record.name[:4] for record in RECORDS]
    assert numbers, "no record found"
    assert len(set(numbers)) == len(numbers)


def test_the_list_names_every_record_with_its_title() -> None:
    listed = re.findall(r"^- \[(\d{4})\]\(([^)]+)\): (.+)$", text_of(FOLDER / "README.md"), re.MULTILINE)
    titles = {record.name: text_of(record).splitlines()[0].split(" · ", maxsplit=1)[1] for record in RECORDS}
    assert listed == [(name[:4], name, title) for name, title in titles.items()]
    assert broken_links(FOLDER / "README.md") == []
    assert missing_paths(text_of(FOLDER / "README.md")) == []


def test_the_checks_notice_what_they_are_for(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n\nTwo words. Here are four\nmore, `a b c`: see [six](six.md) and [one](#one).\n\n- An item\n- Next\n\n"
        "| not | counted |\n\n`catalogue/gone.py`, `gone.md`, `catalogue/criteria.py`, `bundle.json`, `5/7`, [x](#gone)\n",
        encoding="utf-8",
    )
    text = text_of(page)
    assert sentences(text)[:4] == [
        "Two words.",
        "Here are four more, code: see six and one.",
        "An item",
        "Next",
    ]
    assert mean_sentence("One two. One two three four.") == 3
    assert missing_paths(text) == ["catalogue/gone.py", "gone.md"]
    assert broken_links(page) == ["six.md", "#gone"]
