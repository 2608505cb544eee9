"""What has to be known apart from the effects? Who is sent where, what happens anyway, who is seen again.

Everything is cross-fitted by person: no row's nuisances were learned from rows of the same
person. The block of time is a covariate of each, so that a drift of practice or of outcomes is
adjusted for and every fold spans all times.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.special

from training.benefit import modifiers
from training.frames import Floats, FrameColumns, Ints

FEW_ARMS: Final = 8
"""Up to this many arms, a boosted multiclass model is tried as well as the masked softmax."""
LEAST_SEEN: Final = 0.05
"""Least chance of an outcome being recorded that a weight is built on."""
RIDGE: Final = 3.0
CHOICE_RIDGE: Final = 30.0
"""Of the softmax: its many coefficients a row are mostly noise."""
SOFTMAX_STEPS: Final = 60
WIDTH: Final = 160
"""Most functions of the features that the softmax and the linear outcome model read."""
CALIBRATION_ROWS: Final = 60_000
"""Rows on which the chances of all arms are calibrated."""
CALIBRATION_STEPS: Final = 60
SHIFT_RIDGE: Final = 1.0
"""How strongly an arm's shift is held at zero: about as one more row would."""
MOST_ROWS: Final = 60_000
"""Rows that one softmax is fitted on; the rest only reads it."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """The features in both forms that nuisance models read: `raw` for trees, `smooth` for linear ones."""

    raw: npt.NDArray[np.float32]
    smooth: npt.NDArray[np.float32]
    categorical: list[int]


def features(table: FrameColumns, time: Ints | None) -> Features:
    """Lay out a table (and the block of time, as one more category) for the nuisance models."""
    columns: list[Floats] = []
    categorical: list[int] = []
    smooth: list[Floats] = []
    degree = 2 if 3 * len(table.names) <= WIDTH else 1
    for name in table.names:
        modifier = modifiers.cut(table, name, degree=degree)
        if modifier is None:
            continue
        bins = modifier.bins_of(table.columns[name])
        smooth.append(modifier.basis[bins])
        if name in table.numbers:
            columns.append(table.numbers[name])
        else:
            categorical.append(len(columns))
            columns.append(bins.astype(np.float64))
    if time is not None:
        blocks = np.eye(int(time.max()) + 1)[time]
        smooth.append(blocks - blocks.mean(axis=0))
        columns.append(time.astype(np.float64))
    n = table.length
    raw = np.column_stack(columns) if columns else np.zeros((n, 1))
    wide = np.concatenate([np.ones((n, 1)), *smooth], axis=1)
    return Features(raw=raw.astype(np.float32), smooth=wide.astype(np.float32), categorical=categorical)


def person_folds(groups: Ints, *, folds: int, seed: int) -> Ints:
    """A fold for each row; all rows of a person are in one."""
    people = int(groups.max()) + 1
    places = np.random.default_rng(seed).permutation(people) % folds
    return places[groups].astype(np.int64)


def time_blocks(time: npt.NDArray[Any], *, blocks: int = 4) -> Ints:
    """Blocks of time with about equally many rows, in order."""
    ranks = np.unique(time, return_inverse=True)[1].astype(np.float64)
    inner = np.quantile(ranks, np.linspace(0, 1, blocks + 1)[1:-1])
    return np.searchsorted(np.unique(inner), ranks, side="right").astype(np.int64)


def trees(*, objective: str, rows: int, threads: int, seed: int, **more: Any) -> dict[str, Any]:
    """LightGBM settings for `rows` rows: cautious, and the same bytes each time."""
    return {
        "objective": objective,
        "learning_rate": 0.06,
        "num_leaves": 15,
        "min_child_samples": int(np.clip(rows // 100, 10, 100)),
        "lambda_l2": 5.0,
        "feature_fraction": 0.7,
        "max_bin": 63,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "seed": seed,
        "verbosity": -1,
        **more,
    }


def splits(fold: Ints) -> Iterator[tuple[Ints, Ints]]:
    """(training rows, held-out rows) of every fold."""
    for number in range(int(fold.max()) + 1):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _boost(x: Features, y: Floats, weight: Floats, settings: dict[str, Any], rounds: int) -> lgb.Booster:
    data = lgb.Dataset(
        x.raw,
        label=y,
        weight=weight,
        categorical_feature=x.categorical,
        params={"verbosity": -1, "max_bin": 63},
    )
    return lgb.train(settings, data, num_boost_round=rounds)


def _rows(x: Features, rows: Ints) -> Features:
    return Features(raw=x.raw[rows], smooth=x.smooth[rows], categorical=x.categorical)


def outcome_model(
    x: Features, outcome: Floats, weight: Floats, fold: Ints, *, threads: int, seed: int
) -> Floats:
    """The expected outcome of every row under usual practice, cross-fitted: [rows].

    A boosted and a linear ridge model, mixed in the proportion that fits best out of fold. Rows
    with weight 0 are not learned from.
    """
    boosted, linear = np.zeros(len(outcome)), np.zeros(len(outcome))
    binary = bool(np.isin(outcome[weight > 0], (0.0, 1.0)).all())
    for learn, held in splits(fold):
        use = learn[weight[learn] > 0]
        settings = trees(
            objective="binary" if binary else "regression", rows=len(use), threads=threads, seed=seed
        )
        booster = _boost(_rows(x, use), outcome[use], weight[use], settings, rounds=120)
        boosted[held] = np.asarray(booster.predict(x.raw[held], num_threads=threads))
        design = x.smooth[use].astype(np.float64)
        penalty = RIDGE * np.eye(design.shape[1])
        penalty[0, 0] = 1e-6
        gram = (design * weight[use, None]).T @ design + penalty
        beta = np.linalg.solve(gram, design.T @ (weight[use] * outcome[use]))
        linear[held] = x.smooth[held] @ beta
    difference = boosted - linear
    spread = float((weight * difference**2).sum())
    share = float((weight * difference * (outcome - linear)).sum()) / spread if spread > 0 else 0.0
    return np.asarray(linear + np.clip(share, 0.0, 1.0) * difference)


def observation_weights(
    x: Features,
    seen: npt.NDArray[np.bool_],
    arm: Ints,
    always: npt.NDArray[np.bool_],
    fold: Ints,
    *,
    threads: int,
    seed: int,
) -> Floats:
    """1 / chance that this row's outcome was recorded, cross-fitted; 0 where it was not.

    `always` marks rows whose outcome would have been recorded in any case (a reoffence is
    known without a new assessment): they weigh 1 and teach nothing about who else is seen.
    """
    weight = seen.astype(np.float64)
    if seen.all():
        return weight
    with_arm = Features(
        raw=np.column_stack([x.raw, arm]).astype(np.float32),
        smooth=x.smooth,
        categorical=[*x.categorical, x.raw.shape[1]],
    )
    chance = np.ones(len(seen))
    for learn, held in splits(fold):
        use = learn[~always[learn]]
        settings = trees(
            objective="binary",
            rows=len(use),
            threads=threads,
            seed=seed,
            cat_smooth=50.0,
            min_data_per_group=50,
        )
        booster = _boost(
            _rows(with_arm, use), seen[use].astype(np.float64), np.ones(len(use)), settings, rounds=80
        )
        chance[held] = np.asarray(booster.predict(with_arm.raw[held], num_threads=threads))
    chance = np.where(always, 1.0, np.clip(chance, LEAST_SEEN, 1.0))
    return weight / chance


def propensities(
    x: Features,
    arm: Ints,
    eligible: npt.NDArray[np.bool_],
    fold: Ints,
    *,
    threads: int,
    seed: int,
    say: Callable[[str], None],
    reference: int | None = None,
) -> npt.NDArray[np.float32]:
    """The chance of each arm among the arms a person was eligible for: [rows, arms], cross-fitted.

    A softmax over the eligible arms, calibrated out of fold; with few arms a boosted multiclass model
    competes, and the better out-of-fold likelihood is taken. With many, whether anything is chosen but the
    `reference` (None: the most common arm) is boosted on top of it, because all effects share its error.
    """
    n, arms = eligible.shape
    logits = np.zeros((n, arms), dtype=np.float32)
    for number, (learn, held) in enumerate(splits(fold), start=1):
        weights = _softmax_fit(x.smooth[learn], arm[learn], eligible[learn])
        logits[held] = x.smooth[held] @ weights
        say(f"propensities, fold {number}")
    softmax = _calibrate(logits, arm, eligible)
    if arms > FEW_ARMS:
        if reference is None:
            reference = int(np.bincount(arm, minlength=arms).argmax())
        return _with_boosted(softmax, x, arm, eligible, fold, reference=reference, threads=threads, seed=seed)
    boosted = np.zeros((n, arms), dtype=np.float32)
    for learn, held in splits(fold):
        settings = trees(objective="multiclass", rows=len(learn), threads=threads, seed=seed, num_class=arms)
        booster = _boost(
            _rows(x, learn), arm[learn].astype(np.float64), np.ones(len(learn)), settings, rounds=80
        )
        boosted[held] = np.asarray(booster.predict(x.raw[held], raw_score=True, num_threads=threads))
    other = _calibrate(boosted, arm, eligible)
    rows = np.arange(n)
    better = (
        np.log(np.maximum(other[rows, arm], 1e-9)).mean()
        > np.log(np.maximum(softmax[rows, arm], 1e-9)).mean()
    )
    return other if better else softmax


def _with_boosted(
    chances: npt.NDArray[np.float32],
    x: Features,
    arm: Ints,
    eligible: npt.NDArray[np.bool_],
    fold: Ints,
    *,
    reference: int,
    threads: int,
    seed: int,
) -> npt.NDArray[np.float32]:
    """The chances with a boosted chance of anything but the reference, shared out as they were; out of fold."""
    some = np.clip(1 - chances[:, reference].astype(np.float64), 1e-4, 1 - 1e-4)
    open_to = eligible.sum(axis=1)
    raw = np.column_stack([x.raw, np.log(some / (1 - some)), open_to]).astype(np.float32)
    wider = Features(raw=raw, smooth=x.smooth[:, :1], categorical=x.categorical)
    chosen = (arm != reference).astype(np.float64)
    boosted = np.zeros(len(arm))
    for learn, held in splits(fold):
        settings = trees(objective="binary", rows=len(learn), threads=threads, seed=seed)
        booster = _boost(_rows(wider, learn), chosen[learn], np.ones(len(learn)), settings, rounds=80)
        boosted[held] = np.asarray(booster.predict(raw[held], num_threads=threads))
    better = np.where(chosen > 0, np.log(boosted), np.log1p(-boosted)).mean()
    if better <= np.where(chosen > 0, np.log(some), np.log1p(-some)).mean():
        return chances
    out = chances.astype(np.float64)
    alone = (open_to == 1) & eligible[:, reference]
    scale = np.where(alone, 0.0, boosted / np.maximum(out.sum(axis=1) - out[:, reference], 1e-12))
    out *= scale[:, None]
    out[:, reference] = np.where(alone, 1.0, 1 - boosted)
    return np.asarray(np.where(eligible[:, [reference]], out, chances), dtype=np.float32)


def _masked(logits: npt.NDArray[np.float32], eligible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Softmax over the eligible arms."""
    shifted = np.where(eligible, logits, -np.inf)
    shifted -= shifted.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


def _softmax_fit(
    x: npt.NDArray[np.float32], arm: Ints, eligible: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    if len(x) > MOST_ROWS:
        step = np.linspace(0, len(x) - 1, MOST_ROWS).astype(np.int64)
        x, arm, eligible = x[step], arm[step], eligible[step]
    n, shape = len(x), (x.shape[1], eligible.shape[1])
    rows = np.arange(n)
    penalty = np.full(shape, CHOICE_RIDGE / n, dtype=np.float32)
    penalty[0] = 1e-6
    start = np.zeros(shape)
    start[0] = _frequencies(arm, eligible)

    def loss(flat: Floats) -> tuple[float, Floats]:
        beta = flat.reshape(shape).astype(np.float32)
        chance = _masked(x @ beta, eligible)
        value = -float(np.log(np.maximum(chance[rows, arm], 1e-12)).mean())
        chance[rows, arm] -= 1.0
        slope = x.T @ chance / n + penalty * beta
        return value + 0.5 * float((penalty * beta * beta).sum()), slope.astype(np.float64).ravel()

    found = scipy.optimize.minimize(
        loss,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": SOFTMAX_STEPS},
    )
    return np.asarray(found.x.reshape(shape), dtype=np.float32)


def _frequencies(arm: Ints, eligible: npt.NDArray[np.bool_]) -> Floats:
    """Log of how often each arm was chosen by those eligible for it: where the softmax sets out."""
    arms = eligible.shape[1]
    chosen = np.bincount(arm, minlength=arms) + 0.5
    return np.asarray(np.log(chosen / (eligible.sum(axis=0) + 1.0)))


def _calibrate(
    logits: npt.NDArray[np.float32], arm: Ints, eligible: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Make the chances true on average: one temperature for all arms and a shift for each, fitted out of fold.

    Without the shifts a temperature that flattens all logits also moves the chance of supervision as usual,
    the most common arm, away from its true share, and every effect with it.
    """
    step = np.linspace(0, len(arm) - 1, min(len(arm), CALIBRATION_ROWS)).astype(np.int64)
    rows, arms = np.arange(len(step)), eligible.shape[1]
    some, allowed, taken = logits[step], eligible[step], arm[step]
    penalty = SHIFT_RIDGE / len(step)

    def loss(flat: Floats) -> tuple[float, Floats]:
        scale = np.exp(flat[0])
        chance = _masked(some * np.float32(scale) + flat[1:].astype(np.float32), allowed)
        value = -float(np.log(np.maximum(chance[rows, taken], 1e-12)).mean())
        chance[rows, taken] -= 1.0
        slope = chance.mean(axis=0, dtype=np.float64)
        along = scale * float(np.einsum("ij,ij->", chance, some, dtype=np.float64)) / len(rows)
        value += 0.5 * penalty * float((flat[1:] ** 2).sum())
        return value, np.concatenate([[along], slope + penalty * flat[1:]])

    found = scipy.optimize.minimize(
        loss,
        np.zeros(arms + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-1.5, 0.7), *[(-6.0, 6.0)] * arms],
        options={"maxiter": CALIBRATION_STEPS},
    )
    shifted = logits * np.float32(np.exp(found.x[0])) + found.x[1:].astype(np.float32)
    return _masked(shifted, eligible)
