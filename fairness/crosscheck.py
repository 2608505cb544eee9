"""Do the audit's rates agree with fairlearn's `MetricFrame` on the same rows?

Our rates are counted by polars. fairlearn gets one row for each combination of group and outcomes, with the number of
such rows as its weight, counted by numpy. So the two counts are independent. fairlearn gives 0 where a rate is
undefined. Those rates are left out of the comparison and counted, because here undefined stays undefined.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

TOLERANCE = 1e-12
PREDICTED, ACTUAL = "_predicted", "_actual"


def _share(event: pl.Expr, among: pl.Expr | None = None) -> pl.Expr:
    """The share with the event; 0 divided by 0 is NaN, which stands for undefined."""
    counted = event if among is None else event.filter(among)
    return counted.sum().cast(pl.Float64) / counted.len()


_SAID, _HAPPENED = pl.col(PREDICTED), pl.col(ACTUAL)
RATES: Final[Mapping[str, pl.Expr]] = {
    "selection_rate": _share(_SAID),
    "true_positive_rate": _share(_SAID, _HAPPENED),
    "false_positive_rate": _share(_SAID, ~_HAPPENED),
    "false_negative_rate": _share(~_SAID, _HAPPENED),
    "true_negative_rate": _share(~_SAID, ~_HAPPENED),
}
"""The rates that both sides give, by fairlearn's names."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many rates were compared with fairlearn's, the largest difference, and how many are undefined."""

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

    `groups`: one text series for each characteristic. Rows with a null in an outcome are left out.
    """
    import pandas as pd
    from fairlearn import metrics as fl

    truth = actual if actual is not None else predicted
    frame = pl.DataFrame({**groups, PREDICTED: predicted, ACTUAL: truth}).drop_nulls([PREDICTED, ACTUAL])
    names = list(RATES) if actual is not None else ["selection_rate"]
    functions = {name: getattr(fl, name) for name in names}
    compared = undefined = 0
    largest = 0.0
    for name in groups:
        part = frame.drop_nulls([name])
        if part.is_empty():
            continue
        ours = part.group_by(name).agg(RATES[measure].alias(measure) for measure in names).sort(name)
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
        for measure in names:
            for label, value in ours.select(name, measure).iter_rows():
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
