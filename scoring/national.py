"""What is suggested to everybody under supervision? The national batch, in bounded memory.

The same parts as `scoring.suggestions`, each in its form for many people, a few thousand people at a time. A test
holds the two to the same answers for every person and intervention.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue import Catalogue, choice_batch
from catalogue import batch as rules
from catalogue.eligibility import Status
from catalogue.feasibility_batch import places
from catalogue.fields import NEED_THRESHOLDS, linked_field
from features import batch
from features.fit import fit_frame
from features.histories import Histories
from features.spec import Use
from features.subject import subjects as subjects_of
from features.versions import current
from scoring import reasons
from scoring.advice import STATUSES, SUPPORTS, VERDICTS, WHYS, AdviceArrays, Verdict, advise_arrays
from scoring.bundle import Bundle
from scoring.effects import EffectArrays

CHUNK: Final = 4_000  # people at a time: about 100 MB of rows, whatever the size of the caseload
BLOCK: Final = 6 * CHUNK  # people whose records are read in one pass over the tables
NEEDS: Final = tuple(sorted(NEED_THRESHOLDS))

_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "crn": pl.String,
    "as_of": pl.Date,
    "intervention_id": pl.String,
    "eligibility": pl.Enum([status.value for status in Status]),
    "feasible": pl.Boolean,
    "rank": pl.Int8,
    "advice": pl.Enum([verdict.value for verdict in Verdict]),
    "p_commence": pl.Float64,
    "p_complete": pl.Float64,
    "effect": pl.Float64,
    "effect_lower": pl.Float64,
    "effect_upper": pl.Float64,
    "support": pl.Enum(list(SUPPORTS)),
    "reason_codes": pl.List(pl.String),
    "missing": pl.List(pl.String),
    "bundle_version": pl.String,
}
SCHEMA: Final = pl.Schema(_COLUMNS)
VERDICTS_OF: Final = ("crn", "as_of", "intervention_id", "eligibility", "feasible", "rank", "advice")
"""What was advised, without the chances, effects and reasons beside it."""

Codes = npt.NDArray[np.int8]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Report(Protocol):
    """How far the work has come: so many people done, of so many."""

    def __call__(self, done: int, total: int) -> None:
        """Say it."""


def suggest_all(
    histories: Histories,
    *,
    bundle: Bundle,
    catalogue: Catalogue,
    as_of: date,
    progress: Report | None = None,
) -> pl.DataFrame:
    """One row a person under supervision and intervention, in memory; columns of `SCHEMA`.

    Raises:
        UsageError: a table is broken, or the bundle does not fit this version's features.
    """
    chunks = list(
        suggestion_chunks(histories, bundle=bundle, catalogue=catalogue, as_of=as_of, progress=progress)
    )
    return pl.concat([SCHEMA.to_frame(), *chunks])


def write_suggestions(
    histories: Histories,
    *,
    bundle: Bundle,
    catalogue: Catalogue,
    as_of: date,
    out: Path,
    progress: Report | None = None,
) -> tuple[int, int]:
    """Write the same rows to a Parquet file, chunk by chunk, so that memory does not grow with the caseload.

    Returns:
        How many people, and how many rows.
    """
    people = rows = 0
    parts = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        SCHEMA.to_frame().write_parquet(parts / "00000000.parquet")
        for number, chunk in enumerate(
            suggestion_chunks(histories, bundle=bundle, catalogue=catalogue, as_of=as_of, progress=progress),
            start=1,
        ):
            chunk.write_parquet(parts / f"{number:08}.parquet")
            rows += chunk.height
            people += chunk.height // len(catalogue.interventions)
        whole = parts / "whole"
        pl.scan_parquet(parts / "*.parquet").sink_parquet(whole)
        whole.replace(out)  # the file appears whole or not at all
    finally:
        shutil.rmtree(parts)
    return people, rows


def under_supervision(histories: Histories, as_of: date) -> tuple[str, ...]:
    """Who had, by what was known before the day, a sentence running on it? CRNs in order.

    The last known version of a sentence counts: one that was ended early, by a death or a revocation,
    runs no longer, whatever its end was when it began.
    """
    running = (
        current(histories, "sentences", known_before=as_of)
        .filter((pl.col("starts_on") <= as_of) & (pl.col("ends_on").is_null() | (pl.col("ends_on") >= as_of)))
        .select(pl.col("crn").unique().sort())
        .collect()
    )
    return tuple(running["crn"].to_list())


def suggestion_chunks(
    histories: Histories,
    *,
    bundle: Bundle,
    catalogue: Catalogue,
    as_of: date,
    progress: Report | None = None,
) -> Iterator[pl.DataFrame]:
    """The rows of a few thousand people at a time, people in order of CRN, interventions in catalogue order."""
    points = pl.DataFrame({"crn": under_supervision(histories, as_of)}, schema={"crn": pl.String})
    yield from suggestions_at(
        histories,
        points.with_columns(as_of=pl.lit(as_of)),
        bundle=bundle,
        catalogue=catalogue,
        progress=progress,
    )


def suggestions_at(
    histories: Histories,
    points: pl.DataFrame,
    *,
    bundle: Bundle,
    catalogue: Catalogue,
    progress: Report | None = None,
) -> Iterator[pl.DataFrame]:
    """The rows of some points, a few thousand at a time: what would have been said of each person on each day.

    `points` has `crn` and `as_of`, and may have `assessment_id` (an assessment that counts as known, as at a
    decision point). Rows come in the order of the points, interventions in catalogue order.
    """
    for done, judged in _judged_parts(histories, points, bundle=bundle, catalogue=catalogue):
        yield _rows(judged, bundle=bundle, catalogue=catalogue)
        if progress is not None:
            progress(done, points.height)


def verdicts_at(
    histories: Histories, points: pl.DataFrame, *, bundle: Bundle, catalogue: Catalogue
) -> Iterator[pl.DataFrame]:
    """The columns `VERDICTS_OF` of the same rows, for less than half the work: no chances, reasons or missing fields."""
    for _, judged in _judged_parts(histories, points, bundle=bundle, catalogue=catalogue):
        frame = _verdicts(judged, catalogue)
        yield frame.select(pl.col(name).cast(SCHEMA[name]) for name in VERDICTS_OF)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Some points, what is known there, and what is advised of every intervention; arrays [people, interventions]."""

    points: pl.DataFrame
    subjects: pl.DataFrame
    features: pl.DataFrame
    offers: tuple[pl.DataFrame, pl.DataFrame]
    eligibility: Codes
    feasible: Codes
    need: Places
    effects: EffectArrays
    advice: AdviceArrays


def _judged_parts(
    histories: Histories, points: pl.DataFrame, *, bundle: Bundle, catalogue: Catalogue
) -> Iterator[tuple[int, Judged]]:
    """What is advised at some points, a few thousand at a time, and how many are done with each."""
    offers = histories.collect("directory"), histories.collect("travel")
    for block in range(0, points.height, BLOCK):
        here = points.slice(block, BLOCK)
        subjects = subjects_of(histories, here)
        features = batch.evaluate(histories, here, uses={Use.SCORING})
        for start in range(0, here.height, CHUNK):
            judged = _judge(
                here.slice(start, CHUNK),
                subjects.slice(start, CHUNK),
                features.slice(start, CHUNK),
                offers=offers,
                bundle=bundle,
                catalogue=catalogue,
            )
            yield min(block + start + CHUNK, points.height), judged


def _judge(
    points: pl.DataFrame,
    subjects: pl.DataFrame,
    features: pl.DataFrame,
    *,
    offers: tuple[pl.DataFrame, pl.DataFrame],
    bundle: Bundle,
    catalogue: Catalogue,
) -> Judged:
    ids = [intervention.id for intervention in catalogue.interventions]
    eligibility = _codes(rules.evaluate(subjects, catalogue), ids)
    need = first_needs(subjects, catalogue)
    feasible = _reach(subjects, catalogue, *offers).feasible
    order = choice_batch.order(
        subjects, catalogue, eligible=eligibility == STATUSES.index("ELIGIBLE"), reachable=feasible != 0
    )
    effects = _in_catalogue_order(bundle.benefit.effects_many(features), ids)
    advice = advise_arrays(
        ids=ids,
        eligibility=eligibility,
        order=order.place,
        need=need,
        feasible=feasible,
        not_advised=order.not_advised,
        under_way=_under_way(subjects, ids),
        step=order.step,
        lower=effects.lower,
        upper=effects.upper,
        support=effects.support,
    )
    return Judged(
        points=points, subjects=subjects, features=features, offers=offers,
        eligibility=eligibility, feasible=feasible, need=need, effects=effects, advice=advice,
    )  # fmt: skip


def _verdicts(judged: Judged, catalogue: Catalogue) -> pl.DataFrame:
    """What is advised of every pair, people in order, interventions in catalogue order."""
    people, interventions = judged.eligibility.shape
    row = np.repeat(np.arange(people), interventions)
    ids = pl.Series("intervention_id", catalogue.ids)
    return pl.DataFrame(
        {
            "crn": judged.points["crn"].gather(row),
            "as_of": judged.points["as_of"].gather(row),
            "intervention_id": ids.gather(np.tile(np.arange(interventions), people)),
            "eligibility": _named(judged.eligibility, STATUSES),
            "feasible": pl.Series(judged.feasible.ravel()).replace(-1, None).cast(pl.Boolean),
            "rank": pl.Series(judged.advice.rank.ravel()).replace(0, None).cast(pl.Int8),
            "advice": _named(judged.advice.advice, [verdict.value for verdict in VERDICTS]),
        }
    )


def _rows(judged: Judged, *, bundle: Bundle, catalogue: Catalogue) -> pl.DataFrame:
    """The verdicts, with the chances, effects, reasons and missing fields of every pair."""
    subjects, features, effects = judged.subjects, judged.features, judged.effects
    possible = judged.eligibility != STATUSES.index("NOT_ELIGIBLE")
    # Scores read the way and the wait to the place that would suit anybody best: a separate service is a rule of
    # feasibility, and must not move a score by sex.
    anybody = subjects.with_columns(sex=pl.lit(None, pl.String))
    journey = _reach(anybody, catalogue, *judged.offers, pairs=possible)
    chances = _chances(
        features, subjects, possible, minutes=journey.minutes, waiting=journey.waiting,
        bundle=bundle, catalogue=catalogue,
    )  # fmt: skip
    spoken = possible & (effects.support >= 0)
    frame = _verdicts(judged, catalogue).with_columns(
        p_commence=chances["p_commence"],
        p_complete=chances["p_complete"],
        effect=_where(spoken, effects.effect),
        effect_lower=_where(spoken, effects.lower),
        effect_upper=_where(spoken, effects.upper),
        support=_named(np.where(spoken, effects.support, -1), SUPPORTS),
        reason_codes=_reason_codes(
            judged.advice,
            judged.need,
            features,
            effects,
            judged.eligibility,
            bundle=bundle,
            ids=catalogue.ids,
        ),
        missing=_missing(subjects, catalogue, people=len(possible)),
        bundle_version=pl.lit(bundle.version),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Arrays [people, interventions]: feasible 1, 0 or -1 (not known), minutes and waiting weeks (NaN: not known)."""

    feasible: Codes
    minutes: Floats
    waiting: Floats


def _reach(
    subjects: pl.DataFrame,
    catalogue: Catalogue,
    directory: pl.DataFrame,
    travel: pl.DataFrame,
    *,
    pairs: Flags | None = None,
) -> Reach:
    """What is within reach, and how far and how long it is, by the directory; of some pairs only, if given."""
    shape = (subjects.height, len(catalogue.interventions))
    feasible = np.full(shape, -1, dtype=np.int8)
    minutes, waiting = np.full(shape, np.nan), np.full(shape, np.nan)
    asked = None if pairs is None else _pairs(pairs, catalogue)
    found = places(subjects, catalogue, directory=directory, travel=travel, pairs=asked)
    column = {intervention.id: place for place, intervention in enumerate(catalogue.interventions)}
    rows = found["row"].to_numpy()
    columns = found["intervention_id"].replace_strict(column, return_dtype=pl.Int64).to_numpy()
    feasible[rows, columns] = found["feasible"].cast(pl.Int8).fill_null(-1).to_numpy()
    minutes[rows, columns] = found["minutes"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    waiting[rows, columns] = found["waiting_weeks"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Reach(feasible=feasible, minutes=minutes, waiting=waiting)


def _pairs(holds: Flags, catalogue: Catalogue) -> pl.DataFrame:
    """The pairs for which something holds, as `row` (position of the person) and `intervention_id`."""
    rows, columns = np.nonzero(holds)
    ids = pl.Series("intervention_id", [intervention.id for intervention in catalogue.interventions])
    return pl.DataFrame({"row": pl.Series(rows, dtype=pl.UInt32)}).with_columns(ids.gather(columns))


def _under_way(subjects: pl.DataFrame, ids: Sequence[str]) -> Flags:
    """Whether each person is on each intervention already, [people, interventions]."""
    found = subjects.select(
        pl.col("open_interventions").list.contains(name).fill_null(value=False).alias(name) for name in ids
    )
    return found.to_numpy()


def first_needs(subjects: pl.DataFrame, catalogue: Catalogue) -> Places:
    """For each person and intervention, the place in `NEEDS` of the need it meets first; -1 for none.

    A need and the order of a person's needs are as in `scoring.suggestions.assessed_needs`.
    """
    share = np.stack(
        [subjects[need].cast(pl.Float64).fill_null(0.0).to_numpy() / NEED_THRESHOLDS[need] for need in NEEDS],
        axis=1,
    )
    linked = np.stack(
        [subjects[linked_field(need)].fill_null(value=False).to_numpy() for need in NEEDS], axis=1
    )
    over = np.where((share >= 1) | linked, share, -np.inf)
    targeted = np.array([[need in entry.needs for need in NEEDS] for entry in catalogue.interventions])
    found = np.full((len(over), len(targeted)), -1, dtype=np.int64)
    for place, mask in enumerate(targeted):
        scores = np.where(mask, over, -np.inf)
        best = scores.argmax(axis=1)
        found[:, place] = np.where(scores.max(axis=1) > -np.inf, best, -1)
    return found


def _codes(statuses: pl.DataFrame, ids: Sequence[str]) -> Codes:
    """Places in `STATUSES`, [people, interventions]."""
    order = pl.Enum(list(STATUSES))
    return np.stack(
        [statuses[name].cast(pl.String).cast(order).to_physical().to_numpy().astype(np.int8) for name in ids],
        axis=1,
    )


def _in_catalogue_order(effects: EffectArrays, ids: Sequence[str]) -> EffectArrays:
    """The effects with one column an intervention; support -1 where the model does not speak of it."""
    arms = {arm: place for place, arm in enumerate(effects.arms)}
    shape = (len(effects.effect), len(ids))
    numbers = {name: np.full(shape, np.nan) for name in ("effect", "lower", "upper", "similar")}
    support = np.full(shape, -1, dtype=np.int8)
    for place, intervention_id in enumerate(ids):
        if intervention_id in arms:
            support[:, place] = effects.support[:, arms[intervention_id]]
            for name, column in numbers.items():
                column[:, place] = getattr(effects, name)[:, arms[intervention_id]]
    return EffectArrays(arms=tuple(ids), support=support, **numbers)


def _chances(
    features: pl.DataFrame,
    subjects: pl.DataFrame,
    possible: Flags,
    *,
    minutes: Floats,
    waiting: Floats,
    bundle: Bundle,
    catalogue: Catalogue,
) -> dict[str, pl.Series]:
    """The chances of starting and finishing, for the pairs that the rules do not rule out; null elsewhere."""
    people, places = np.nonzero(possible)
    ids = np.asarray([intervention.id for intervention in catalogue.interventions], dtype=object)
    pairs = pl.DataFrame(
        {
            "intervention_id": pl.Series(ids[places], dtype=pl.String),
            "minutes": pl.Series(minutes[people, places], dtype=pl.Float64).fill_nan(None),
            "waiting_weeks": pl.Series(waiting[people, places], dtype=pl.Float64).fill_nan(None),
        }
    )
    rows = fit_frame(features[people], subjects[people], pairs, interventions=catalogue.interventions)
    found = {}
    for name, head in (("p_commence", bundle.commence), ("p_complete", bundle.complete)):
        values = np.full(possible.shape, np.nan)
        values[people, places] = head.probability_many(rows)
        found[name] = _where(possible, values)
    return found


def _where(holds: Flags, values: Floats) -> pl.Series:
    """The values, null where the condition does not hold."""
    return pl.Series(np.where(holds, values, np.nan).ravel(), dtype=pl.Float64).fill_nan(None)


def _named(codes: npt.NDArray[np.integer], names: Sequence[str]) -> pl.Series:
    """Places in `names` as an Enum column, null where negative."""
    physical = pl.Series(codes.ravel().astype(np.int16)).replace(-1, None).cast(pl.UInt8)
    return physical.cat.to(pl.Enum(list(names)))


def _missing(subjects: pl.DataFrame, catalogue: Catalogue, *, people: int) -> pl.Series:
    """The fields whose answers would decide, a list for each person and intervention."""
    ids = [intervention.id for intervention in catalogue.interventions]
    found = rules.missing(subjects, catalogue).group_by("row", "intervention_id").agg(pl.col("field"))
    grid = pl.DataFrame(
        {
            "row": np.repeat(np.arange(people, dtype=np.uint32), len(ids)),
            "intervention_id": np.tile(np.asarray(ids, dtype=object), people),
        },
        schema={"row": pl.UInt32, "intervention_id": pl.String},
    )
    joined = grid.join(found, on=["row", "intervention_id"], how="left", maintain_order="left")
    return joined["field"].fill_null(pl.Series([[]], dtype=pl.List(pl.String)))


def _reason_codes(
    advice: AdviceArrays,
    need: Places,
    features: pl.DataFrame,
    effects: EffectArrays,
    eligibility: Codes,
    *,
    bundle: Bundle,
    ids: Sequence[str],
) -> pl.Series:
    """Up to four codes for each person and intervention: the need, the rule, the strongest terms of the effect."""
    eligible = eligibility == STATUSES.index("ELIGIBLE")
    needs = [reasons.need_code(name) for name in NEEDS]
    columns = [
        _texts(np.where(eligible, need, -1), needs),
        _texts(advice.why, [why.value for why in WHYS]),
    ]
    columns.extend(_strongest_terms(features, eligible & (effects.support >= 0), bundle=bundle, ids=ids))
    frame = pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)])
    return frame.select(
        pl.concat_list(pl.all()).list.drop_nulls().list.head(reasons.MOST_REASONS)
    ).to_series()


def _strongest_terms(
    features: pl.DataFrame, spoken: Flags, *, bundle: Bundle, ids: Sequence[str]
) -> list[pl.Series]:
    """The codes of the terms that move each effect most, as many columns as reasons name."""
    model = bundle.benefit
    by_name = np.argsort(np.asarray(model.feature_names, dtype=np.str_), kind="stable")
    terms = model.terms_many(features)[:, :, by_name]
    names = [model.feature_names[place] for place in by_name]
    texts = [reasons.term_code("effect", name, sign) for name in names for sign in (-1.0, 1.0)]
    strongest = np.argsort(-np.abs(terms), axis=2, kind="stable")[:, :, : reasons.MOST_TERMS]
    value = np.take_along_axis(terms, strongest, axis=2)
    codes = np.where(value == 0, -1, 2 * strongest + (value > 0))
    arms = {arm: place for place, arm in enumerate(model.arms)}
    wide = np.full((*spoken.shape, codes.shape[2]), -1, dtype=np.int64)
    for place, intervention_id in enumerate(ids):
        if intervention_id in arms:
            wide[:, place] = codes[:, arms[intervention_id]]
    wide[~spoken] = -1
    return [_texts(wide[:, :, number], texts) for number in range(codes.shape[2])]


def _texts(codes: npt.NDArray[np.integer], texts: Sequence[str]) -> pl.Series:
    """Texts by code, null where negative."""
    return _named(codes, texts).cast(pl.String)
