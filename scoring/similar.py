"""What happened to people with similar records who were referred to this intervention.

A description of the past, not an effect: the people were chosen for what they are, and would
have fared differently anyway. It is read from counts that training wrote, with the small ones
already taken out, and never from single records.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from catalogue.errors import UsageError

SCHEMA: Final = "signpost.similar/1"
LABEL: Final = "DESCRIPTION_NOT_EFFECT"
NOT_RECORDED: Final = "not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarBand:
    """How one feature is cut for telling who is similar: by ascending `edges`, or by its `values`.

    A number on an edge belongs to the band above it. What is not recorded is a band of its own.
    """

    name: str
    edges: tuple[float, ...] | None
    values: tuple[str, ...] | None

    def __post_init__(self) -> None:
        """Hold edges against values: exactly one of them."""
        if (self.edges is None) == (self.values is None):
            raise UsageError(f"The band of {self.name} must have either edges or values.")

    def place(self, value: object) -> int:
        """The band of a value; -1 where it is not recorded, or not one of `values`."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return -1
        if self.values is not None:
            return self.values.index(str(value)) if str(value) in self.values else -1
        if not isinstance(value, int | float):
            raise UsageError(f"The band of {self.name} wants a number or nothing; it was given another kind.")
        return sum(value >= edge for edge in self.edges or ())

    def words(self, place: int) -> str:
        """The band in words: "2 to under 5", "under 2", "HIGH"."""
        if place < 0:
            return NOT_RECORDED
        if self.values is not None:
            return self.values[place]
        edges = [f"{edge:g}" for edge in self.edges or ()]
        if not edges:
            return "recorded"
        if place == 0:
            return f"under {edges[0]}"
        return (
            f"{edges[-1]} or more" if place == len(edges) else f"{edges[place - 1]} to under {edges[place]}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPeople:
    """Outcomes of past people like this one after one intervention; a description, not an effect.

    `people` counts each person once, `share` is the share with the outcome, `lower` and `upper` its
    Clopper-Pearson interval at `level`; `alike` says in words in what they were alike (empty: all
    who were referred); `rung` is 0 for the closest group that could be shown.
    """

    intervention_id: str
    people: int
    share: float
    lower: float
    upper: float
    level: float
    rung: int
    alike: Mapping[str, str]
    label: str = LABEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group that may be shown: how many people, and the share with its interval."""

    people: int
    share: float
    lower: float
    upper: float


class Similar:
    """The ladder of groups: from the closest likeness to everybody referred."""

    def __init__(
        self,
        *,
        outcome: str,
        level: float,
        least: int,
        width: float,
        bands: Sequence[SimilarBand],
        ladder: Sequence[tuple[str, ...]],
        groups: Mapping[str, Sequence[Mapping[tuple[int, ...], Group]]],
    ) -> None:
        self.outcome = outcome
        self.level = level
        self.least = least
        self.width = width
        self.bands = {band.name: band for band in bands}
        self.ladder = tuple(ladder)
        self.groups = dict(groups)
        self._said: dict[tuple[str, int, tuple[int, ...]], SimilarPeople] = {}
        for rung in self.ladder:
            for name in rung:
                if name not in self.bands:
                    raise UsageError(f"The ladder of similar people names {name}, which has no bands.")
        for intervention, rungs in self.groups.items():
            if len(rungs) != len(self.ladder):
                raise UsageError(f"The groups of {intervention} do not fit the ladder of similar people.")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features that a row must have."""
        return tuple(self.bands)

    def lookup(self, row: Mapping[str, object], intervention: str) -> SimilarPeople | None:
        """The closest group whose interval is narrow enough; failing that, the largest that may be shown.

        None where no group has enough people, or none was ever referred.
        """
        return self.lookup_at(self.places(row), intervention)

    def places(self, row: Mapping[str, object]) -> dict[str, int]:
        """In which band of each feature is this person?"""
        return {name: band.place(self._value(row, name)) for name, band in self.bands.items()}

    def lookup_at(self, places: Mapping[str, int], intervention: str) -> SimilarPeople | None:
        """The same as `lookup` for a person whose bands are known."""
        rungs = self.groups.get(intervention)
        if rungs is None:
            return None
        widest: SimilarPeople | None = None
        for number, (names, groups) in enumerate(zip(self.ladder, rungs, strict=True)):
            key = tuple([places[name] for name in names])
            group = groups.get(key)
            if group is None:
                continue
            widest = self._said.get((intervention, number, key))
            if widest is None:
                widest = self._said[intervention, number, key] = SimilarPeople(
                    intervention_id=intervention,
                    people=group.people,
                    share=group.share,
                    lower=group.lower,
                    upper=group.upper,
                    level=self.level,
                    rung=number,
                    alike={name: self.bands[name].words(places[name]) for name in names},
                )
            if group.upper - group.lower <= self.width:
                return widest
        return widest

    @staticmethod
    def _value(row: Mapping[str, object], name: str) -> object:
        if name not in row:
            raise UsageError(f"The row lacks the feature {name}, by which similar people are found; add it.")
        return row[name]

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read similar.json; UsageError if it is not one of this schema."""
        if document.get("schema") != SCHEMA:
            raise UsageError(
                f"The table of similar people is not of the schema {SCHEMA}; train the bundle again."
            )
        bands = [
            SimilarBand(
                name=band["name"],
                edges=None if band.get("edges") is None else tuple(band["edges"]),
                values=None if band.get("values") is None else tuple(band["values"]),
            )
            for band in document["bands"]
        ]
        groups = {
            intervention: [
                {
                    tuple(group["key"]): Group(
                        people=group["people"],
                        share=group["share"],
                        lower=group["lower"],
                        upper=group["upper"],
                    )
                    for group in rung
                }
                for rung in rungs
            ]
            for intervention, rungs in document["groups"].items()
        }
        return cls(
            outcome=document["outcome"],
            level=document["level"],
            least=document["least"],
            width=document["width"],
            bands=bands,
            ladder=[tuple(rung) for rung in document["ladder"]],
            groups=groups,
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of similar.json."""
        return {
            "schema": SCHEMA,
            "label": LABEL,
            "outcome": self.outcome,
            "level": self.level,
            "least": self.least,
            "width": self.width,
            "bands": [
                {
                    "name": b.name,
                    **({"edges": list(b.edges)} if b.edges is not None else {"values": list(b.values or ())}),
                }
                for b in self.bands.values()
            ],
            "ladder": [list(rung) for rung in self.ladder],
            "groups": {
                intervention: [
                    [
                        {
                            "key": list(key),
                            "people": g.people,
                            "share": g.share,
                            "lower": g.lower,
                            "upper": g.upper,
                        }
                        for key, g in sorted(rung.items())
                    ]
                    for rung in rungs
                ]
                for intervention, rungs in sorted(self.groups.items())
            },
        }

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the text of similar.json."""
        return cls.from_dict(json.loads(text))

    def to_json(self) -> str:
        """The text of similar.json: the same tables give the same bytes."""
        return json.dumps(self.to_dict(), sort_keys=True, allow_nan=False)
