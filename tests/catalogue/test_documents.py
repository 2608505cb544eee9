"""One sentence for each mistake in a file that people keep by hand: the place, what is wrong, what to do."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from catalogue.documents import Day, Number, Section, Text, Whole, Wrong, YesNo, read_model, read_yaml
from catalogue.errors import MissingSourceError, UsageError


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class Rule(Section):
    code: Text
    first: Whole = Field(alias="from", default=1)
    last: Whole = Field(alias="to", default=1)
    source: Text | None = "LAW"

    @model_validator(mode="after")
    def _rises(self) -> "Rule":
        if self.last < self.first:
            raise ValueError("ends before it begins; swap 'from' and 'to'.")
        if self.source is None:
            raise Wrong(MissingSourceError, "cites no source; add one.")
        return self


class Policy(Section):
    name: Text
    share: Annotated[Number, Field(gt=0, le=1)] = 0.5
    signed: Day | None = None
    colour: Colour = Colour.RED
    kind: Literal["OPEN", "SHUT"] = "OPEN"
    on: YesNo = True
    rules: tuple[Rule, ...] = ()
    notes: tuple[Text, ...] = ()


def test_a_right_document_is_read() -> None:
    found = read_model(Policy, {"name": "a", "rules": [{"code": "X", "from": 2, "to": 3}]}, place="p.yaml")
    assert (found.rules[0].first, found.rules[0].last, found.share) == (2, 3, 0.5)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            {"name": "a", "shares": 1},
            "p.yaml holds the unknown key 'shares'; the keys are colour, kind, name, notes, on, rules, share, signed.",
        ),
        ({}, "p.yaml lacks 'name'; add it."),
        (3, "p.yaml holds something else than keys and values; correct its indentation."),
        ({"name": ""}, "p.yaml, name holds no text where one belongs; write one."),
        ({"name": 3}, "p.yaml, name holds no text where one belongs; write one."),
        ({"name": "a", "share": True}, "p.yaml, share holds no number where one belongs; write one."),
        ({"name": "a", "share": float("nan")}, "p.yaml, share holds no number where one belongs; write one."),
        ({"name": "a", "share": 0}, "p.yaml, share is not above 0; correct it."),
        ({"name": "a", "share": 2}, "p.yaml, share is above 1; correct it."),
        (
            {"name": "a", "signed": "soon"},
            "p.yaml, signed holds no date where one belongs; write it as 2021-06-26.",
        ),
        (
            {"name": "a", "signed": "2021-06-26"},
            "p.yaml, signed holds no date where one belongs; write it without quotes as 2021-06-26.",
        ),
        ({"name": "a", "colour": "PINK"}, "p.yaml, colour holds 'PINK'; use one of RED, BLUE."),
        ({"name": "a", "kind": ["OPEN"]}, "p.yaml, kind holds something else; use one of OPEN, SHUT."),
        (
            {"name": "a", "on": "yes"},
            "p.yaml, on holds neither true nor false where one belongs; write one.",
        ),
        (
            {"name": "a", "notes": "b"},
            "p.yaml, notes holds something else than a list; write it in brackets or with dashes.",
        ),
        (
            {"name": "a", "notes": ["b", None]},
            "p.yaml, notes, item 2 holds no text where one belongs; write one.",
        ),
        (
            {"name": "a", "rules": [{"code": "X"}, {"code": "Y", "fro": 3}]},
            "p.yaml, rule 2 (Y) holds the unknown key 'fro'; the keys are code, from, source, to.",
        ),
        (
            {"name": "a", "rules": [{"code": "X", "from": "3"}]},
            "p.yaml, rule 1 (X), from holds no whole number where one belongs; write one.",
        ),
        (
            {"name": "a", "rules": [{"code": "X", "from": 3, "to": 2}]},
            "p.yaml, rule 1 (X) ends before it begins; swap 'from' and 'to'.",
        ),
    ],
)
def test_a_mistake_gets_one_sentence_with_its_place(document: object, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_model(Policy, document, place="p.yaml", nouns={"rules": "rule"})
    assert str(raised.value) == sentence


def test_a_validator_may_say_which_class_of_error_it_means() -> None:
    with pytest.raises(MissingSourceError, match=r"^p, rules, item 1 \(X\) cites no source; add one\.$"):
        read_model(Policy, {"name": "a", "rules": [{"code": "X", "source": None}]}, place="p")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [\n", "The policy 'p.yaml' is not readable YAML, line 2; correct it."),
        (b"a: 1\nb: 2\na: 3", "The policy 'p.yaml' is not readable YAML, line 3 (a key stands twice: 'a')"),
        (b"a: \xff", "The policy 'p.yaml' is not readable YAML; correct it."),
        (b"a: 2021-13-45", "The policy 'p.yaml' is not readable YAML; correct it."),
        (b"- a", "The policy 'p.yaml' must be a mapping of keys to values; correct it."),
        (None, "The policy 'p.yaml' cannot be opened as a file; check that it is there and is a file."),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "p.yaml").write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read_yaml(tmp_path / "p.yaml", thing="The policy")
    assert str(raised.value).startswith(sentence)


def test_an_empty_file_holds_no_keys(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("# nothing yet\n")
    assert read_yaml(tmp_path / "p.yaml", thing="The policy") == {}
