"""How much of any effect does a person like this get? One factor for all arms, learned from all of them.

Interventions that work do so by the same road: somebody has to be at risk of what they prevent, to start and to
finish. So effects rise and fall together over people (the risk principle: next to nothing where the risk is low),
and every arm's effect is its own scorecard times this factor, which has mean one. It is fitted by regressing what
is left of the residual outcome on the effects learned without the person's own fold, function by function, with a
variance for each modifier found by marginal likelihood; where nothing says otherwise it is one for everybody.
"""

from typing import Final

import numpy as np

from scoring.effects import Moderation
from training.benefit_frame import Floats, Ints

LEAST_ARMS: Final = 6
"""With fewer arms there is nothing that they could share."""
ITERATIONS: Final = 30
FIRST_GUESS: Final = 0.3
"""First guess of a modifier's spread of the factor, whose mean is one."""
PSEUDO: Final = 1.0
"""How many pseudo-observations hold each modifier's variance near the guess of the others."""
FLOOR: Final = 1e-4


def fit(
    *,
    residual: Floats,
    effect: Floats,
    design: Floats,
    weight: Floats,
    widths: list[int],
    noise: float,
) -> Moderation:
    """The factor from rows: `effect` [rows] is what the arms' own scorecards expect beyond usual practice.

    `design` [rows, 1 + functions] and `widths` (functions of each modifier) are those of the scorecards.
    """
    functions = design[:, 1:] * effect[:, None]
    weighted = functions * weight[:, None]
    gram = weighted.T @ functions / noise
    cross = weighted.T @ (residual - effect) / noise
    blocks = np.repeat(np.arange(len(widths)), widths)
    variance = np.full(len(widths), FIRST_GUESS**2)
    mean, covariance = _posterior(gram, cross, variance[blocks])
    for _ in range(ITERATIONS):
        variance = _update(variance, mean=mean, covariance=covariance, blocks=blocks)
        mean, covariance = _posterior(gram, cross, variance[blocks])
    return Moderation(coefficients=mean, covariance=covariance)


def _posterior(gram: Floats, cross: Floats, variance: Floats) -> tuple[Floats, Floats]:
    covariance = np.linalg.inv(gram + np.diag(1 / variance))
    return np.asarray(covariance @ cross), np.asarray((covariance + covariance.T) / 2)


def _update(variance: Floats, *, mean: Floats, covariance: Floats, blocks: Ints) -> Floats:
    """One Fellner-Schall step of every modifier's variance, each held near that of them all."""
    count = len(variance)
    squares = np.bincount(blocks, weights=mean**2, minlength=count)
    left = np.bincount(blocks, weights=1 - np.diag(covariance) / variance[blocks], minlength=count)
    centre = float(variance.mean())
    stepped = (squares + PSEUDO * centre) / (np.maximum(left, 0.0) + PSEUDO)
    return np.asarray(np.clip(stepped, FLOOR, 4.0))
