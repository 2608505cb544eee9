"""What changed lately, and which timely check is due? Prompts from rules, beside the model's flags.

The Target Operating Model asks, at its simplest, to notice when key fields change, and to look again six and
three months before the end of a sentence, at unpaid work six and nine months after it was imposed, and at a
structured intervention nine months before the end. On which day each falls `catalogue.timeliness` says; it is told from that day on.
Every prompt is a rule on what was known before the as-of day; none is a prediction. `changed` gives, for each
point (crn, as_of), the facts new within 28 days; `due` gives the checks. Both are written once, for one
person's case and for everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import polars as pl

from catalogue import Catalogue, load
from catalogue.fields import ASSESSMENT_LIFE_DAYS
from catalogue.intervention import InterventionType
from catalogue.pni import LAYER_NEEDED
from catalogue.timeliness import CHECKS as CHECKED
from catalogue.timeliness import is_due
from features.histories import Histories
from scoring.landmarks import open_referrals

RECENT_DAYS = 28
SETTLED = ("SETTLED", "APPROVED_PREMISES")
WORKING = ("FULL_TIME", "PART_TIME", "TRAINING")
#: Bands of the official predictor of all reoffending, in percent over two years (facts/calibration.md 1.4).
RISK_BANDS = (50.0, 75.0, 90.0)
#: Missed appointments within 28 days, after none in the 84 days before them, that make a new pattern.
NEW_PATTERN = 2
QUIET_DAYS = 84

CHANGES: Mapping[str, str] = MappingProxyType(
    {
        "ACCOMMODATION_LOST": "no longer in settled accommodation",
        "ACCOMMODATION_FOUND": "moved into settled accommodation",
        "JOB_STARTED": "started work or training",
        "JOB_LOST": "no longer in work or training",
        "NEW_ABSENCE_PATTERN": "two or more appointments missed in four weeks, none in the twelve before",
        "RISK_BAND_ROSE": "the official risk of reoffending moved to a higher band",
        "RISK_BAND_FELL": "the official risk of reoffending moved to a lower band",
        "ENFORCEMENT_STARTED": "a warning, breach or recall was recorded",
    },
)
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "NINE_MONTHS_BEFORE_END": "nine months are left of the sentence, and structured work is open",
        "SIX_MONTHS_BEFORE_END": "six months are left of the sentence",
        "THREE_MONTHS_BEFORE_END": "three months are left of the sentence",
        "UNPAID_WORK_SIX_MONTHS": "six months have passed since unpaid work was imposed",
        "UNPAID_WORK_NINE_MONTHS": "nine months have passed since unpaid work was imposed",
        "ASSESSMENT_OUT_OF_DATE": "the last full assessment is older than 55 weeks",
    },
)


#: The check of the catalogue behind each prompt; six and three months before the end are for every sentence.
_OF_SENTENCES: Mapping[str, str] = MappingProxyType(
    {"SIX_MONTHS_BEFORE_END": "END_IN_6_MONTHS", "THREE_MONTHS_BEFORE_END": "END_IN_3_MONTHS"},
)
_OF_UNPAID_WORK: Mapping[str, str] = MappingProxyType(
    {
        "UNPAID_WORK_SIX_MONTHS": "UNPAID_WORK_AT_6_MONTHS",
        "UNPAID_WORK_NINE_MONTHS": "UNPAID_WORK_AT_9_MONTHS",
    },
)
_OF_INTERVENTIONS: Mapping[str, str] = MappingProxyType({"NINE_MONTHS_BEFORE_END": "END_IN_9_MONTHS"})


def changed(histories: Histories, points: pl.DataFrame) -> list[list[str]]:
    """Which key facts became known as new within 28 days of each point (crn, as_of)? Codes of `CHANGES`."""
    found: list[list[str]] = changed_series(histories, points).to_list()
    return found


def changed_series(histories: Histories, points: pl.DataFrame) -> pl.Series:
    """The same as a column of lists, for many points."""
    base = points.lazy().select("crn", "as_of").with_row_index("_row")
    found = [
        _circumstance(
            base,
            histories,
            kind="ACCOMMODATION",
            good=SETTLED,
            gained="ACCOMMODATION_FOUND",
            lost="ACCOMMODATION_LOST",
        ),
        _circumstance(
            base, histories, kind="EMPLOYMENT", good=WORKING, gained="JOB_STARTED", lost="JOB_LOST"
        ),
        _absences(base, histories),
        _risk(base, histories),
        _enforcement(base, histories),
    ]
    return _lists(found, rows=points.height, order=tuple(CHANGES))


def due(histories: Histories, points: pl.DataFrame, *, catalogue: Catalogue | None = None) -> list[list[str]]:
    """Which timeliness checks are due at each point (crn, as_of)? Codes of `CHECKS`."""
    found: list[list[str]] = due_series(histories, points, catalogue=catalogue).to_list()
    return found


def due_series(
    histories: Histories, points: pl.DataFrame, *, catalogue: Catalogue | None = None
) -> pl.Series:
    """The same as a column of lists, for many points."""
    known = load() if catalogue is None else catalogue
    base = points.lazy().select("crn", "as_of").with_row_index("_row")
    found = [
        *_sentence_end(base, histories, known),
        *_unpaid_work(base, histories),
        _assessment(base, histories),
    ]
    return _lists(found, rows=points.height, order=tuple(CHECKS))


def lists(found: pl.DataFrame, *, rows: int) -> pl.Series:
    """A column of lists, one for each of so many rows, from (_row, code) in the order within a row."""
    held = found.group_by(pl.col("_row").cast(pl.Int64), maintain_order=True).agg("code")
    every = pl.DataFrame({"_row": pl.int_range(rows, dtype=pl.Int64, eager=True)})
    joined = every.join(held, on="_row", how="left", maintain_order="left")
    return joined["code"].cast(pl.List(pl.String)).fill_null(pl.lit([], dtype=pl.List(pl.String)))


def _lists(found: list[pl.LazyFrame], *, rows: int, order: tuple[str, ...]) -> pl.Series:
    codes = (
        pl.concat(found).unique().with_columns(_place=pl.col("code").replace_strict(order, range(len(order))))
    )
    return lists(codes.sort("_row", "_place").select("_row", "code").collect(), rows=rows)


def _known(base: pl.LazyFrame, table: pl.LazyFrame, *, version: list[str]) -> pl.LazyFrame:
    """The rows of a person's table known before each point, the latest known version of each record."""
    return (
        base.join(table, on="crn")
        .filter(pl.col("known_on") < pl.col("as_of"))
        .sort("known_on", maintain_order=True)
        .unique(["_row", *version], keep="last", maintain_order=True)
    )


def _recent(column: str = "known_on") -> pl.Expr:
    return pl.col(column) >= pl.col("as_of") - pl.duration(days=RECENT_DAYS)


def _code(frame: pl.LazyFrame, code: str, condition: pl.Expr) -> pl.LazyFrame:
    return frame.filter(condition).select("_row", code=pl.lit(code))


def _circumstance(
    base: pl.LazyFrame, histories: Histories, *, kind: str, good: tuple[str, ...], gained: str, lost: str
) -> pl.LazyFrame:
    rows = histories.table("circumstances").filter((pl.col("kind") == kind) & pl.col("value").is_not_null())
    latest = (
        _known(base, rows.select("crn", "observed_on", "known_on", "value"), version=["observed_on"])
        .sort("observed_on", "known_on", maintain_order=True)
        .group_by("_row", maintain_order=True)
        .agg(
            now=pl.col("value").last().is_in(good),
            new=_recent().last(),
            before=pl.col("value").slice(-2, 1).first().is_in(good),
            records=pl.len(),
        )
        .filter(pl.col("new") & (pl.col("records") > 1) & (pl.col("now") != pl.col("before")))
    )
    return pl.concat([_code(latest, gained, pl.col("now")), _code(latest, lost, ~pl.col("now"))])


def _absences(base: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    contacts = histories.table("contacts").select("crn", "scheduled_on", "kind", "outcome", "known_on")
    referrals = histories.table("referrals").select("referral_id", "crn").unique("referral_id", keep="any")
    sessions = (
        histories.table("sessions")
        .join(referrals, on="referral_id")
        .select(
            "crn",
            "scheduled_on",
            pl.concat_str(pl.col("referral_id"), pl.lit("#"), pl.col("session_number")).alias("kind"),
            "outcome",
            "known_on",
        )
    )
    both = pl.concat([contacts, sessions])
    window = both.join(base, on="crn").filter(
        (pl.col("known_on") < pl.col("as_of"))
        & (pl.col("scheduled_on") >= pl.col("as_of") - pl.duration(days=RECENT_DAYS + QUIET_DAYS))
    )
    missed = (
        window.sort("known_on", maintain_order=True)
        .unique(["_row", "scheduled_on", "kind"], keep="last", maintain_order=True)
        .filter(pl.col("outcome") == "UNACCEPTABLE_ABSENCE")
        .group_by("_row")
        .agg(lately=_recent("scheduled_on").sum(), earlier=(~_recent("scheduled_on")).sum())
    )
    return _code(missed, "NEW_ABSENCE_PATTERN", (pl.col("lately") >= NEW_PATTERN) & (pl.col("earlier") == 0))


def _risk(base: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    rows = histories.table("assessments").filter(pl.col("ogrs_2yr").is_not_null())
    band = pl.sum_horizontal((pl.col("ogrs_2yr") >= cut).cast(pl.Int32) for cut in RISK_BANDS)
    rows = rows.select("crn", "assessment_id", "completed_on", "known_on", band=band)
    latest = (
        _known(base, rows, version=["assessment_id"])
        .sort("completed_on", "known_on", "assessment_id", maintain_order=True)
        .group_by("_row", maintain_order=True)
        .agg(
            now=pl.col("band").last(),
            before=pl.col("band").slice(-2, 1).first(),
            new=_recent().last(),
            records=pl.len(),
        )
        .filter(pl.col("new") & (pl.col("records") > 1))
    )
    rose = _code(latest, "RISK_BAND_ROSE", pl.col("now") > pl.col("before"))
    return pl.concat([rose, _code(latest, "RISK_BAND_FELL", pl.col("now") < pl.col("before"))])


def _enforcement(base: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    rows = histories.table("enforcement").select("crn", "occurred_on", "known_on")
    new = base.join(rows, on="crn").filter((pl.col("known_on") < pl.col("as_of")) & _recent())
    return _code(new.unique("_row"), "ENFORCEMENT_STARTED", pl.lit(value=True))


def _running(base: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    rows = histories.table("sentences").select("crn", "event_number", "starts_on", "ends_on", "known_on")
    known = _known(base, rows, version=["event_number"])
    return known.filter(pl.col("ends_on") >= pl.col("as_of"))


def _due(frame: pl.LazyFrame, check: str, *, counted_from: str) -> pl.LazyFrame:
    """The rows for which a check of the catalogue has fallen due, counted from the day in a column."""
    return frame.filter(is_due(check, counted_from=pl.col(counted_from), as_of=pl.col("as_of"), ahead_days=0))


def _told(frame: pl.LazyFrame, code: str) -> pl.LazyFrame:
    return frame.select("_row", code=pl.lit(code))


def _sentence_end(base: pl.LazyFrame, histories: Histories, catalogue: Catalogue) -> list[pl.LazyFrame]:
    last = _running(base, histories).group_by("_row", "crn", "as_of").agg(ends_on=pl.col("ends_on").max())
    found = [
        _told(_due(last, check, counted_from="ends_on"), prompt) for prompt, check in _OF_SENTENCES.items()
    ]
    for prompt, check in _OF_INTERVENTIONS.items():
        people = _due(last, check, counted_from="ends_on")
        found.append(_told(_under_way(people, histories, catalogue, types=CHECKED[check].types), prompt))
    return found


def _under_way(
    people: pl.LazyFrame, histories: Histories, catalogue: Catalogue, *, types: Collection[InterventionType]
) -> pl.LazyFrame:
    """The rows of those with an open referral to an intervention of these types."""
    wanted = [each.id for each in catalogue.interventions if each.type in types]
    referrals = histories.table("referrals").select("referral_id", "crn", "intervention_id", "known_on")
    known = _known(people, referrals, version=["referral_id"]).filter(pl.col("intervention_id").is_in(wanted))
    asked = known.select("_row", "referral_id", "as_of").collect()
    return (
        open_referrals(histories, points=asked.rename({"_row": "_person"})).lazy().rename({"_person": "_row"})
    )


def _unpaid_work(base: pl.LazyFrame, histories: Histories) -> list[pl.LazyFrame]:
    imposed = histories.table("requirements").filter(pl.col("requirement_type") == "UNPAID_WORK")
    rows = _known(
        base, imposed.select("crn", "event_number", "imposed_on", "known_on"), version=["event_number"]
    )
    live = rows.join(_running(base, histories).select("_row", "event_number"), on=["_row", "event_number"])
    return [
        _told(_due(live, check, counted_from="imposed_on"), prompt)
        for prompt, check in _OF_UNPAID_WORK.items()
    ]


def _assessment(base: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    rows = histories.table("assessments").select("crn", "assessment_id", "completed_on", "known_on", "layer")
    last = (
        _known(base, rows, version=["assessment_id"])
        .filter(pl.col("layer") == LAYER_NEEDED)
        .group_by("_row", "as_of")
        .agg(completed_on=pl.col("completed_on").max())
    )
    live = last.join(_running(base, histories).select("_row").unique(), on="_row")
    age = (pl.col("as_of") - pl.col("completed_on")).dt.total_days()
    return _code(live, "ASSESSMENT_OUT_OF_DATE", age > ASSESSMENT_LIFE_DAYS)
