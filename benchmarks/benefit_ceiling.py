"""How much of the possible value do the records allow at all? `python benchmarks/benefit_ceiling.py FOLDER`.

FOLDER is a reduced log that `benefit_value.py` left (build/benefit/worlds/baseline-250000-521). Boosted trees are fitted to
the *true* effects of three quarters of the people, without any noise, and choose for the rest: what they miss is
decided by what no record holds (engagement, waits, travel), so no method that learns from outcomes can pass it.
"""

import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import benefit_worlds as worlds

from training import benefit_frame, benefit_nuisance, policy_value

LEAST, MOST_LEARNED, MOST_JUDGED = 150, 30_000, 25_000


def main() -> None:
    log = worlds.read(Path(sys.argv[1]))
    x = benefit_nuisance.features(benefit_frame.read(log.features), None).raw
    person = np.unique(log.points["crn"].to_numpy(), return_inverse=True)[1]
    learn = np.random.default_rng(0).permutation(np.flatnonzero(person % 4 != 0))
    judged = np.flatnonzero((person % 4 == 0) & log.found)[:MOST_JUDGED]
    effect = np.full((len(judged), len(log.names)), -np.inf)
    settings = benefit_nuisance.trees(objective="regression", rows=2000, threads=2, seed=0, num_leaves=31)
    for place, name in enumerate(log.names):
        rows = learn[log.allowed[learn, place] & log.found[learn]][:MOST_LEARNED]
        if name == worlds.NONE:
            effect[:, place] = 0.0
        elif len(rows) >= LEAST:
            booster = lgb.train(settings, lgb.Dataset(x[rows], label=log.effect[rows, place]), 150)
            effect[:, place] = np.asarray(booster.predict(x[judged]))
    chosen = np.where(log.allowed[judged], effect, -np.inf).argmax(axis=1)
    value = policy_value.value_captured(
        mean=log.mean[judged],
        eligible=log.allowed[judged],
        propensity=log.usual[judged],
        policy=np.eye(len(log.names), dtype=np.float32)[chosen],
        arms=log.names,
    )
    print(f"{log.name}: captured by the true effects as far as records tell them: {value.captured:.2f}")


if __name__ == "__main__":
    main()
