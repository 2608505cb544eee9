"""What the project's rules, thresholds and formulae rest on, with licence and use."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

FILE: Final = Path(__file__).parent / "sources.yaml"
DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "sources.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source: its key in rules, title, publisher, licence, and what it was used for."""

    key: str
    title: str
    publisher: str
    licence: str
    used_for: str


@lru_cache(maxsize=1)
def load() -> Mapping[str, Source]:
    """Which sources are there, by key?"""
    document = yaml.load(FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return MappingProxyType({key: Source(key=key, **entry) for key, entry in document.items()})


def key_of(citation: str) -> str:
    """Which source does a citation such as ``OPERATING_MODEL: part two`` name?"""
    return citation.split(":", 1)[0]


def as_markdown() -> str:
    """The sources as a page for readers."""
    lines = [
        "# Sources",
        "",
        "Every source behind rules, thresholds and formulae, its licence, and what it was used for. Rules of the catalogue",
        "cite them by the key in the first column. This page is made by `python -m catalogue.sources`.",
        "",
        "| key | source | publisher | licence | used for |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{each.key}` | {each.title} | {each.publisher} | {each.licence} | {each.used_for} |"
        for each in load().values()
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
