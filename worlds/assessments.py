"""What does an assessment record? Section scores, items, links, predictors, responsivity.

Items add up to their section where OASys adds them up. The seven items of the thinking total follow the
same scores. RSR, OSP, RoSH and SARA are assumptions, because no formula for them is public.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from features import predictors
from features.age import whole_years
from features.contract import LEVELS, OFFENCE_TYPES, SECTIONS
from worlds.columns import blank
from worlds.draws import Bools, Draws, Floats, Ints
from worlds.needs import (
    ACCOMMODATION,
    ALCOHOL,
    ATTITUDES,
    DRUGS,
    EMOTIONAL,
    LIFESTYLE,
    MAXIMA,
    RELATIONSHIPS,
    THINKING,
    WORK,
    over_threshold,
)
from worlds.offences import ogrs3_weights, types_of_offences, violent_offences
from worlds.people import People
from worlds.settings import WorldSettings
from worlds.state import State

_SEXUAL, _INTERNET_ONLY, _PARTNER, _DOMESTIC, _GANG, _EXTREMISM = (
    OFFENCE_TYPES.index(name)
    for name in (
        "SEXUAL",
        "SEXUAL_INTERNET_ONLY",
        "INTIMATE_PARTNER_VIOLENCE",
        "DOMESTIC_ABUSE",
        "GANG",
        "EXTREMISM",
    )
)
GENERATION_CHANGE = 20620  # 2026-06-16: the source of the formulae dropped OGRS3 the day after


def _split(total: Ints, parts: int, draws: Draws, stream: str, step: int) -> Ints:
    """Parts of 0, 1 or 2 that add up to `total` (person by parts)."""
    left, out = total.copy(), np.zeros((len(total), parts), dtype=np.int64)
    u = draws.uniform(stream, step, width=parts)
    for part in range(parts):
        remaining = parts - part
        low, high = np.maximum(0, left - 2 * (remaining - 1)), np.minimum(2, left)
        out[:, part] = np.clip(np.floor(left / remaining + u[:, part]), low, high)
        left -= out[:, part]
    return out


def _item(level: Floats, u: Floats) -> Ints:
    """An item of 0, 1 or 2 that follows a level from 0 to 1."""
    return ((u < level) & True).astype(np.int64) + (u < level * level * 0.8).astype(np.int64)


def true_ogrs(state: State, rows: Ints, on: Ints) -> Floats:
    """The OGRS3 linear predictor on these days. Follow-up begins on release, or on the sentence if that is later."""
    people = state.people
    start = np.maximum(np.minimum(state.released[rows], on), state.sentenced[rows])
    conviction_age = whole_years(state.sentenced[rows], people.born[rows])
    return predictors.ogrs3_linear_predictor(
        male=people.male[rows],
        age_at_followup=np.maximum(whole_years(start, people.born[rows]), 18),
        age_at_conviction=conviction_age,
        age_first_sanction=np.minimum(people.first_age[rows], conviction_age),
        sanctions=state.previous[rows] + 1,
        weight=ogrs3_weights()[state.offence[rows]],
    )


def motivation(people: People, rows: Ints, step: int) -> Ints:
    """Motivation as assessed, 0 to 2: latent engagement with noise."""
    seen = people.engagement[rows] + 0.85 * people.draws.take(rows).normal("motivation", step)
    return (seen > -0.7).astype(np.int64) + (seen > 0.6).astype(np.int64)


def assess(*, state: State, rows: Ints, on: Ints, step: int, world: WorldSettings) -> pl.DataFrame:
    """The assessments of these rows on these days, as columns of `assessments`, answered or not."""
    draws, people = state.people.draws.take(rows), state.people
    needs, answered = state.needs[rows], state.answered[rows]
    male = people.male[rows]
    now, before = types_of_offences()[state.offence[rows]], state.past_types[rows]
    partner, partner_past = now[:, _PARTNER], before[:, _PARTNER] | before[:, _DOMESTIC]
    sexual = now[:, _SEXUAL] | before[:, _SEXUAL]
    columns: dict[str, Ints | Bools | Floats | pl.Series] = {}
    thinking = _split(needs[:, THINKING], 4, draws, "thinking items", step)
    attitudes = _split(needs[:, ATTITUDES], 4, draws, "attitude items", step)
    family = _split(needs[:, RELATIONSHIPS], 3, draws, "family items", step)
    lifestyle = _split(needs[:, LIFESTYLE], 3, draws, "lifestyle items", step)
    u = draws.uniform("items", step, width=9)
    level = needs[:, THINKING] / MAXIMA[THINKING]
    temper = np.minimum(_item(np.clip(0.15 + 0.75 * level, 0, 1), u[:, 3]), 2)
    columns |= {
        "q2_6": _item(np.clip(0.2 + 0.6 * level, 0, 1), u[:, 0]),
        "q6_1": family[:, 0],
        "q6_6": family[:, 2],
        "q6_12": np.where(sexual, _item(np.full(len(rows), 0.45), u[:, 1]), 0),
        "q7_2": lifestyle[:, 0],
        "q7_3": lifestyle[:, 1],
        "q10_1": _item(np.clip(needs[:, EMOTIONAL] / 9, 0, 1), u[:, 2]),
        "q11_2": _item(np.clip(0.1 + 0.8 * level, 0, 1), u[:, 4]),
        "q11_3": _item(np.clip(0.1 + 0.55 * level + 0.25 * (partner | partner_past), 0, 1), u[:, 5]),
        "q11_4": temper,
        "q11_6": thinking[:, 1],
        "q11_7": thinking[:, 2],
        "q11_9": thinking[:, 3],
        "q11_11": np.where(sexual, _item(np.full(len(rows), 0.35), u[:, 6]), 0),
        "q11_12": np.where(sexual, _item(np.full(len(rows), 0.4), u[:, 7]), 0),
        "q12_1": attitudes[:, 0],
        "q12_9": attitudes[:, 3],
        "q1_30": sexual,
        "q6_11": sexual,
        "q2_3d_domestic_abuse": now[:, _DOMESTIC],
        "q6_7_domestic_abuse_past": partner_past | partner,
    }
    links = draws.uniform("links", step, width=12)
    need = over_threshold(needs)
    for index, section in enumerate(SECTIONS):
        columns[f"{section.split('_')[0]}_linked_reoffending"] = links[:, index] < np.where(
            need[:, index], 0.7, 0.08
        )
    columns["s11_linked_harm"] = links[:, 10] < np.where(need[:, THINKING], 0.5, 0.06)
    columns["s12_linked_harm"] = links[:, 11] < np.where(need[:, ATTITUDES], 0.3, 0.05)
    columns |= _predictors(state=state, rows=rows, on=on, items=columns, draws=draws, step=step)
    columns |= _harm(
        columns=columns,
        now=now,
        sexual=sexual,
        partner=partner,
        partner_past=partner_past,
        male=male,
        draws=draws,
        step=step,
    )
    drugs, alcohol = needs[:, DRUGS], needs[:, ALCOHOL]
    dependent = draws.chance("dependence", np.where((drugs >= 6) | (alcohol >= 6), 0.7, 0.04), step)
    columns |= {
        "erg": blank(18 + draws.days("erg", 0, 14, step), ~now[:, _EXTREMISM]),
        "learning_screen_subtotal": np.where(people.learning[rows], 4, 0) + draws.days("screen", 0, 3, step),
        "maturity_flag": blank(
            draws.chance("maturity", 0.4), ~((whole_years(on, people.born[rows]) < 26) & male)
        ),
        "motivation": motivation(people, rows, step),
        "acute_mental_health": people.psychiatric[rows] & draws.chance("acute", 0.2, step),
        "substance_stable": ~(dependent & draws.chance("unstable", 0.5, step)),
        "gang_identification": now[:, _GANG] | draws.chance("gang", 0.015),
        "dependence": dependent,
    }
    return _recorded(columns=columns, needs=needs, answered=answered, draws=draws, step=step, world=world)


def _predictors(
    *,
    state: State,
    rows: Ints,
    on: Ints,
    items: dict[str, Ints | Bools | Floats | pl.Series],
    draws: Draws,
    step: int,
) -> dict[str, Ints | Bools | Floats | pl.Series]:
    people, needs = state.people, state.needs[rows]
    log_odds = true_ogrs(state, rows, on)
    ogrs = predictors.ogrs3_percent(log_odds).two_year
    homeless, unemployed = needs[:, ACCOMMODATION] >= 5, needs[:, WORK] >= 4
    sanctions = state.previous[rows] + 1
    index_violent = violent_offences()[state.offence[rows]]
    drug_items = np.minimum(needs[:, DRUGS], 4)
    ogp = predictors.ogp(
        predictors.ogp_points(
            ogrs3_two_year=ogrs,
            no_fixed_abode=homeless,
            unemployed=unemployed,
            offending_activities=np.asarray(items["q7_2"]),
            drugs=drug_items,
            thinking=np.asarray(items["q11_6"]) + np.asarray(items["q11_7"]) + np.asarray(items["q11_9"]),
            attitudes=np.asarray(items["q12_1"]),
        )
    ).two_year
    points = predictors.ovp_points(
        male=people.male[rows],
        age_at_followup=np.maximum(whole_years(on, people.born[rows]), 18),
        sanctions=sanctions,
        violent_sanctions=np.minimum(state.violent_previous[rows] + index_violent, sanctions),
        impact_not_recognised=np.asarray(items["q2_6"]) > 0,
        no_fixed_abode=homeless,
        unemployed=unemployed,
        alcohol=np.minimum(needs[:, ALCOHOL] // 2, 4),
        psychiatric_treatment=people.psychiatric[rows],
        temper=np.asarray(items["q11_4"]),
        attitudes=np.asarray(items["q12_1"]),
    )
    ovp = predictors.ovp(points).two_year
    # A rate that rises with the violence score; most people have a low one.
    rsr = np.round(np.clip(np.exp(-2.6 + 0.055 * ovp + 0.5 * draws.normal("rsr", step)), 0.02, 60), 2)
    generation = pl.Series(["OGRS3", "OGRS4"]).gather(pl.Series((on > GENERATION_CHANGE).astype(np.int64)))
    return {
        "predictor_generation": generation,
        "ogrs_2yr": ogrs.astype(np.float64),
        "ogp_2yr": ogp.astype(np.float64),
        "ovp_2yr": ovp.astype(np.float64),
        "rsr": rsr,
    }


def _harm(
    *,
    columns: dict[str, Ints | Bools | Floats | pl.Series],
    now: Bools,
    sexual: Bools,
    partner: Bools,
    partner_past: Bools,
    male: Bools,
    draws: Draws,
    step: int,
) -> dict[str, pl.Series]:
    bands = pl.Series(LEVELS)
    osp = pl.Series([*LEVELS, "NOT_APPLICABLE"])
    contact = sexual & ~now[:, _INTERNET_ONLY]
    ovp = np.asarray(columns["ovp_2yr"], dtype=np.float64)
    rosh = draws.normal("rosh", step) + 0.022 * (ovp - 30) + 1.0 * now[:, _SEXUAL] + 0.5 * partner
    sara = draws.normal("sara") + 0.02 * (ovp - 30) + 0.7 * partner
    level = (sara > 0.1).astype(np.int64) + (sara > 1.5)
    other = (sara + 0.5 * draws.normal("sara other") > 0.7).astype(np.int64) + (sara > 2.0)
    unasked = ~(partner | partner_past)
    return {
        "osp_dc": osp.gather(
            pl.Series(np.where(male & contact, draws.choice("osp dc", (0.45, 0.32, 0.17, 0.06)), 4))
        ),
        "osp_iic": osp.gather(
            pl.Series(
                np.where(
                    male & (now[:, _INTERNET_ONLY] | contact),
                    draws.choice("osp iic", (0.45, 0.33, 0.17, 0.05)),
                    4,
                )
            )
        ),
        "rosh": bands.gather(pl.Series((rosh > -0.6).astype(np.int64) + (rosh > 1.15) + (rosh > 2.9))),
        "sara_partner": blank(bands.gather(pl.Series(level)), unasked),
        "sara_other": blank(bands.gather(pl.Series(other)), unasked),
    }


_SECTION_ITEMS = {
    "s6_relationships": ("q6_1", "q6_6"),
    "s7_lifestyle": ("q7_2", "q7_3"),
    "s10_emotional": ("q10_1",),
    "s11_thinking": ("q11_2", "q11_3", "q11_4", "q11_6", "q11_7", "q11_9"),
    "s12_attitudes": ("q12_1", "q12_9"),
}


def _recorded(
    *,
    columns: dict[str, Ints | Bools | Floats | pl.Series],
    needs: Ints,
    answered: Bools,
    draws: Draws,
    step: int,
    world: WorldSettings,
) -> pl.DataFrame:
    """The assessment as recorded: a section that was not answered is empty, and so are its items and link."""
    frame = pl.DataFrame(columns)
    blanks: dict[str, pl.Series] = {}
    for index, section in enumerate(SECTIONS):
        unanswered = ~answered[:, index]
        blanks[section] = blank(needs[:, index], unanswered)
        link = f"{section.split('_')[0]}_linked_reoffending"
        for name in (link, *_SECTION_ITEMS.get(section, ())):
            blanks[name] = blank(frame[name], unanswered)
    sometimes = (
        "learning_screen_subtotal",
        "motivation",
        "acute_mental_health",
        "substance_stable",
        "dependence",
        "q2_6",
    )
    for name in sometimes:
        blanks[name] = blank(
            blanks.get(name, frame[name]), draws.chance(f"blank {name}", world.section_missing, step)
        )
    blanks["rosh"] = blank(frame["rosh"], draws.chance("blank rosh", world.section_missing / 3, step))
    return frame.with_columns(**blanks)
