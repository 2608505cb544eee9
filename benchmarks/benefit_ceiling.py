"""Where is the value lost that effects do not capture, and why are their averages too high? One generated world.

    python benchmarks/benefit_ceiling.py --people 50000 --seed 311 --out build/benefit

The same model is fitted to the log as it is, to the log with the true mean in place of what happened (nothing missing,
no luck), and to that with practice's true chances as well; and boosted trees are fitted to the true effects themselves,
which tells what the records hold. For each fit the error of the average effects of cells (risk band x arm) is given
over everybody eligible, over people by how open the choice was for them, and over those whom practice would
hardly ever send there (no place within reach, or no time left): records do not hold why.
"""

import argparse
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

import benefit_value as value
import benefit_worlds as worlds

from scoring.effects import SUPPORTS
from training import frames
from training.benefit import BenefitModel, nuisance

HARDLY = 0.002
"""Below this chance practice hardly ever chooses an arm for somebody who is eligible."""
FEW = 150


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=311)
    parser.add_argument("--out", type=Path, default=Path("build/benefit"))
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    log = worlds.log_of(world="baseline", people=asked.people, seed=asked.seed, folder=asked.out / "worlds")
    code = np.array([log.names.index(arm) for arm in log.points["arm"]])
    happens = log.mean[np.arange(len(code)), code]
    for name, outcome, chances in (
        ("the log as it is", log.outcome, None),
        ("true means of what was done", happens, None),
        ("true means and chances", happens, pl.DataFrame(log.usual, schema=log.names)),
    ):
        arguments = log.fit_arguments() | {"outcome": outcome, "propensity": chances}
        model = BenefitModel(**worlds.model_settings(), threads=asked.threads)
        print(f"{log.name}, {name}: {judged(model.fit(log.features, **arguments), log)}", flush=True)
    chance = value.indicator(by_trees(log, threads=asked.threads), log)
    held = held_out(log)
    print(
        f"{log.name}, boosted trees on true effects (held-out people): {value.value_of(part(log, held), chance[held]).captured:.2f}"
    )


def judged(model: BenefitModel, log: worlds.Log) -> str:
    """Value captured by the best estimate and as recommended, and the errors of cells."""
    able = pl.DataFrame(log.allowed, schema=log.names)
    captured = [
        value.value_of(log, value.indicator(model.recommend(log.features, able, rule=rule), log)).captured
        for rule in ("policy", "effect")
    ]
    found = model.model_.effects(log.features)
    band = value.groups_of(log)["risk band"]
    errors: dict[str, list[float]] = {"everybody eligible": [], "open choices": [], "hardly ever": []}
    for place, arm in enumerate(found.arms):
        column = log.names.index(arm)
        usual = log.usual[:, column]
        may = log.found & log.allowed[:, column] & (found.support[:, place] < SUPPORTS.index("NONE"))
        for one in np.unique(band):
            here = may & (band == one)
            if here.sum() < value.CELL:
                continue
            miss = found.effect[here, place] - log.effect[here, column]
            errors["everybody eligible"].append(float(miss.mean()))
            errors["open choices"].append(float(np.average(miss, weights=(usual * (1 - usual))[here])))
            if (usual[here] < HARDLY).sum() >= value.CELL:
                errors["hardly ever"].append(float(miss[usual[here] < HARDLY].mean()))
    means = ", ".join(f"{name} {np.mean(values):+.4f}" for name, values in errors.items() if values)
    return f"captured {captured[0]:.2f} as recommended, {captured[1]:.2f} by best estimate; mean error over {means}"


def held_out(log: worlds.Log) -> np.ndarray:
    """A fifth of the people, whose true effects the trees do not see."""
    people = np.unique(log.points["crn"].to_numpy(), return_inverse=True)[1]
    return people % 5 == 0


def part(log: worlds.Log, rows: np.ndarray) -> worlds.Log:
    """The truth of some rows."""
    arrays = {name: getattr(log, name)[rows] for name in ("mean", "allowed", "usual", "found")}
    return worlds.Log(
        **{name: getattr(log, name) for name in worlds.Log.__dataclass_fields__ if name not in arrays},
        **arrays,
    )


def by_trees(log: worlds.Log, *, threads: int) -> np.ndarray:
    """The arm that trees fitted to true effects would choose."""
    x = nuisance.features(frames.read(log.features), None).raw
    learn = ~held_out(log)
    predicted = np.zeros(log.mean.shape)
    settings = {
        "objective": "regression",
        "learning_rate": 0.1,
        "num_leaves": 31,
        "min_child_samples": 15,
        "feature_fraction": 0.5,
        "max_bin": 63,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "seed": 0,
        "verbosity": -1,
    }
    for column, arm in enumerate(log.names):
        rows = np.flatnonzero(learn & log.allowed[:, column])[:40_000]
        if arm == worlds.NONE or len(rows) < FEW:
            continue
        data = lgb.Dataset(x[rows], label=log.effect[rows, column], params={"verbosity": -1, "max_bin": 63})
        predicted[:, column] = lgb.train(settings, data, num_boost_round=150).predict(x, num_threads=threads)
    best = np.where(log.allowed, predicted, -np.inf).argmax(axis=1)
    return np.array(log.names, dtype=object)[best]


if __name__ == "__main__":
    main()
