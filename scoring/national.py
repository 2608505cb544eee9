"""What is suggested to everybody under supervision? The national batch, in bounded memory.

`scoring.judging` works it out, a few thousand people at a time; here it becomes the rows of a Parquet file.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue import Catalogue, eligibility
from catalogue.directory import Directory
from catalogue.eligibility import STATUSES
from catalogue.fields import FIELDS
from catalogue.subjects import Bools, Floats, Ints, fields_in
from catalogue.truth import TRUE, UNKNOWN
from features import batch, columns
from features.histories import Histories
from features.spec import Use
from features.subject import known_subjects
from features.versions import current
from scoring import judging
from scoring.advice import VERDICTS
from scoring.bundle import Bundle
from scoring.effects import SUPPORTS
from scoring.judging import NO_CODE, Advised
from scoring.progress import Report

CHUNK: Final = 4_000  # people at a time: about 100 MB of rows, for a caseload of any size
BLOCK: Final = 6 * CHUNK  # people whose records are read in one pass over the tables

_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "crn": pl.String,
    "as_of": pl.Date,
    "intervention_id": pl.String,
    "eligibility": pl.Enum([status.value for status in STATUSES]),
    "feasible": pl.Boolean,
    "rank": pl.Int8,
    "advice": pl.Enum([verdict.value for verdict in VERDICTS]),
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
"""What was advised, without the chances, effects and reasons."""


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
    no longer runs, even if its first planned end is later.
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
    """The rows of some points, a few thousand at a time: what would have been said about each person on each day.

    `points` has `crn` and `as_of`, and may have `assessment_id` (an assessment that counts as known, as at a
    decision point). Rows come in the order of the points, interventions in catalogue order.
    """
    for done, here, advised in _advised_parts(histories, points, bundle=bundle, catalogue=catalogue):
        yield _rows(here, advised, bundle=bundle)
        if progress is not None:
            progress(done, points.height)


def verdicts_at(
    histories: Histories, points: pl.DataFrame, *, bundle: Bundle, catalogue: Catalogue
) -> Iterator[pl.DataFrame]:
    """The columns `VERDICTS_OF` of the same rows, for less than half the work: no chances, reasons or missing fields."""
    for _, here, advised in _advised_parts(histories, points, bundle=bundle, catalogue=catalogue):
        frame = _verdicts(here, advised)
        yield frame.select(pl.col(name).cast(SCHEMA[name]) for name in VERDICTS_OF)


def _advised_parts(
    histories: Histories, points: pl.DataFrame, *, bundle: Bundle, catalogue: Catalogue
) -> Iterator[tuple[int, pl.DataFrame, Advised]]:
    """What is advised at some points, a few thousand at a time: how many are done with each, the points, the advice."""
    directory = Directory.of_frames(histories.collect("directory"), histories.collect("travel"))
    for block in range(0, points.height, BLOCK):
        here = points.slice(block, BLOCK)
        subjects = known_subjects(histories, here)
        features = columns.of_frame(batch.evaluate(histories, here, uses={Use.SCORING}), bundle.reads)
        days = here["as_of"].to_physical().to_numpy().astype(np.int64)
        for start in range(0, here.height, CHUNK):
            rows = slice(start, min(start + CHUNK, here.height))
            advised = judging.judge(
                subjects.rows(np.arange(rows.start, rows.stop)),
                {name: column[rows] for name, column in features.items()},
                days=days[rows],
                bundle=bundle,
                catalogue=catalogue,
                directory=directory,
            )
            yield block + rows.stop, here[rows], advised


def _verdicts(points: pl.DataFrame, advised: Advised) -> pl.DataFrame:
    """What is advised of every pair, people in order, interventions in catalogue order."""
    ids = advised.catalogue.ids
    people, interventions = advised.judged.status.shape
    row = np.repeat(np.arange(people), interventions)
    feasible = advised.reach.feasible.ravel()
    return pl.DataFrame(
        {
            "crn": points["crn"].gather(row),
            "as_of": points["as_of"].gather(row),
            "intervention_id": pl.Series(ids).gather(np.tile(np.arange(interventions), people)),
            "eligibility": _named(advised.judged.status, [status.value for status in STATUSES]),
            "feasible": pl.Series(np.where(feasible == UNKNOWN, -1, feasible == TRUE))
            .replace(-1, None)
            .cast(pl.Boolean),
            "rank": pl.Series(advised.advice.rank.ravel()).replace(0, None).cast(pl.Int8),
            "advice": _named(advised.advice.verdict, [verdict.value for verdict in VERDICTS]),
        }
    )


def _rows(points: pl.DataFrame, advised: Advised, *, bundle: Bundle) -> pl.DataFrame:
    """The verdicts, with the chances, effects, reasons and missing fields of every pair."""
    people, which = np.nonzero(advised.possible)
    heads = (bundle.commence, bundle.complete)
    starts, finishes = (
        found.probability for found in judging.chances(advised, heads, people=people, which=which)
    )
    effects, spoken = advised.effects, advised.spoken
    frame = _verdicts(points, advised).with_columns(
        p_commence=_spread(starts, people, which, advised.possible),
        p_complete=_spread(finishes, people, which, advised.possible),
        effect=_where(spoken, effects.effect),
        effect_lower=_where(spoken, effects.lower),
        effect_upper=_where(spoken, effects.upper),
        support=_named(np.where(spoken, effects.support, -1), SUPPORTS),
        reason_codes=_reason_codes(advised),
        missing=_missing(advised),
        bundle_version=pl.lit(bundle.version),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def _spread(values: Floats, people: Ints, which: Ints, possible: Bools) -> pl.Series:
    """The values of some pairs as a column of all pairs, null for the others."""
    wide = np.full(possible.shape, np.nan)
    wide[people, which] = values
    return _where(possible, wide)


def _where(holds: Bools, values: Floats) -> pl.Series:
    """The values, null where the condition does not hold."""
    return pl.Series(np.where(holds, values, np.nan).ravel(), dtype=pl.Float64).fill_nan(None)


def _named(codes: npt.NDArray[np.integer], names: Sequence[str]) -> pl.Series:
    """Places in `names` as an Enum column, null where negative."""
    physical = pl.Series(codes.ravel().astype(np.int16)).replace(-1, None).cast(pl.UInt8)
    return physical.cat.to(pl.Enum(list(names)))


def _missing(advised: Advised) -> pl.Series:
    """The fields whose answers would decide, by name, a list for each person and intervention."""
    people, which, fields = eligibility.missing_fields(advised.judged)
    wide = np.zeros((*advised.judged.status.shape, fields.shape[1]), dtype=np.uint64)
    wide[people, which] = fields
    names = sorted(FIELDS)
    return _lists(wide, lambda bits: fields_in(bits, names))


def _reason_codes(advised: Advised) -> pl.Series:
    """Up to four codes for each person and intervention: the need, the rule, the strongest terms of the effect."""
    found, codes = judging.reason_codes(advised)
    return _lists(found, lambda said: [codes[code].code for code in said if code != NO_CODE])


def _lists(cells: npt.NDArray[np.integer], texts: Callable[[Sequence[int]], Sequence[str]]) -> pl.Series:
    """A column of lists of texts from [people, interventions, parts]: cells that are alike share one list."""
    flat = cells.reshape(-1, cells.shape[2])
    which = np.zeros(len(flat), dtype=np.int64)
    for part in flat.T:
        values, place = np.unique(part, return_inverse=True)
        which = np.unique(which * len(values) + place, return_inverse=True)[1]
    first = np.unique(which, return_index=True)[1]
    different = [list(texts(row)) for row in flat[first].tolist()]
    return pl.Series(different, dtype=pl.List(pl.String)).gather(which)
