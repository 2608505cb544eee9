"""Which group does each person belong to, for each characteristic that is audited?

Reads `characteristics.yaml` and turns the contract's codes into groups with plain names. Not
recorded and prefer-not-to-say stay groups of their own. This module and what builds on it are the
only readers of the `protected` table; scoring never sees any of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from catalogue.errors import UsageError
from fairness.cube import NOT_RECORDED

PREFER_NOT_TO_SAY = "Prefer not to say"
AND = "; "
"""Between the levels of an intersection."""
APART = frozenset({NOT_RECORDED, PREFER_NOT_TO_SAY})
"""Groups that are shown and never compared: they are about recording, not about people alike."""


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One characteristic: where it is recorded, what its groups are called, whom they are compared with."""

    name: str
    title: str
    reference: str
    duty: str = "none"
    source: str = ""
    required: bool = False
    levels: Mapping[str, str] = field(default_factory=dict)
    bands: Mapping[int, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    detail_of: str | None = None
    parts: tuple[str, ...] = ()

    def key(self, level: str) -> dict[str, str]:
        """The group of one level: of an intersection, one level of each part."""
        if not self.parts:
            return {self.name: level}
        return dict(zip(self.parts, level.split(AND), strict=True))

    @property
    def protected(self) -> bool:
        """Whether it is one of the nine of the Equality Act 2010."""
        return self.duty != "none"

    @property
    def order(self) -> tuple[str, ...]:
        """Groups in the order of the definition, each once."""
        return tuple(dict.fromkeys([*self.levels.values(), *self.bands.values()]))


NINE = (
    "age",
    "disability",
    "gender reassignment",
    "marriage and civil partnership",
    "pregnancy and maternity",
    "race",
    "religion or belief",
    "sex",
    "sexual orientation",
)


@dataclass(frozen=True, slots=True)
class Definitions:
    """The file `characteristics.yaml`, read and checked."""

    characteristics: tuple[Characteristic, ...]
    prefer_not_to_say: frozenset[str]
    ethnicity_codes: Mapping[str, str]

    def by_name(self, name: str) -> Characteristic:
        """The characteristic of that name."""
        for each in self.characteristics:
            if each.name == name:
                return each
        raise UsageError(f'There is no characteristic "{name}" in characteristics.yaml.')


@cache
def definitions() -> Definitions:
    """What the project audits. Raises `UsageError` where the file says something unknown."""
    return parse(yaml.safe_load((Path(__file__).parent / "characteristics.yaml").read_text(encoding="utf-8")))


def parse(document: Mapping[str, Any]) -> Definitions:
    """Check a definitions document key by key."""
    unknown = set(document) - {"prefer_not_to_say", "characteristics", "ethnicity_codes"}
    if unknown:
        raise UsageError(f'characteristics.yaml has an unknown key "{min(unknown)}".')
    allowed = {each.name for each in Characteristic.__dataclass_fields__.values()}
    made = []
    for entry in document["characteristics"]:
        extra = set(entry) - allowed
        if extra:
            raise UsageError(
                f'characteristics.yaml: "{entry.get("name")}" has an unknown key "{min(extra)}".'
            )
        made.append(Characteristic(**entry))
    result = Definitions(
        tuple(made), frozenset(document["prefer_not_to_say"]), dict(document["ethnicity_codes"])
    )
    absent = set(NINE) - {each.duty for each in made}
    if absent:
        raise UsageError(f'characteristics.yaml leaves out a characteristic of the Act: "{min(absent)}".')
    return result


def intersection(parts: Sequence[Characteristic]) -> Characteristic:
    """Several characteristics at once: women who are Asian, held against men who are White."""
    return Characteristic(
        name=" by ".join(each.name for each in parts),
        title=" and ".join(each.title.split(" (")[0].lower() for each in parts).capitalize(),
        reference=AND.join(each.reference for each in parts),
        parts=tuple(each.name for each in parts),
    )


def with_intersection(frame: pl.DataFrame, crossed: Characteristic) -> pl.DataFrame:
    """The frame with the column of an intersection; null where any part is not recorded or declined."""
    apart = pl.any_horizontal(
        pl.col(name).is_in(list(APART)) | pl.col(name).is_null() for name in crossed.parts
    )
    joined = pl.concat_str(list(crossed.parts), separator=AND)
    return frame.with_columns(pl.when(~apart).then(joined).alias(crossed.name))


def groups(
    points: pl.DataFrame, people: pl.LazyFrame, protected: pl.LazyFrame, *, spec: Definitions | None = None
) -> pl.DataFrame:
    """The group of each row of `points` [crn, as_of] in every characteristic, one text column each.

    Same rows, same order. The latest record of a person counts; age is in whole years at `as_of`.
    """
    spec = spec or definitions()
    sources = {"people": people, "protected": protected}
    columns: dict[str, list[str]] = {"people": [], "protected": []}
    for each in spec.characteristics:
        table, column = each.source.split(".")
        if column not in columns[table]:
            columns[table].append(column)
    rows = points.lazy().select("crn", "as_of").with_row_index("_row")
    for table, wanted in columns.items():
        latest = (
            sources[table].select("crn", "known_on", *wanted).sort("crn", "known_on").group_by("crn").last()
        )
        rows = rows.join(latest.drop("known_on").unique("crn"), on="crn", how="left")
    found = rows.sort("_row").collect()
    made = found.select(
        "crn", "as_of", *(_group_of(each, spec).alias(each.name) for each in spec.characteristics)
    )
    for each in spec.characteristics:
        for other, level in each.only.items():
            made = made.with_columns(
                pl.when(pl.col(other) == level).then(pl.col(each.name)).otherwise(None).alias(each.name)
            )
    return made


def _group_of(each: Characteristic, spec: Definitions) -> pl.Expr:
    column = each.source.split(".")[1]
    if each.bands:
        return _age_band(each, column)
    code = pl.col(column).cast(pl.String)
    if column == "ethnicity":
        detail = _named(code, spec.ethnicity_codes, spec)
        if each.detail_of is not None:
            return detail
        return _named(detail, each.levels, spec)
    return _named(code, each.levels, spec)


def _named(code: pl.Expr, names: Mapping[str, str], spec: Definitions) -> pl.Expr:
    own = code.str.replace_all("_", " ").str.to_lowercase()
    readable = pl.concat_str(own.str.slice(0, 1).str.to_uppercase(), own.str.slice(1))
    declined = dict.fromkeys([*spec.prefer_not_to_say, PREFER_NOT_TO_SAY], PREFER_NOT_TO_SAY)
    apart = {**declined, NOT_RECORDED: NOT_RECORDED}
    return (
        pl.when(code.is_null())
        .then(pl.lit(NOT_RECORDED))
        .otherwise(code.replace_strict({**names, **apart}, default=readable, return_dtype=pl.String))
    )


def _age_band(each: Characteristic, column: str) -> pl.Expr:
    born, today = pl.col(column), pl.col("as_of")
    before_birthday = (today.dt.month() * 100 + today.dt.day()) < (born.dt.month() * 100 + born.dt.day())
    years = today.dt.year() - born.dt.year() - before_birthday.cast(pl.Int32)
    band = pl.lit(NOT_RECORDED)
    for start in sorted(each.bands):
        band = pl.when(years >= start).then(pl.lit(each.bands[start])).otherwise(band)
    return pl.when(years.is_null()).then(pl.lit(NOT_RECORDED)).otherwise(band)
