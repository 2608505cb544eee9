"""What changed lately, and which timeliness check is due? Prompts from rules, next to the model's flags.

The operating model asks, at its simplest, to notice when key fields change, and to look again six and three months
before the end of a sentence, at unpaid work six and nine months after it was imposed, and at a structured
intervention nine months before the end. `catalogue.timeliness` says on which day each check falls; it is told from
that day on. Every prompt is a rule over facts that were known before the as-of day; none is a prediction. The facts
are columns, one row a person (`features.definitions.prompts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from catalogue import Catalogue
from catalogue.fields import ASSESSMENT_LIFE_DAYS
from catalogue.timeliness import CHECKS as CHECKED
from catalogue.timeliness import Days, is_due
from features.definitions.prompts import QUIET_DAYS, RECENT_DAYS

Facts = Mapping[str, npt.NDArray[np.float64]]
"""Facts by name, one row a person: numbers and yes/no as 1 and 0, NaN where not recorded."""
Flags = npt.NDArray[np.bool_]

#: Bands of the official predictor of all reoffending, in percent over two years (`RISK_ACTUARIAL`, docs/sources.md).
RISK_BANDS = (50.0, 75.0, 90.0)
#: Missed appointments lately, after none in the quiet time before them, that make a new pattern.
NEW_PATTERN = 2

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


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpaidWork:
    """The days on which unpaid work of running sentences was imposed; `row` says whose each is."""

    row: npt.NDArray[np.intp]
    imposed_on: Days


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """The interventions that people have an open referral to; `row` says whose each is."""

    row: npt.NDArray[np.intp]
    intervention_id: npt.NDArray[np.str_]


def changed(facts: Facts) -> Flags:
    """Which key facts became known as new within 28 days? [rows, codes of `CHANGES`].

    A circumstance or a predictor has changed when the latest record became known lately and the record before it
    says otherwise; a first record changes nothing.
    """
    lost_home, found_home = _moved(facts, "settled")
    lost_work, found_work = _moved(facts, "in_work")
    band, before = _band(facts["predictor"]), _band(facts["predictor_before"])
    banded = (facts["predictor_is_new"] == 1) & ~np.isnan(facts["predictor_before"])
    found = {
        "ACCOMMODATION_LOST": lost_home,
        "ACCOMMODATION_FOUND": found_home,
        "JOB_STARTED": found_work,
        "JOB_LOST": lost_work,
        "NEW_ABSENCE_PATTERN": _new_absences(facts),
        "RISK_BAND_ROSE": banded & (band > before),
        "RISK_BAND_FELL": banded & (band < before),
        "ENFORCEMENT_STARTED": facts["enforcement_is_new"] == 1,
    }
    return np.stack([found[code] for code in CHANGES], axis=1)


def _moved(facts: Facts, name: str) -> tuple[Flags, Flags]:
    """Whether a good circumstance was lost, and whether it was found."""
    new, now, before = facts[f"{name}_is_new"] == 1, facts[name], facts[f"{name}_before"]
    return new & (before == 1) & (now == 0), new & (before == 0) & (now == 1)


def _new_absences(facts: Facts) -> Flags:
    names = ("appointments_missed", "all_sessions_missed")
    lately = sum(facts[f"{name}_in_{RECENT_DAYS}_days"] for name in names)
    since_quiet = sum(facts[f"{name}_in_{RECENT_DAYS + QUIET_DAYS}_days"] for name in names)
    found: Flags = np.asarray(lately >= NEW_PATTERN) & np.asarray(since_quiet == lately)
    return found


def _band(percent: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    return np.searchsorted(RISK_BANDS, percent, side="right")


def due(
    facts: Facts, *, unpaid_work: UnpaidWork, under_way: UnderWay, as_of: date, catalogue: Catalogue
) -> Flags:
    """Which timeliness checks have fallen due? [rows, codes of `CHECKS`]. Nothing is due once every sentence is over."""
    left = facts["days_to_last_end"]
    running = left >= 0
    ends_on = np.full(len(left), "NaT", dtype="datetime64[D]")
    ends_on[running] = np.datetime64(as_of) + left[running].astype("timedelta64[D]")

    def before_end(check: str) -> Flags:
        return is_due(check, counted_from=ends_on, as_of=as_of)

    def since_imposed(check: str) -> Flags:
        fallen = is_due(check, counted_from=unpaid_work.imposed_on, as_of=as_of)
        return _any(unpaid_work.row[fallen], rows=len(left))

    types = CHECKED["END_IN_9_MONTHS"].types
    structured = [entry.id for entry in catalogue.interventions if entry.type in types]
    on_structured = _any(under_way.row[np.isin(under_way.intervention_id, structured)], rows=len(left))
    found = {
        "NINE_MONTHS_BEFORE_END": before_end("END_IN_9_MONTHS") & on_structured,
        "SIX_MONTHS_BEFORE_END": before_end("END_IN_6_MONTHS"),
        "THREE_MONTHS_BEFORE_END": before_end("END_IN_3_MONTHS"),
        "UNPAID_WORK_SIX_MONTHS": since_imposed("UNPAID_WORK_AT_6_MONTHS"),
        "UNPAID_WORK_NINE_MONTHS": since_imposed("UNPAID_WORK_AT_9_MONTHS"),
        "ASSESSMENT_OUT_OF_DATE": running & (facts["full_assessment_age_days"] > ASSESSMENT_LIFE_DAYS),
    }
    return np.stack([found[code] for code in CHECKS], axis=1)


def _any(rows_found: npt.NDArray[np.intp], *, rows: int) -> Flags:
    """The rows that were found at least once."""
    found = np.zeros(rows, dtype=np.bool_)
    found[rows_found] = True
    return found
