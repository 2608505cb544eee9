"""Do the audit's own rates agree with fairlearn's `MetricFrame` on the same rows?

fairlearn gives 0 where a rate is undefined; those cells are left out of the comparison, and
counted, because here undefined stays undefined.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from fairness.cube import ACTUAL, DECISION_RATES, PREDICTED, build

TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many rates were compared with fairlearn's, the largest difference, how many are undefined."""

    compared: int
    undefined: int
    largest_difference: float

    @property
    def agrees(self) -> bool:
        """Whether all agree to 1e-12."""
        return self.largest_difference <= TOLERANCE

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "compared": self.compared,
            "undefined": self.undefined,
            "largest_difference": self.largest_difference,
            "agrees": self.agrees,
        }


def against_fairlearn(
    groups: Mapping[str, pl.Series], predicted: pl.Series, actual: pl.Series | None = None
) -> Agreement:
    """Compute every decision rate by group both ways; without `actual`, the selection rate alone.

    `groups`: one text series a characteristic; rows with a null in the outcome are left out.
    """
    import pandas as pd
    from fairlearn import metrics as fl

    truth = actual if actual is not None else predicted
    frame = pl.DataFrame({**groups, "_predicted": predicted, "_actual": truth}).drop_nulls(
        ["_predicted", "_actual"]
    )
    functions = {
        "selection_rate": fl.selection_rate,
        **(
            {
                "true_positive_rate": fl.true_positive_rate,
                "false_positive_rate": fl.false_positive_rate,
                "false_negative_rate": fl.false_negative_rate,
                "true_negative_rate": fl.true_negative_rate,
            }
            if actual is not None
            else {}
        ),
    }
    compared = undefined = 0
    largest = 0.0
    for name in groups:
        part = frame.drop_nulls([name]).rename({"_predicted": PREDICTED, "_actual": ACTUAL})
        if part.is_empty():
            continue
        cube = build(part, axes=[name], outcomes=[PREDICTED, ACTUAL])
        theirs = fl.MetricFrame(
            metrics=functions,
            y_true=part[ACTUAL].cast(pl.Int8).to_numpy(),
            y_pred=part[PREDICTED].cast(pl.Int8).to_numpy(),
            sensitive_features=pd.Series(part[name].to_list(), name=name),
        ).by_group
        for measure in functions:
            ours = DECISION_RATES[measure](cube, cube.counts)
            for (label,), value in zip(cube.groups, ours, strict=True):
                if np.isnan(value):
                    undefined += 1
                    continue
                compared += 1
                largest = max(largest, abs(float(theirs.loc[label, measure]) - float(value)))
    return Agreement(compared, undefined, largest)
