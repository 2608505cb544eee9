"""Which group does each person belong to, for each characteristic that is audited?

Reads `characteristics.yaml` and turns the contract's codes into groups with plain names. Not
recorded and prefer-not-to-say stay groups of their own. This module and what builds on it are the
only readers of the `protected` table; scoring never sees any of it.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import polars as pl
from pydantic import Field, field_validator

from catalogue.documents import Section, read_model, read_yaml
from catalogue.errors import UsageError
from features.age import whole_years

NOT_RECORDED = "Not recorded"
PREFER_NOT_TO_SAY = "Prefer not to say"
AND = "; "
"""Between the levels of an intersection."""
APART = frozenset({NOT_RECORDED, PREFER_NOT_TO_SAY})
"""Groups that are shown and never compared: they say how well a characteristic is recorded."""


class Characteristic(Section):
    """One characteristic: where it is recorded, what its groups are called, and which group is the comparison group."""

    name: str
    title: str
    reference: str
    duty: str = "none"
    source: str = ""
    required: bool = False
    levels: Mapping[str, str] = Field(default_factory=dict)
    bands: Mapping[int, str] = Field(default_factory=dict)
    only: Mapping[str, str] = Field(default_factory=dict)
    detail_of: str | None = None
    parts: tuple[str, ...] = ()

    def key(self, level: str) -> dict[str, str]:
        """The group of one level: of an intersection, one level of each part."""
        if not self.parts:
            return {self.name: level}
        return dict(zip(self.parts, level.split(AND), strict=True))

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


class Definitions(Section):
    """The file `characteristics.yaml`."""

    characteristics: tuple[Characteristic, ...]
    prefer_not_to_say: frozenset[str]
    ethnicity_codes: Mapping[str, str]

    @field_validator("characteristics")
    @classmethod
    def _all_of_the_act(cls, characteristics: tuple[Characteristic, ...]) -> tuple[Characteristic, ...]:
        absent = set(NINE) - {each.duty for each in characteristics}
        if absent:
            raise ValueError(f"leaves out '{min(absent)}', which the Equality Act protects; add it.")
        return characteristics

    def by_name(self, name: str) -> Characteristic:
        """The characteristic of that name."""
        for each in self.characteristics:
            if each.name == name:
                return each
        raise UsageError(f'There is no characteristic "{name}" in characteristics.yaml.')


@cache
def definitions() -> Definitions:
    """What the project audits. Raises `UsageError` where the file says something that cannot be meant."""
    path = Path(__file__).parent / "characteristics.yaml"
    document = read_yaml(path, thing="The list of characteristics")
    return read_model(Definitions, document, place=path.name, nouns={"characteristics": "characteristic"})


def intersection(parts: Sequence[Characteristic]) -> Characteristic:
    """Several characteristics at once: women who are Asian, compared with men who are White."""
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


def of_persons(
    people: pl.LazyFrame, protected: pl.LazyFrame, *, spec: Definitions, further: Sequence[str] = ()
) -> pl.DataFrame:
    """One row a person of `people`: crn, the `further` columns, and what `groups` makes the groups of.

    That is the group itself where it does not depend on the day, and the recorded column where it does (a day of
    birth). The latest record of a person counts.
    """
    rows = _latest(people, [*further, *_columns(spec, "people")]).join(
        _latest(protected, _columns(spec, "protected")), on="crn", how="left"
    )
    found = rows.sort("crn").collect()
    named = [each for each in spec.characteristics if not each.bands]
    kept = [each.source.split(".")[1] for each in spec.characteristics if each.bands]
    return found.select("crn", *further, *kept, *(_group_of(each, spec).alias(each.name) for each in named))


def _columns(spec: Definitions, table: str) -> list[str]:
    sources = [each.source.split(".") for each in spec.characteristics]
    return list(dict.fromkeys(column for name, column in sources if name == table))


def _latest(table: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    wanted = table.select("crn", "known_on", *columns).sort("crn", "known_on", maintain_order=True)
    return wanted.unique("crn", keep="last", maintain_order=True).drop("known_on")


def groups(rows: pl.DataFrame, *, spec: Definitions) -> pl.DataFrame:
    """The rows (as_of and the columns of `of_persons`) with the group of every characteristic, one text column each.

    Age is in whole years at `as_of`. A row of somebody who is not in the tables has nothing recorded.
    """
    made = rows.with_columns(
        (
            _age_band(each, each.source.split(".")[1])
            if each.bands
            else pl.col(each.name).fill_null(NOT_RECORDED)
        ).alias(each.name)
        for each in spec.characteristics
    )
    for each in spec.characteristics:
        for other, level in each.only.items():
            made = made.with_columns(
                pl.when(pl.col(other) == level).then(pl.col(each.name)).otherwise(None).alias(each.name)
            )
    return made


def _group_of(each: Characteristic, spec: Definitions) -> pl.Expr:
    column = each.source.split(".")[1]
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
    known = pl.col(column).is_not_null() & pl.col("as_of").is_not_null()
    age = pl.map_batches(["as_of", column], _years, return_dtype=pl.Int64)
    years = pl.when(known).then(age)
    band = pl.lit(NOT_RECORDED)
    for start in sorted(each.bands):
        band = pl.when(years >= start).then(pl.lit(each.bands[start])).otherwise(band)
    return pl.when(years.is_null()).then(pl.lit(NOT_RECORDED)).otherwise(band)


def _years(days: Sequence[pl.Series]) -> pl.Series:
    """Whole years between two columns of days; of no meaning where either is null."""
    on, born = (each.to_physical().fill_null(0).to_numpy() for each in days)
    return pl.Series(whole_years(on, born))
