"""The audit for any data: rates or scored decisions by any characteristics, in any data frame.

`audit_rates` compares yes-or-no outcomes between groups; `audit_scores` compares the decisions that
a score and a threshold make. Both return an `Audit`: tables, disparities, a gate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from catalogue.errors import UsageError
from fairness import compare, crosscheck, findings, gate, policy, tables
from fairness.characteristics import NOT_RECORDED, PREFER_NOT_TO_SAY, Characteristic
from fairness.measures import Harm, Measure
from fairness.register import EMPTY, Register
from fairness.suppression import Ledger

NO_DAY = date.min
SHOWN_GAPS = 10
"""How many gaps `print` names before it counts the rest."""
READINGS = {
    compare.GapReading.GAP: "with a gap",
    compare.GapReading.SMALL: "with a small difference",
    compare.GapReading.ALIKE: "alike",
    compare.GapReading.UNSURE: "with a gap that may be there",
    compare.GapReading.UNCLEAR: "with no evidence of a gap",
}
LEFT_OUT = {
    compare.GroupStatus.LITTLE_RECORDED: "too little recorded",
    compare.GroupStatus.UNDEFINED: "without a rate",
    compare.GroupStatus.SUPPRESSED: "too few to publish",
}


@dataclass(frozen=True, slots=True)
class Audit:
    """Rates and comparisons of every group, ready to read, test or print.

    `comparisons`: one entry a measure, characteristic and group; `totals`: events and rows of each
    measure; `agreement`: the cross-check against fairlearn; `discrimination`: AUC by group where a
    score was audited, None where undefined or suppressed.
    """

    comparisons: tuple[compare.Comparison, ...]
    totals: Mapping[str, tuple[int, int]]
    agreement: crosscheck.Agreement
    discrimination: Mapping[tuple[str, str], float | None]
    measures: tuple[Measure, ...]
    characteristics: tuple[str, ...]

    @property
    def table(self) -> pl.DataFrame:
        """All comparisons, one row each; undefined and suppressed numbers are null."""
        return tables.frame(self.comparisons)

    @property
    def disparities(self) -> tuple[compare.Comparison, ...]:
        """The comparisons that show a gap."""
        return tuple(each for each in self.comparisons if each.reading is compare.GapReading.GAP)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The gaps in words."""
        return tuple(findings.sentence(each) for each in self.disparities)

    def __str__(self) -> str:
        """What `print` shows: how many comparisons came out how, the gate, and the gaps in words."""
        made = [each.reading for each in self.comparisons if each.reading is not None]
        readings = [f"{made.count(each)} {words}" for each, words in READINGS.items() if each in made]
        statuses = [each.status for each in self.comparisons]
        left = [f"{statuses.count(each)} {words}" for each, words in LEFT_OUT.items() if each in statuses]
        about = f"{_many(len(self.measures), 'measure')} by {', '.join(self.characteristics)}"
        lines = [
            f"Audit of {about}: {', '.join([_many(len(made), 'comparison'), *readings])}.",
            *([f"Not compared: {', '.join(left)}."] if left else []),
            f"Gate without a register: {self.gate().state}.",
        ]
        gaps = self.disparities
        lines += [
            f"- {each.measure.title} by {each.characteristic}. {findings.sentence(each)}"
            for each in gaps[:SHOWN_GAPS]
        ]
        if len(gaps) > SHOWN_GAPS:
            lines.append(f"- and {_many(len(gaps) - SHOWN_GAPS, 'more gap')}: see `sentences`.")
        return "\n".join(lines)

    def get(self, measure: str, characteristic: str, group: str) -> compare.Comparison:
        """One comparison by name. Raises `UsageError` where there is none."""
        for each in self.comparisons:
            if (each.measure.id, each.characteristic, each.group) == (measure, characteristic, group):
                return each
        raise UsageError(f'The audit has no group "{group}" of {characteristic} in {measure}.')

    def gate(self, *, register: Register = EMPTY, as_of: date = NO_DAY) -> gate.Gate:
        """Would this pass? Not where the event happened to nobody, nor where no two groups of a characteristic can be compared."""
        return gate.judge(
            self.comparisons,
            as_of=as_of,
            register=register,
            totals=self.totals,
            measures=self.measures,
            required=self.characteristics,
        )


def audit_rates(
    numerators: Mapping[str, ArrayLike] | ArrayLike,
    denominators: Mapping[str, ArrayLike] | ArrayLike | None = None,
    characteristics: Any = None,
    *,
    reference: Mapping[str, str] | None = None,
    person: ArrayLike | None = None,
    strata: Any = None,
    harm: Mapping[str, Harm] | Harm = "either",
    rules: policy.Policy | None = None,
) -> Audit:
    """Does an outcome happen to some groups more often than to others?

    `numerators`: did it happen, one boolean a row (several outcomes as a mapping from name);
    `denominators`: who is counted, the same shape (everybody by default); `characteristics`: a
    pandas or polars frame, a series, or a mapping of arrays, one value a row, missing where not
    recorded; `reference`: the comparison group of each characteristic (the largest recorded group
    where not named); `person`: whose row it is, where people have several; `strata`: columns in
    which people are to be alike (same forms as `characteristics`); `harm`: whether a lower or a
    higher rate disadvantages. Raises `UsageError` where the lengths differ or no characteristic is
    given.
    """
    columns = _columns(characteristics, "characteristics")
    if not columns:
        raise UsageError("An audit needs at least one characteristic; pass them as a frame or a mapping.")
    rows = len(next(iter(columns.values())))
    events = _named(numerators, "rate")
    counted = _named(denominators, "rate") if denominators is not None else {}
    if set(counted) - set(events):
        raise UsageError(f'There are denominators for "{min(set(counted) - set(events))}" but no numerators.')
    data: dict[str, pl.Series] = {}
    measures = []
    for name, values in events.items():
        happened = _booleans(values, name, rows)
        among = _booleans(counted[name], name, rows) if name in counted else pl.Series([True] * rows)
        data[name] = pl.select(pl.when(among).then(happened)).to_series()
        one_harm = harm if isinstance(harm, str) else harm.get(name, "either")
        measures.append(_measure(name, one_harm, alike=strata is not None))
    return _audit(
        data,
        measures=measures,
        columns=columns,
        reference=reference or {},
        person=person,
        strata=strata,
        rules=rules or policy.default(),
    )


def audit_scores(
    y_true: ArrayLike,
    score: ArrayLike,
    threshold: float,
    characteristics: Any,
    *,
    reference: Mapping[str, str] | None = None,
    person: ArrayLike | None = None,
    rules: policy.Policy | None = None,
) -> Audit:
    """Does a score with a threshold select, miss or wrongly catch some groups more often than others?

    `y_true`: what happened (0/1, missing where unknown); `score`: one number a row; rows with a
    score at or above `threshold` are selected. Measures: `selection_rate`, `base_rate`,
    `true_positive_rate`, `false_positive_rate`, `false_negative_rate`, `true_negative_rate`,
    `positive_predictive_value`, `accuracy`; `discrimination` holds the AUC. The other arguments are those of
    `audit_rates`. Where nobody is selected the gate says so: that is not fairness.
    """
    columns = _columns(characteristics, "characteristics")
    if not columns:
        raise UsageError("An audit needs at least one characteristic; pass them as a frame or a mapping.")
    values = np.asarray(score, dtype=float)
    actual = _booleans(y_true, "y_true", len(values))
    selected = pl.Series(values >= threshold)
    selected = pl.select(pl.when(pl.Series(np.isfinite(values))).then(selected)).to_series()
    known = actual.is_not_null() & selected.is_not_null()

    def among(condition: pl.Series, event: pl.Series) -> pl.Series:
        return pl.select(pl.when(condition & known).then(event)).to_series()

    data = {
        "selection_rate": selected,
        "base_rate": actual,
        "true_positive_rate": among(actual, selected),
        "false_negative_rate": among(actual, ~selected),
        "false_positive_rate": among(~actual, selected),
        "true_negative_rate": among(~actual, ~selected),
        "positive_predictive_value": among(selected, actual),
        "accuracy": among(pl.Series([True] * len(values)), selected == actual),
    }
    measures = [_decision(name) for name in data]
    audit = _audit(
        data,
        measures=measures,
        columns=columns,
        reference=reference or {},
        person=person,
        strata=None,
        rules=rules or policy.default(),
        actual=actual,
    )
    return replace(audit, discrimination=_discrimination(audit, columns, actual, values))


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _decision(name: str) -> Measure:
    """One decision rate, with the sets of people behind it, so that suppression knows which rates share a count."""
    sets: dict[str, tuple[str, str, str | None]] = {  # event, among, rest
        "selection_rate": ("selected", "scored", None),
        "base_rate": ("positives", "known", "negatives"),
        "true_positive_rate": ("caught", "scored positives", "missed"),
        "false_negative_rate": ("missed", "scored positives", "caught"),
        "false_positive_rate": ("caught wrongly", "scored negatives", "left"),
        "true_negative_rate": ("left", "scored negatives", "caught wrongly"),
        "positive_predictive_value": ("caught", "selected and known", "caught wrongly"),
        "accuracy": ("right", "scored and known", "wrong"),
    }
    # A rate and its complement are one fact: only one of the two is judged.
    judged = {"selection_rate", "true_positive_rate", "false_positive_rate", "positive_predictive_value"}
    event, among, rest = sets[name]
    return _measure(name, "either", alike=False).model_copy(
        update={
            "event_set": event,
            "among_set": among,
            "rest_set": rest,
            "gate": name in judged,
            "required": "compared" if name == "selection_rate" else "no",
        }
    )


def _audit(
    data: Mapping[str, pl.Series],
    *,
    measures: Sequence[Measure],
    columns: Mapping[str, list[str | None]],
    reference: Mapping[str, str],
    person: ArrayLike | None,
    strata: Any,
    rules: policy.Policy,
    actual: pl.Series | None = None,
) -> Audit:
    rows = len(next(iter(columns.values())))
    conditions = _columns(strata, "strata") if strata is not None else {}
    if conditions:
        measures = [each.model_copy(update={"conditions": tuple(conditions)}) for each in measures]
    for name in reference:
        if name not in columns:
            raise UsageError(f'The reference names a characteristic "{name}" that is not among those given.')
    frame = pl.DataFrame(
        {
            **{name: series.rename(name) for name, series in data.items()},
            **{f"by {name}": pl.Series(values, dtype=pl.String) for name, values in columns.items()},
            **{f"alike {name}": pl.Series(values, dtype=pl.String) for name, values in conditions.items()},
        }
    )
    if len(frame) != rows:
        raise UsageError("The outcomes and the characteristics must have the same number of rows.")
    frame = frame.with_columns(pl.col(f"by {name}").fill_null(NOT_RECORDED) for name in columns)
    if person is not None:
        frame = frame.with_columns(pl.Series("person", np.asarray(person).astype(str).tolist()))
    ledger = Ledger(rules.suppression_threshold)
    made: list[compare.Comparison] = []
    for name in columns:
        largest = _largest(frame[f"by {name}"])
        wanted = reference.get(name, largest)
        if name in reference and wanted not in set(frame[f"by {name}"]):
            raise UsageError(f'The reference of "{name}" is a group that the data do not hold.')
        characteristic = Characteristic(name=f"by {name}", title=name, reference=wanted)
        for measure in measures:
            made.extend(
                replace(each, characteristic=name)
                for each in compare.compare(
                    frame,
                    measure,
                    characteristic,
                    policy=rules,
                    conditions=[f"alike {each}" for each in conditions],
                    person="person" if person is not None else None,
                    ledger=ledger,
                )
            )
    settled = compare.settle(made, ledger, policy=rules)
    first = next(iter(data))
    agreement = crosscheck.against_fairlearn(
        {name: frame[f"by {name}"] for name in columns}, data[first], actual
    )
    totals = {name: (int(series.sum()), len(series) - series.null_count()) for name, series in data.items()}
    return Audit(settled, totals, agreement, {}, tuple(measures), tuple(columns))


def _measure(name: str, harm: Harm, *, alike: bool) -> Measure:
    return Measure(
        id=name,
        title=name.replace("_", " ").capitalize(),
        stage="data",
        event=f"count towards {name}",
        among="rows",
        event_set=name,
        among_set=f"counted for {name}",
        unit="rows",
        harm=harm,
        alike=alike,
        gate=True,
        required="compared",
    )


def _largest(groups: pl.Series) -> str:
    recorded = groups.filter(~groups.is_in([NOT_RECORDED, PREFER_NOT_TO_SAY]))
    if recorded.is_empty():
        return NOT_RECORDED
    counts = recorded.value_counts().sort(["count", recorded.name], descending=[True, False])
    return str(counts[recorded.name][0])


def _discrimination(
    audit: Audit, columns: Mapping[str, list[str | None]], actual: pl.Series, score: Any
) -> dict[tuple[str, str], float | None]:
    """AUC by group, by ranks; not where either outcome is absent or the counts are suppressed."""
    from scipy.stats import rankdata

    found: dict[tuple[str, str], float | None] = {}
    known = (actual.is_not_null() & pl.Series(np.isfinite(score))).to_numpy()
    happened = actual.fill_null(value=False).to_numpy()
    for each in audit.comparisons:
        if each.measure.id != "base_rate":
            continue
        mine = (
            np.array([(value or NOT_RECORDED) == each.group for value in columns[each.characteristic]])
            & known
        )
        positives, total = int((happened & mine).sum()), int(mine.sum())
        key = (each.characteristic, each.group)
        if each.status is compare.GroupStatus.SUPPRESSED or positives in {0, total}:
            found[key] = None
            continue
        ranks = rankdata(np.asarray(score)[mine])
        above = ranks[happened[mine]].sum() - positives * (positives + 1) / 2
        found[key] = float(above / (positives * (total - positives)))
    return found


def _named(values: Any, name: str) -> dict[str, ArrayLike]:
    if isinstance(values, Mapping):
        return dict(values)
    if hasattr(values, "columns"):
        return {str(column): values[column] for column in values.columns}
    return {name: values}


def _columns(values: Any, what: str) -> dict[str, list[str | None]]:
    """Any frame, series or mapping as text columns with None for missing."""
    if values is None:
        return {}
    if isinstance(values, Mapping):
        named = dict(values)
    elif hasattr(values, "columns"):
        named = {str(column): values[column] for column in values.columns}
    else:
        named = {str(getattr(values, "name", None) or "group"): values}
    made = {name: [_text(value) for value in _values(column)] for name, column in named.items()}
    if len({len(column) for column in made.values()}) > 1:
        raise UsageError(f"All {what} must have the same number of rows.")
    return made


def _values(column: Any) -> list[Any]:
    if hasattr(column, "to_list"):
        return list(column.to_list())
    return list(np.asarray(column, dtype=object).tolist())


def _text(value: Any) -> str | None:
    if value is None or value != value or str(value) in {"<NA>", "NaT"}:  # noqa: PLR0124  nan is not itself
        return None
    return str(value)


def _booleans(values: Any, name: str, rows: int) -> pl.Series:
    """0, 1, true, false or missing as a boolean series. Raises `UsageError` for anything else."""
    listed = [None if _text(value) is None else value for value in _values(values)]
    if len(listed) != rows:
        raise UsageError(f'"{name}" has {len(listed)} rows where {rows} are expected.')
    allowed = {0, 1, None}
    if any(value not in allowed for value in listed):
        raise UsageError(f'"{name}" holds something other than 0, 1, true, false or missing.')
    return pl.Series(name, [None if value is None else bool(value) for value in listed], dtype=pl.Boolean)
