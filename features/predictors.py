"""Official predictors of reoffending, re-implemented for synthetic data.

OGRS3 (Offender Group Reconviction Scale, version 3), OVP and OGP (the violence and general
predictors of OASys) by their published formulae. They give synthetic people the scores that the
eligibility rules read. **They are re-implementations for synthetic data**: never score a real person
with them, and note that OGRS4 has been replacing all three since 2026.

Source: `features/facts/ogrs3-parameters.json` and `features/facts/ogrs3-offence-weights.csv`, facts
of `ministryofjustice/hmpps-arns-risk-actuarial-api` (MIT, Crown copyright) at commit 1811fe7.

Every function takes arrays (or scalars) of one length and returns whole percentages (Int64 arrays).
"""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

OGRS3_VERSION = "OGRS3 re-implementation 1 (hmpps-arns-risk-actuarial-api 1811fe7)"
OVP_VERSION = "OVP re-implementation 1 (hmpps-arns-risk-actuarial-api 1811fe7)"
OGP_VERSION = "OGP re-implementation 1 (hmpps-arns-risk-actuarial-api 1811fe7)"

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

_FACTS = Path(__file__).parent / "facts"
# What turns the linear predictor of OGRS3 into log-odds of proven reoffending within one and two years.
OGRS3_ONE_YEAR, OGRS3_TWO_YEARS = 1.40256, 2.1217
_UNUSABLE_WEIGHT = 100.0  # 999 in the file: an offence the formula does not score


class Percent(NamedTuple):
    """Chance of proven reoffending within one and within two years, whole percent."""

    one_year: Ints
    two_year: Ints


@cache
def _offence_weights() -> dict[tuple[str, str], float]:
    with (_FACTS / "ogrs3-offence-weights.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (row["offence_group_code"], row["sub_code"], row["ogrs3_weight"]) for row in csv.DictReader(file)
        ]
    return {(group, sub): float(weight) for group, sub, weight in rows if weight}


@cache
def _age_steps(sex: str) -> tuple[Ints, Floats]:
    """Upper ages of the bands and their weights; the last band is open."""
    parameters = json.loads((_FACTS / "ogrs3-parameters.json").read_text(encoding="utf-8"))["ogrs3"]
    bands = parameters[f"age_at_start_of_followup_{sex.lower()}"]
    return (
        np.array([band["max_age"] for band in bands[:-1]], dtype=np.int64),
        np.array([band["weight"] for band in bands], dtype=np.float64),
    )


def offence_weight(offence_code: str) -> float:
    """What OGRS3 adds for the current offence: a group code of three digits, or five with the sub code.

    Raises:
        ValueError: the code is not in the table, or the formula does not score it.
    """
    weights = _offence_weights()
    group, sub = offence_code[:3], offence_code[3:]
    weight = weights.get((group, sub), weights.get((group, "*")))
    if weight is None or weight > _UNUSABLE_WEIGHT:
        raise ValueError(f"OGRS3 has no weight for offence code {offence_code!r}; use a code of the table.")
    return weight


def ogrs3_linear_predictor(
    *,
    male: npt.ArrayLike,
    age_at_followup: npt.ArrayLike,
    age_at_conviction: npt.ArrayLike,
    age_first_sanction: npt.ArrayLike,
    sanctions: npt.ArrayLike,
    weight: npt.ArrayLike,
) -> Floats:
    """The OGRS3 score before the constant of the horizon is added.

    `male` bool; ages in whole years at the start of follow-up, at the current conviction and at the
    first sanction; `sanctions` counts the current one; `weight` is `offence_weight` of the offence.

    Raises:
        ValueError: an age under 10, or a first sanction after the current conviction.
    """
    age = np.asarray(age_at_followup, dtype=np.int64)
    conviction = np.asarray(age_at_conviction, dtype=np.int64)
    first = np.asarray(age_first_sanction, dtype=np.int64)
    count = np.asarray(sanctions, dtype=np.float64)
    if np.any(age < 10):
        raise ValueError("OGRS3 starts at the age of ten; check date of birth and start of follow-up.")
    if np.any(first > conviction):
        raise ValueError("OGRS3 wants a first sanction no later than the current conviction.")
    steps_m, weights_m = _age_steps("MALE")
    steps_f, weights_f = _age_steps("FEMALE")
    age_sex = np.where(
        np.asarray(male, dtype=bool),
        weights_m[np.searchsorted(steps_m, age)],
        weights_f[np.searchsorted(steps_f, age)],
    )
    status = np.where(count <= 1, 0.12614, 0.46306)
    copas = 1.25112 * np.log(count / (10 + conviction - first))
    return np.asarray(age_sex + status + copas + np.asarray(weight, dtype=np.float64), dtype=np.float64)


def ogrs3(
    *,
    male: npt.ArrayLike,
    age_at_followup: npt.ArrayLike,
    age_at_conviction: npt.ArrayLike,
    age_first_sanction: npt.ArrayLike,
    sanctions: npt.ArrayLike,
    weight: npt.ArrayLike,
) -> Percent:
    """How likely is a proven reoffence within one and two years? Arguments as `ogrs3_linear_predictor`."""
    score = ogrs3_linear_predictor(
        male=male,
        age_at_followup=age_at_followup,
        age_at_conviction=age_at_conviction,
        age_first_sanction=age_first_sanction,
        sanctions=sanctions,
        weight=weight,
    )
    return ogrs3_percent(score)


def ogrs3_percent(score: Floats) -> Percent:
    """The chances that an `ogrs3_linear_predictor` stands for."""
    return Percent(_percent(score + OGRS3_ONE_YEAR), _percent(score + OGRS3_TWO_YEARS))


_OVP_VIOLENT = np.array([0, 4, 7, 9, 11, *range(12, 25), 25], dtype=np.int64)
_OVP_AGE_TO = np.array([19, 21, 23, 25, 30, 35, 40, 45, 50], dtype=np.int64)
_OVP_AGE_POINTS = np.array([20, 17, 14, 12, 10, 8, 6, 4, 2, 0], dtype=np.int64)


def ovp_points(
    *,
    male: npt.ArrayLike,
    age_at_followup: npt.ArrayLike,
    sanctions: npt.ArrayLike,
    violent_sanctions: npt.ArrayLike,
    impact_not_recognised: npt.ArrayLike,
    no_fixed_abode: npt.ArrayLike,
    unemployed: npt.ArrayLike,
    alcohol: npt.ArrayLike,
    psychiatric_treatment: npt.ArrayLike,
    temper: npt.ArrayLike,
    attitudes: npt.ArrayLike,
) -> Ints:
    """OVP points, 0 to 100.

    `sanctions` all, `violent_sanctions` among them; `alcohol` current plus excessive use (0 to 4);
    `temper` and `attitudes` 0 to 2; the rest bool.

    Raises:
        ValueError: an age under 18, or more violent sanctions than sanctions.
    """
    age = np.asarray(age_at_followup, dtype=np.int64)
    violent = np.asarray(violent_sanctions, dtype=np.int64)
    other = np.asarray(sanctions, dtype=np.int64) - violent
    if np.any(age < 18):
        raise ValueError("OVP starts at the age of eighteen; check date of birth and start of follow-up.")
    if np.any(other < 0):
        raise ValueError("OVP counts violent sanctions among all sanctions; there cannot be more of them.")

    def flag(values: npt.ArrayLike, points: int) -> Ints:
        return np.asarray(values, dtype=bool).astype(np.int64) * points

    other_points = np.select([other <= 2, other <= 4, other <= 10, other <= 20], [0, 2, 3, 4], 5)
    return np.asarray(
        5 * ((violent + other) > 0)
        + _OVP_VIOLENT[np.minimum(violent, 18)]
        + other_points
        + _OVP_AGE_POINTS[np.searchsorted(_OVP_AGE_TO, age)]
        + flag(male, 5)
        + flag(impact_not_recognised, 4)
        + flag(no_fixed_abode, 4)
        + flag(unemployed, 4)
        + np.ceil(2.5 * np.asarray(alcohol, dtype=np.float64)).astype(np.int64)
        + flag(psychiatric_treatment, 4)
        + 3 * np.asarray(temper, dtype=np.int64)
        + 3 * np.asarray(attitudes, dtype=np.int64),
        dtype=np.int64,
    )


def ovp(points: npt.ArrayLike) -> Percent:
    """How likely is proven violent reoffending? From `ovp_points`; 1 to 99 percent."""
    score = 0.0722 * np.asarray(points, dtype=np.float64)
    return Percent(_bounded(_percent(score - 4.5215)), _bounded(_percent(score - 3.8773)))


_THREE_FIVE = np.array([0, 3, 5], dtype=np.int64)


def ogp_points(
    *,
    ogrs3_two_year: npt.ArrayLike,
    no_fixed_abode: npt.ArrayLike,
    unemployed: npt.ArrayLike,
    offending_activities: npt.ArrayLike,
    drugs: npt.ArrayLike,
    thinking: npt.ArrayLike,
    attitudes: npt.ArrayLike,
) -> Ints:
    """OGP points, 0 to 100.

    `ogrs3_two_year` whole percent; `offending_activities` and `attitudes` 0 to 2; `drugs` misuse plus
    motivation (0 to 4); `thinking` problem solving, consequences and understanding others (0 to 6).
    """
    return np.asarray(
        _half_up(0.6 * np.asarray(ogrs3_two_year, dtype=np.float64))
        + 5 * np.asarray(no_fixed_abode, dtype=bool).astype(np.int64)
        + 5 * np.asarray(unemployed, dtype=bool).astype(np.int64)
        + _THREE_FIVE[np.asarray(offending_activities, dtype=np.int64)]
        + _half_up(3.75 * np.asarray(drugs, dtype=np.float64))
        + _half_up(5 / 6 * np.asarray(thinking, dtype=np.float64))
        + _THREE_FIVE[np.asarray(attitudes, dtype=np.int64)],
        dtype=np.int64,
    )


def ogp(points: npt.ArrayLike) -> Percent:
    """How likely is proven non-violent reoffending? From `ogp_points`; 1 to 99 percent."""
    score = 0.0616 * np.asarray(points, dtype=np.float64)
    return Percent(_bounded(_percent(score - 3.6832)), _bounded(_percent(score - 3.0795)))


def _percent(log_odds: Floats) -> Ints:
    return _half_up(100.0 / (1.0 + np.exp(-log_odds)))


def _half_up(values: Floats) -> Ints:
    return np.floor(values + 0.5).astype(np.int64)


def _bounded(percent: Ints) -> Ints:
    return np.clip(percent, 1, 99)
