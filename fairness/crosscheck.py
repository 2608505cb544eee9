"""Do the audit's own rates agree with fairlearn's `MetricFrame` on the same rows?

Rows with the same group and outcomes are given to fairlearn as one row with their number as its weight; they are
counted for this by numpy, not by the cube that is checked. fairlearn gives 0 where a rate is undefined; those cells are left out of the comparison, and
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
        labels, counts = _counted(part, name)
        weights = {"sample_weight": counts.ravel()[counts.ravel() > 0]}
        group, happened, said = (axis[counts > 0] for axis in np.indices(counts.shape))
        theirs = fl.MetricFrame(
            metrics=functions,
            y_true=happened,
            y_pred=said,
            sensitive_features=pd.Series([labels[place] for place in group], name=name),
            sample_params=dict.fromkeys(functions, weights),
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


def _counted(
    rows: pl.DataFrame, group: str
) -> tuple[list[str], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """The labels of the groups, and how many rows have each [group, actual, predicted]."""
    labels = rows[group].unique().sort().to_list()
    codes = rows[group].cast(pl.Enum(labels))
    flat = codes.to_physical().to_numpy().astype(np.int64) * 4
    flat += 2 * rows[ACTUAL].to_numpy() + rows[PREDICTED].to_numpy()
    return labels, np.bincount(flat, minlength=4 * len(labels)).reshape(len(labels), 2, 2)
