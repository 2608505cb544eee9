"""What is in the report, before it is HTML: sections of text, tables and charts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from pages import PageTable

SYNTHETIC = "The people in this report are synthetic."


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `kind` "warning" is set apart."""

    words: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pointers:
    """A list of sentences, each with the same link to the place in the report that says more."""

    items: Sequence[str]
    anchor: str
    link: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the table that holds the same numbers."""

    title: str
    drawing: Markup
    table: PageTable


@dataclass(frozen=True, slots=True)
class Folded:
    """Detail that opens under a summary line; print shows it in full."""

    summary: str
    blocks: Sequence["Block"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    words: str
    level: int = 3


Block = Text | Bullets | Pointers | PageTable | Chart | Folded | Heading


@dataclass(frozen=True, slots=True)
class ReportSection:
    """One numbered section."""

    number: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)

    @property
    def anchor(self) -> str:
        """Where links to the section lead."""
        return f"section-{self.number.lower()}"


@dataclass(frozen=True, slots=True)
class Part:
    """A few blocks under a title: what the first screen is made of."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class EqualityReport:
    """The whole report.

    `first` is the executive page of one screen; `notice` stands on it before everything else, `legend`
    explains cells without a number.
    """

    title: str
    subtitle: str
    verdict: str
    verdict_words: str
    sections: Sequence[ReportSection]
    legend: str
    notice: str = ""
    first: Sequence[Part] = ()
