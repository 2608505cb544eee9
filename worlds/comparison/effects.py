"""How large are true effects, and how large do they look? Figures of effects and of the selection trap."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from catalogue.fields import PREDICTOR_BANDS
from features.outcomes import ARM_DAYS, NO_ARM
from worlds.comparison.referrals_and_reoffending import ended_referrals
from worlds.comparison.values import CONVICTIONS, YEAR, Tables, Value, with_reoffending


def effects(tables: Tables, truth: Mapping[str, pl.LazyFrame]) -> dict[str, Value]:
    """True effects, and how completers differ from others: by reoffending seen, and in truth."""
    keys = ["crn", "decided_on"]
    outcomes = truth["potential_outcomes"]
    none = outcomes.filter(intervention_id=NO_ARM).select(*keys, r0="p_reoffend", g0="p_progress")
    risk = (
        tables["assessments"]
        .filter(layer=3)
        .select("crn", decided_on="completed_on", ogrs="ogrs_2yr")
        .unique(keys)
    )
    compared = (
        outcomes.filter(pl.col("intervention_id") != NO_ARM).join(none, on=keys).join(risk.lazy(), on=keys)
    )
    low = (
        compared.filter(pl.col("ogrs") < _MEDIUM_RISK)
        .select(gap=(pl.col("p_progress") - pl.col("g0")).abs().max(), n=pl.len())
        .collect()
    )
    arms = truth["decision_points"].filter(pl.col("arm") != NO_ARM).rename({"arm": "intervention_id"})
    chosen = arms.join(compared, on=[*keys, "intervention_id"]).collect()
    medium = chosen.filter((pl.col("ogrs") >= _MEDIUM_RISK) & pl.col("intervention_id").is_in(_GENERAL))
    odds = (_logit("p_reoffend") - _logit("r0")).mean().exp()
    ratio = medium.select(odds)[0, 0] if medium.height else None
    contrast, of_them, count = _trap(tables, chosen)
    women = chosen.filter(intervention_id="womens-services-crs")
    points = (pl.col("r0") - pl.col("p_reoffend")) / pl.col("p_commence").clip(0.02)
    return {
        "low_risk_effect": (low[0, "gap"], int(low[0, "n"])),
        "programme_odds_ratio": (ratio, medium.height),
        "womens_services": (women.select(points.mean())[0, 0], women.height),
        "trap": (contrast, count),
        "trap_true": (of_them, count),
    }


# General cognitive programmes, which the published odds ratio is about.
_GENERAL = (
    "thinking-skills-programme-acp",
    "building-choices-moderate-intensity-acp",
    "building-choices-high-intensity-acp",
)


_MEDIUM_RISK = PREDICTOR_BANDS["ogrs_2yr"][1]


def _logit(column: str) -> pl.Expr:
    p = pl.col(column).clip(1e-6, 1 - 1e-6)
    return (p / (1 - p)).log()


def _trap(tables: Tables, chosen: pl.DataFrame) -> tuple[float | None, float | None, int]:
    """Reoffending of people who did not complete minus that of completers, and what completing truly took off."""
    last = tables["sentences"]["known_on"].max()
    ended = ended_referrals(tables).select("crn", "intervention_id", "referred_on", "completed")
    seen = (
        chosen.filter(pl.col("decided_on") <= pl.lit(last) - YEAR - CONVICTIONS)
        .join(ended, on=["crn", "intervention_id"])
        .filter((pl.col("referred_on") - pl.col("decided_on")).dt.total_days().is_between(0, ARM_DAYS))
    )
    seen = with_reoffending(
        seen, tables["reoffences"], keys=["crn", "decided_on"], since="decided_on", within=YEAR
    )
    rates = dict(seen.group_by("completed").agg(pl.col("again").mean()).rows())
    if set(rates) != {True, False}:
        return None, None, seen.height
    # The mean effect of a referral is shared out among completers.
    effect = seen.select(((pl.col("r0") - pl.col("p_reoffend")) / pl.col("p_complete").clip(0.02)).mean())[
        0, 0
    ]
    return rates[False] - rates[True], effect, seen.height
