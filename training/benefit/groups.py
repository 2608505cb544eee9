"""Does an intervention help one group more or less than it helps others who are like them?

Groups differ in risk and need, so their average effects differ even where nobody is served worse. This asks
what is left: the doubly robust contrast less the individual effect that the model expects of the same facts.
Many arms and groups are looked at together, so a difference is reported only where it stands after Benjamini
and Hochberg (1995): of what is reported, at most `rate` is expected to be chance.
"""

import math
from typing import Final

import numpy as np
import pandas as pd
import scipy.stats

from training import frames
from training.benefit.rows import TrainingRows

RATE: Final = 0.05
LEAST_RECORDED: Final = 30
"""People with the arm and an outcome, in the group and in the rest, under which nothing is compared."""


def differences(rows: TrainingRows, by: object, *, rate: float = RATE) -> pd.DataFrame:
    """By how much does an effect differ between each group of `by` and the rest, given the same facts?

    One row an arm and group that can be compared: `difference`, its interval (95%), `p`, and
    `reported`: whether it stands at the stated false discovery `rate`. With two groups one of them is
    given, the other being its mirror image.
    """
    codes, values = frames.codes(by, name="by", length=len(rows.arm))
    base = rows.expected[:, rows.reference].astype(np.float64)
    reference = rows.scores(rows.reference)
    out = []
    for place, arm in enumerate(rows.arms):
        if place == rows.reference:
            continue
        allowed = rows.eligible[:, place]
        left = rows.scores(place) - reference - (rows.expected[:, place] - base)
        told = (rows.weight > 0) & (rows.arm == place) & allowed
        for code in range(len(values) if len(values) > 2 else 1):
            here, rest = allowed & (codes == code), allowed & (codes != code)
            if min((told & here).sum(), (told & rest).sum()) < LEAST_RECORDED:
                continue
            influence = np.where(here, left - left[here].mean(), 0.0) / here.sum()
            influence -= np.where(rest, left - left[rest].mean(), 0.0) / rest.sum()
            error = math.sqrt(float((np.bincount(rows.groups, weights=influence) ** 2).sum()))
            difference = float(left[here].mean() - left[rest].mean())
            p = float(2 * scipy.stats.norm.sf(abs(difference) / error)) if error > 0 else 1.0
            half = float(scipy.stats.norm.ppf(0.975)) * error
            out.append((arm, str(values[code]), difference, difference - half, difference + half, p))
    frame = pd.DataFrame(out, columns=["arm", "group", "difference", "lower", "upper", "p"])
    found = scipy.stats.false_discovery_control(frame["p"].to_numpy()) if len(frame) else np.zeros(0)
    return frame.assign(reported=found <= rate)
