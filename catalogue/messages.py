"""The sentences shown for a rule: read from a message file, so that another language is another file."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Final

from pydantic import ValidationInfo, field_validator

from catalogue.documents import Section, Text, read_model, read_yaml
from catalogue.errors import UsageError

NAMED_AT_MOST: Final = 3
# Sentences that name more than one thing stay below this grade; the tests hold every sentence to grade 9.
EASY_GRADE: Final = 8.5
FOLDER: Final = Path(__file__).parent / "messages"


class Sentences(Section):
    """What is said about a rule when it is met, not met or unknown, what would make it hold, and the rule by itself.

    A file may leave out ``unknown`` where the sentence that it gives for all rules will do.
    """

    met: Text
    not_met: Text
    unknown: Text = ""
    nearly: Text | None = None
    rule: Text | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every sentence there is."""
        return tuple(
            each
            for each in (self.rule, self.met, self.not_met, self.unknown, self.nearly)
            if each is not None
        )


class Messages(Section):
    """The sentences of a language by code, for rules and for feasibility, and its plain phrases by key.

    ``unknown`` is said about any rule that cannot be decided and has no sentence of its own for that.
    """

    unknown: Text
    rules: Mapping[Text, Sentences]
    feasibility: Mapping[Text, Sentences]
    phrases: Mapping[Text, Text]

    @field_validator("rules", "feasibility")
    @classmethod
    def _each_says_what_is_unknown(
        cls, entries: Mapping[str, Sentences], info: ValidationInfo
    ) -> Mapping[str, Sentences]:
        unknown = info.data.get("unknown", "")
        return MappingProxyType(
            {
                code: each if each.unknown else each.model_copy(update={"unknown": unknown})
                for code, each in entries.items()
            }
        )

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
    """Which sentences does a language have? ``UsageError`` if its file is not there or cannot be used."""
    path = FOLDER / f"{language}.yaml"
    if not path.is_file():
        raise UsageError(
            f"There is no message file for '{language}'; add catalogue/messages/{language}.yaml."
        )
    return read_model(Messages, read_yaml(path, thing="The message file"), place=path.name)


@lru_cache(maxsize=16_384)
def naming(template: str, place: str, labels: tuple[str, ...]) -> str:
    """`Messages.naming` in the default language, remembered: the same few lists are named for one person after another."""
    return load().naming(template, **{place: labels})


def placeholders(sentence: str) -> frozenset[str]:
    """Which values does a sentence want?"""
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


def grade(sentence: str) -> float:
    """At which school grade is one sentence read? The automated readability index, a sum of word and sentence length.

    Source: E. A. Smith and R. J. Senter, Automated Readability Index, 1967.
    """
    words = len(sentence.split())
    return 4.71 * (len(sentence) - sentence.count(" ")) / words + 0.5 * words - 21.43
