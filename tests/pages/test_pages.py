"""Pages from templates: HTML is escaped, Markdown is not, and a name that nobody gave is an error."""

import pytest
from jinja2 import UndefinedError

import pages
from pages import PageTable, figure
from pages.environment import environment


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "not defined"), (True, "yes"), (False, "no"), (12345, "12,345"), (0.123456, "0.1235"), (0.0, "0"),
        ("a|b", "a/b"), ([1, 2.5], "1, 2.5"), ({"b": 1, "a": None}, "a not defined, b 1"),
    ],
)  # fmt: skip
def test_a_value_is_said_as_a_reader_wants_it(value: object, said: str) -> None:
    assert figure(value) == said


def test_html_is_escaped_and_markdown_is_not() -> None:
    made = environment("pages")
    table = PageTable("A & B", ("Name", "Share"), [("<x>", "1")], frozenset({1}))
    html = made.from_string('{% from "parts.html.j2" import table %}{{ table(t) }}').render(t=table)
    assert "&lt;x&gt;" in html
    assert 'aria-label="A &amp; B"' in html
    assert '<th scope="row">&lt;x&gt;</th><td class="n">1</td>' in html
    text = made.from_string('{% from "parts.md.j2" import table %}{{ table(("a", "b"), rows) }}').render(
        rows=[("<x>", None), ("y", 0.5)]
    )
    assert text == "| a | b |\n|---|---|\n| <x> | not defined |\n| y | 0.5 |"


def test_a_value_that_nobody_gave_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="title"):
        pages.render("pages", "page.html.j2")


def test_a_page_stands_alone() -> None:
    page = pages.render("pages", "page.html.j2", title="Mind <this>")
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert "<title>Mind &lt;this&gt;</title>" in page
    assert "svg.chart" in page
    assert "<script" not in page
    assert "<link" not in page
