"""What the project's rules, thresholds and formulae rest on, with licence and use."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import RootModel

from catalogue.documents import Section, Text, read_model, read_yaml

FILE: Final = Path(__file__).parents[1] / "sources.yaml"
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "sources.md"


class Source(Section):
    """A source that rules cite by its key in sources.yaml, and what it was used for."""

    title: Text
    publisher: Text
    licence: Text
    used_for: Text


class SourcesFile(RootModel[Mapping[Text, Source]]):
    """The sources by key."""


@lru_cache(maxsize=1)
def load() -> Mapping[str, Source]:
    """Which sources are there, by key? ``UsageError`` names the place of what cannot be used."""
    document = read_yaml(FILE, thing="The list of sources")
    return MappingProxyType(dict(read_model(SourcesFile, document, place=FILE.name).root))


def key_of(citation: str) -> str:
    """Which source does a citation such as ``OPERATING_MODEL: part two`` name?"""
    return citation.split(":", 1)[0]


def as_markdown() -> str:
    """The sources as a page for readers."""
    lines = [
        "# Sources",
        "",
        "Every source behind rules, thresholds and formulae, its licence, and what it was used for. Rules of the catalogue",
        "cite them by the key in the first column. This page is made by `python -m catalogue.checking.sources`.",
        "",
        "| key | source | publisher | licence | used for |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{key}` | {each.title} | {each.publisher} | {each.licence} | {each.used_for} |"
        for key, each in load().items()
    ]
    lines += [
        "",
        "Contains public sector information licensed under the Open Government Licence v3.0:",
        "<https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/>.",
        "Of sources under the MIT licence, facts (names, thresholds, weights) were used and no code.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    DOCUMENT.write_text(as_markdown(), encoding="utf-8")
    sys.stdout.write(f"{DOCUMENT.name} written\n")
