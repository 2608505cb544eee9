"""The sentences shown for a rule: read from a message file, so that another language is another file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Final

import yaml

from catalogue.errors import UsageError

NAMED_AT_MOST: Final = 3
# Sentences that name more than one thing stay below this grade; the tests hold every sentence to grade 9.
EASY_GRADE: Final = 8.5
FOLDER: Final = Path(__file__).parent / "messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """What is said of a rule when it is met, not met or unknown, what would make it hold, and the rule by itself."""

    met: str
    not_met: str
    unknown: str
    nearly: str | None = None
    rule: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every sentence there is."""
        return tuple(
            each
            for each in (self.rule, self.met, self.not_met, self.unknown, self.nearly)
            if each is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """The sentences of a language by code, for rules and for feasibility, and its plain phrases by key."""

    rules: Mapping[str, Sentences]
    feasibility: Mapping[str, Sentences]
    phrases: Mapping[str, str]

    def phrase(self, key: str, **values: str | float) -> str:
        """Which phrase stands under ``key``, with these values filled in? ``UsageError`` if there is none."""
        if key not in self.phrases:
            raise UsageError(f"The message file has no phrase '{key}'; add it under 'phrases'.")
        return self.phrases[key].format(**values)

    def naming(self, template: str, **lists: Sequence[str]) -> str:
        """The sentence that names a list: up to three of it by name while it stays easy to read, the rest by number."""
        ((place, labels),) = lists.items()
        most = min(len(labels), NAMED_AT_MOST)
        sentences = [
            template.format(**{place: self._joined(labels, named)}) for named in range(max(most, 1), 0, -1)
        ]
        return next((each for each in sentences if grade(each) <= EASY_GRADE), sentences[-1])

    def _joined(self, labels: Sequence[str], named: int) -> str:
        words = list(labels[:named])
        others = len(labels) - named
        if others > 0:
            words.append(self.phrase("others" if others > 1 else "another", count=others))
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {self.phrase('and')} {words[-1]}"


@lru_cache(maxsize=4)
def load(language: str = "en") -> Messages:
    """Which sentences does a language have? ``UsageError`` if its file is not there or lacks a sentence."""
    path = FOLDER / f"{language}.yaml"
    if not path.is_file():
        raise UsageError(
            f"There is no message file for '{language}'; add catalogue/messages/{language}.yaml."
        )
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    unknown = document["unknown"]
    return Messages(
        rules=_sentences(document["rules"], unknown),
        feasibility=_sentences(document["feasibility"], unknown),
        phrases=MappingProxyType(document["phrases"]),
    )


@lru_cache(maxsize=16_384)
def naming(template: str, place: str, labels: tuple[str, ...]) -> str:
    """`Messages.naming` in the default language, remembered: the same few lists are named for one person after another."""
    return load().naming(template, **{place: labels})


def _sentences(entries: Mapping[str, Mapping[str, str]], unknown: str) -> Mapping[str, Sentences]:
    return MappingProxyType(
        {
            code: Sentences(
                met=entry["met"],
                not_met=entry["not_met"],
                unknown=entry.get("unknown", unknown),
                nearly=entry.get("nearly"),
                rule=entry.get("rule"),
            )
            for code, entry in entries.items()
        }
    )


def placeholders(sentence: str) -> frozenset[str]:
    """Which values does a sentence want?"""
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


def grade(sentence: str) -> float:
    """At which school grade is one sentence read? The automated readability index, a sum of word and sentence length.

    Source: E. A. Smith and R. J. Senter, Automated Readability Index, 1967.
    """
    words = len(sentence.split())
    return 4.71 * (len(sentence) - sentence.count(" ")) / words + 0.5 * words - 21.43
