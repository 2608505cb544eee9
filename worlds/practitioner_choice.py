"""Who is referred to what? A practitioner's choice among the eligible arms and none.

The choice follows need, risk, motivation, requirements, waits, travel, and the habits of region and
practitioner. It is a multinomial logit, and its probabilities are the propensities of `truth/`. Latent
engagement counts only if a world sets `hidden_confounding`, a person's group only if OFFER is planted.
"""

from __future__ import annotations

import numpy as np

from features.contract import REQUIREMENT_TYPES
from worlds.draws import Bools, Draws, Floats, Ints
from worlds.interventions import FAMILIES, Arms
from worlds.settings import WorldSettings
from worlds.true_chances import Situation, matched

_NONE_APPEAL = 2.55
_TREATMENT = [
    REQUIREMENT_TYPES.index(name)
    for name in ("DRUG_REHABILITATION", "ALCOHOL_TREATMENT", "MENTAL_HEALTH_TREATMENT")
]


def propensities(
    *,
    situation: Situation,
    arms: Arms,
    world: WorldSettings,
    seed: int,
    eligible: Bools,
    available: Bools,
    wait: Floats,
    minutes: Floats,
    fits: Bools,
    requirements: Bools,
    completed: Bools,
    region: Ints,
    practitioner: Ints,
    offer_penalty: Floats,
) -> Floats:
    """Chance of each arm (columns) and of NONE (last column); zero where not eligible."""
    meets = matched(situation, arms)
    behavioural = arms.of_type("ACP", "SI")
    k = world.confounding
    count = (situation.need[:, None, :] & arms.targets[None, :, :]).sum(axis=2)
    utility = (
        arms.popularity[None, :]
        + k * np.where(meets, 0.35 + 0.25 * np.minimum(count, 3), -0.9)
        + k * np.where(behavioural, 0.35, 0.05)[None, :] * situation.risk[:, None]
        + k * 0.25 * (situation.motivation - 1)[:, None]
        + np.where(available | situation.custody[:, None], 0.0, -2.5)
        - np.where(available, 0.04 * (wait - 5) + 0.008 * (minutes - 30), 0.0)
        + np.where(fits, 0.0, -4.0)
        - 2.0 * completed
        + world.hidden_confounding * situation.engagement[:, None]
        - offer_penalty[:, None] * behavioural[None, :]
    )
    utility += _leaning(seed, "practitioner leaning", practitioner, arms, 0.45 * k)
    utility += _leaning(seed, "region leaning", region, arms, 0.35 * k)
    ordered = np.zeros_like(utility, dtype=np.bool_)
    for requirement in sorted(set(arms.requirement.tolist()) - {-1}):
        ordered |= requirements[:, [requirement]] & (arms.requirement == requirement)[None, :]
    utility += 2.6 * ordered
    weights = np.where(eligible, np.exp(utility), 0.0)
    weights = np.hstack([weights, np.full((len(weights), 1), np.exp(_NONE_APPEAL))])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _leaning(seed: int, stream: str, who: Ints, arms: Arms, size: float) -> Floats:
    """Which families of interventions a practitioner, or a region, uses more than others do."""
    tendency = size * Draws(seed=seed, people=who).normal(stream, width=len(FAMILIES))
    return np.asarray(tendency[:, arms.family], dtype=np.float64)
