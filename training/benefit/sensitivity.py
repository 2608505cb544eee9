"""How strong would something unrecorded have to be to explain a suggestion away?

The E-value (VanderWeele and Ding 2017, Annals of Internal Medicine 167): the least risk ratio that a
hidden factor would need both with being sent to an intervention and with progress, beyond
everything recorded, to bring the estimate (or its bound) to zero. 1 means that no
such factor is needed; 2 means a factor that doubles both.
"""

import numpy as np
import pandas as pd

from catalogue.errors import UsageError
from training import frames
from training.benefit.model import BenefitModel
from training.frames import Floats

LEAST_CHANCE = 1e-3


def e_values(*, effect: object, baseline: object, deviation: float | None = None) -> Floats:
    """E-values of effects against `baseline`, the outcome expected under the reference.

    For a chance both are chances; for a number give the outcome's standard `deviation`, and the
    effect is turned into an approximate risk ratio (exp(0.91 d), the same paper). Effects of zero
    have the E-value 1.
    """
    change = np.asarray(effect, dtype=np.float64)
    if deviation is not None:
        if deviation <= 0:
            raise UsageError("The standard deviation of the outcome must be above 0.")
        ratio = np.exp(0.91 * np.abs(change) / deviation)
    else:
        before = np.clip(np.asarray(baseline, dtype=np.float64), LEAST_CHANCE, 1.0)
        after = np.clip(before + change, LEAST_CHANCE, 1.0)
        ratio = np.maximum(after / before, before / after)
    return np.asarray(ratio + np.sqrt(ratio * (ratio - 1)))


def leading_suggestions(model: BenefitModel, X: object, *, eligible: object | None = None) -> pd.DataFrame:
    """For each arm that leads for somebody: how strong a hidden factor would have to be to overturn it.

    One row an arm that `recommend` gives to anybody: `people`, the mean `effect` among them with its
    interval, and the E-values of the estimate and of its lower bound (1 where that
    is not above zero). The baseline is what the outcome model expects of supervision as usual.
    """
    table = frames.read(X)
    chosen = model.recommend(table, eligible)
    rows = model.rows_
    recorded = rows.outcome[~np.isnan(rows.outcome)]
    binary = bool(np.isin(recorded, (0.0, 1.0)).all())
    deviation = None if binary else float(recorded.std())
    baseline = (
        float(np.clip(rows.scores(rows.reference).mean(), 0.0, 1.0)) if binary else float(recorded.mean())
    )
    out = []
    for label in model.arms_:
        led = chosen == label
        if not led.any():
            continue
        effect, lower, upper = model.model_.mean_effects(table.take(led).columns)[str(label)]
        value, bound = e_values(effect=[effect, max(lower, 0.0)], baseline=baseline, deviation=deviation)
        out.append((label, int(led.sum()), effect, lower, upper, value, bound))
    names = ["arm", "people", "effect", "lower", "upper", "e_value", "e_value_of_bound"]
    return pd.DataFrame(out, columns=names)
