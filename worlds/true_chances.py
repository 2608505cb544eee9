"""What would happen under each arm? The true chances of starting, completing, progress and reoffending.

Histories are drawn from these chances, so `truth/` is correct by construction:

* **Commence** is logistic in traits, wait and travel.
* **Complete** follows from weekly attendance. In week *w* it has the log-odds ``eta + DRIFT_SIZE * u_w``, where
  `u` is a stationary AR(1). An unacceptable absence ends the referral with a chance that depends on the
  team. The chance of lasting all weeks is an expectation over `u`: quadrature on a grid of `eta`
  (`survival`), then interpolation.
* **Reoffend** and **need improved** are logistic. They depend on the class of attendance: nothing attended,
  dropped out, completed. Given the class they are independent, so progress is a sum over three classes.

No arm has an effect at low risk or on people without previous sanctions. Effects grow with both, are largest
at 18 to 20 and from 50, and are the same for every sex and ethnicity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from catalogue.fields import PREDICTOR_BANDS
from worlds.draws import Bools, Floats, Ints, sigmoid
from worlds.interventions import COMPLETED_SHARE, LONGEST_WEEKS, Arms
from worlds.needs import ACCOMMODATION, DRUGS, THINKING, unstable
from worlds.settings import WorldSettings

DRIFT_MEMORY = 0.85  # of the weekly engagement drift; assumption
DRIFT_SIZE = 0.9
UNACCEPTABLE_SHARE = 0.6  # share of absences that are unacceptable; assumption
ENDS_AFTER_ABSENCE = (0.11, 0.17, 0.26)  # strictness of a team: lenient, usual, strict
NEED_SPREAD = 1.25  # scale of the logistic variable that is rounded to the change of need
NOT_ATTENDED, DROPPED, COMPLETED = 0, 1, 2
_MEDIUM_RISK = PREDICTOR_BANDS["ogrs_2yr"][1]

_ETA = np.linspace(-6.0, 8.0, 281)


@cache
def _survival() -> Floats:
    """Chance of lasting w weeks: strictness by weeks (0 … LONGEST_WEEKS) by eta grid."""
    nodes = np.linspace(-5.0, 5.0, 61)
    stationary = np.exp(-(nodes**2) / 2)
    stationary /= stationary.sum()
    spread = np.sqrt(1 - DRIFT_MEMORY**2)
    step = np.exp(-(((nodes[None, :] - DRIFT_MEMORY * nodes[:, None]) / spread) ** 2) / 2)
    step /= step.sum(axis=1, keepdims=True)
    attends = sigmoid(_ETA[:, None] + DRIFT_SIZE * nodes[None, :])
    out = np.empty((len(ENDS_AFTER_ABSENCE), LONGEST_WEEKS + 1, len(_ETA)))
    for index, ends in enumerate(ENDS_AFTER_ABSENCE):
        stays = 1 - (1 - attends) * UNACCEPTABLE_SHARE * ends
        onward = np.ones_like(stays)
        out[index, 0] = 1.0
        for week in range(1, LONGEST_WEEKS + 1):
            here = stays * onward
            out[index, week] = here @ stationary
            onward = here @ step.T
    return out


def survival(eta: Floats, weeks: Ints, strictness: Ints) -> Floats:
    """Chance of lasting all weeks, person by arm: `eta` the same, `weeks` by arm, `strictness` by person."""
    table = _survival()
    place = np.clip((eta - _ETA[0]) / (_ETA[1] - _ETA[0]), 0, len(_ETA) - 1 - 1e-9)
    low = place.astype(np.int64)
    share = place - low
    level, week = strictness[:, None], weeks[None, :]
    below, above = table[level, week, low], table[level, week, low + 1]
    return np.asarray(below + share * (above - below), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the chances depend on at a decision point: one row a point. Engagement is latent."""

    engagement: Floats
    risk: Floats  # OGRS3 log-odds of one year, centred
    ogrs_2yr: Floats
    previous: Ints
    age: Ints
    psychiatric: Bools
    needs: Ints
    need: Bools  # sections over their threshold
    counted: Bools  # criminogenic sections answered
    motivation: Floats
    breached: Bools
    working: Bools
    unemployed: Bools
    custody: Bools
    strictness: Ints
    yearly: Floats  # log-odds of reoffending within a full year at large, without intervention
    exposure: Floats  # share of the next year spent at large


def only(situation: Situation, keep: Ints) -> Situation:
    """The situation of some of the points."""
    return Situation(**{name: getattr(situation, name)[keep] for name in Situation.__slots__})


@dataclass(frozen=True, slots=True)
class TrueChances:
    """Probabilities of each point (row) and arm (column); the last column is NONE."""

    commence: Floats
    finish: Floats  # given commencing
    reoffend: Floats
    progress: Floats
    effect: Floats  # log-odds of reoffending for completers
    need_shift: Floats  # points of expected need change for completers


def risk_share(ogrs_2yr: Floats) -> Floats:
    """The share of an effect by risk: none in the low OGRS band (under 50), all of it from 60."""
    return np.clip((ogrs_2yr - (_MEDIUM_RISK - 1)) / 11.0, 0.0, 1.0)


def moderation(situation: Situation) -> Floats:
    """The personal share of an effect: risk, previous sanctions, age, psychiatric problems."""
    earlier = np.clip(situation.previous / 6.0, 0.0, 1.35)
    age = np.select([situation.age <= 20, situation.age <= 29, situation.age >= 50], [1.3, 0.8, 1.3], 1.0)
    return np.asarray(
        risk_share(situation.ogrs_2yr) * earlier * age * np.where(situation.psychiatric, 1.2, 1.0),
        dtype=np.float64,
    )


def matched(situation: Situation, arms: Arms) -> Bools:
    """Does the arm meet a need that the person has? Point by arm."""
    meets = (situation.need.astype(np.float64) @ arms.targets.T.astype(np.float64)) > 0
    employment = arms.of_family("employment")
    meets[:, employment] = situation.unemployed[:, None]
    return np.asarray(meets, dtype=np.bool_)


def commence_log_odds(
    situation: Situation, arms: Arms, wait: Floats, minutes: Floats, remote: Bools
) -> Floats:
    """Log-odds of starting within six months, point by arm."""
    base = np.select(
        [arms.of_type("ACP"), arms.of_type("SI"), arms.of_type("CRS"), arms.of_type("TREATMENT_REQUIREMENT")],
        [1.55, 1.0, 1.0, 0.3],
        1.1,
    )
    person = (
        0.32 * situation.engagement
        + 0.3 * (situation.motivation - 1)
        - 0.1 * situation.risk
        - 0.22 * situation.need[:, DRUGS]
        - 0.22 * situation.need[:, ACCOMMODATION]
        - 0.4 * situation.breached
    )
    clash = 0.3 * situation.working[:, None] * (arms.per_week * arms.weeks >= 15)[None, :]
    return np.asarray(
        base[None, :]
        + person[:, None]
        - clash
        - 0.012 * (minutes - 30)
        - 0.05 * (wait - 5)
        + np.where(situation.custody, 0.7, 0.0)[:, None]
        - 0.2 * remote[:, None],
        dtype=np.float64,
    )


def attend_log_odds(situation: Situation, arms: Arms, minutes: Floats, meets: Bools) -> Floats:
    """Mean log-odds of attending a week of delivery (`eta`), point by arm."""
    person = (
        2.25
        + 0.52 * situation.engagement
        + 0.25 * (situation.motivation - 1)
        - 0.15 * situation.risk
        - 0.07 * (situation.needs[:, THINKING] - 4)
        - 0.25 * situation.need[:, DRUGS]
        - 0.15 * situation.need[:, ACCOMMODATION]
    )
    easier = np.select(
        [
            arms.of_type("UNPAID_WORK"),
            arms.of_type("TREATMENT_REQUIREMENT"),
            arms.of_type("CRS"),
            arms.of_type("ACP"),
        ],
        [-1.75, -1.4, -0.35, 0.08],
        0.0,
    )
    return np.asarray(
        person[:, None]
        + easier[None, :]
        - 0.008 * (minutes - 30)
        - 0.25 * situation.working[:, None] * (arms.per_week > 1)[None, :]
        + 0.15 * meets
        + np.where(situation.custody, 0.8, 0.0)[:, None],
        dtype=np.float64,
    )


def need_mean(situation: Situation) -> Floats:
    """Expected change of the counted total need over the year, in points, without intervention."""
    total = (situation.needs * situation.counted).sum(axis=1)
    return np.asarray(
        0.05
        - 0.28 * situation.engagement
        - 0.11 * (total - 16.0)
        + 0.16 * situation.risk
        - 0.2 * (situation.motivation - 1),
        dtype=np.float64,
    )


def improves(situation: Situation, mean: Floats) -> Floats:
    """Chance that the counted total falls by a point or more, for a mean change (points by …)."""
    possible = (situation.needs * situation.counted).sum(axis=1) > 0
    chance = sigmoid((-0.5 - mean) / NEED_SPREAD)
    return np.where(possible if mean.ndim == 1 else possible[:, None], chance, 0.0)


def reoffends(log_odds: Floats, exposure: Floats) -> Floats:
    """Chance of reoffending in the next year, of which `exposure` is spent at large."""
    return np.asarray(1.0 - (1.0 - sigmoid(log_odds)) ** exposure, dtype=np.float64)


def true_chances(
    *,
    situation: Situation,
    arms: Arms,
    world: WorldSettings,
    wait: Floats,
    minutes: Floats,
    remote: Bools,
    begins: Bools,
    fits: Bools,
) -> TrueChances:
    """Every probability of every point under every arm; NONE comes last.

    `begins` and `fits` say that delivery can begin, and can end, before the sentence ends. The chances of starting
    and completing leave administrative ends aside; those of progress and reoffending include them.
    """
    meets = matched(situation, arms)
    commence = sigmoid(commence_log_odds(situation, arms, wait, minutes, remote)) * begins
    finish = (
        survival(attend_log_odds(situation, arms, minutes, meets), arms.weeks, situation.strictness) * fits
    )
    share = moderation(situation)[:, None] * world.effect_scale
    scale = 1.0 / COMPLETED_SHARE
    harm = np.where(arms.of_type("ACP"), world.mismatch_harm, 0.0)[None, :] * scale
    upset = 0.05 * scale * unstable(situation.need)[:, None] * arms.of_type("UNPAID_WORK")[None, :]
    effect = share * (np.where(meets, arms.log_odds[None, :] * scale, harm) + upset)
    need_shift = share * np.where(
        meets, arms.need_points[None, :] * scale, np.where(arms.of_type("ACP"), 0.15, 0.0)[None, :] * scale
    )
    administrative = 1.0 - world.administrative_ends
    completes = administrative * commence * finish
    drops = administrative * commence * (1 - finish) * fits
    exposure = situation.exposure[:, None]
    base = situation.yearly[:, None]
    mean = need_mean(situation)[:, None]
    drop_effect = share * world.dropout_harm
    p_none = reoffends(base, exposure)
    p_drop = reoffends(base + drop_effect, exposure)
    p_done = reoffends(base + effect, exposure)
    better_none, better_done = improves(situation, mean), improves(situation, mean + need_shift)
    nothing = 1.0 - completes - drops
    reoffend = nothing * p_none + drops * p_drop + completes * p_done
    progress = (
        nothing * (1 - p_none) * better_none
        + drops * (1 - p_drop) * better_none
        + completes * (1 - p_done) * better_done
    )
    return TrueChances(
        commence=_with_none(commence, 0.0),
        finish=_with_none(finish, 0.0),
        reoffend=np.hstack([reoffend, p_none]),
        progress=np.hstack([progress, (1 - p_none) * better_none]),
        effect=_with_none(effect, 0.0),
        need_shift=_with_none(need_shift, 0.0),
    )


def _with_none(values: Floats, none: float) -> Floats:
    return np.hstack([values, np.full((len(values), 1), none)])
