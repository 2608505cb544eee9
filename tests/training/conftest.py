"""Small confounded worlds with known truth, for the tests of the benefit head."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest


@dataclass(frozen=True, kw_only=True)
class World:
    """One simulated log: what was known, done and seen, and what each arm would have done."""

    X: pd.DataFrame
    arm: np.ndarray
    outcome: np.ndarray
    person: np.ndarray
    day: np.ndarray
    arms: list[str]  # the reference first
    eligible: np.ndarray  # [rows, arms], the reference first
    propensity: np.ndarray
    mean: np.ndarray  # true expected outcome [rows, arms]
    families: dict[str, str]

    @property
    def effect(self) -> np.ndarray:
        return self.mean[:, 1:] - self.mean[:, :1]

    def eligible_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.eligible, columns=self.arms)

    def propensity_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.propensity, columns=self.arms)

    def captured(self, chosen: np.ndarray) -> float:
        """How far a policy gets from the status quo to the best eligible choice."""
        rows = np.arange(len(self.arm))
        places = {arm: i for i, arm in enumerate(self.arms)}
        value = self.mean[rows, [places[a] for a in chosen]].mean()
        usual = (self.propensity * self.mean).sum(axis=1).mean()
        best = np.where(self.eligible, self.mean, -np.inf).max(axis=1).mean()
        return float((value - usual) / (best - usual))


def simulate(
    *,
    rows: int = 4000,
    arms: int = 6,
    seed: int = 0,
    effect: float = 0.08,
    numeric: bool = False,
    missing: float = 0.0,
    rows_per_person: int = 2,
    open_to_all: bool = False,
) -> World:
    """Who is sent where depends on need, risk and motivation; so does what happens anyway."""
    rng = np.random.default_rng(seed)
    people = rows // rows_per_person
    rows = people * rows_per_person
    person = np.repeat(np.arange(people), rows_per_person)
    trait = rng.normal(size=(people, 3))[person]
    need = np.clip(np.round(3 + 2 * rng.normal(size=(rows, 6)) + trait[:, :1]), 0, 9)
    risk = np.clip(50 + 20 * trait[:, 1] + 8 * rng.normal(size=rows), 1, 99)
    motivation = np.clip(np.round(1 + 0.7 * trait[:, 2] + 0.5 * rng.normal(size=rows)), 0, 2)
    region = rng.choice(["north", "south", "east"], rows)
    X = pd.DataFrame({f"need_{i}": need[:, i] for i in range(6)})
    X["risk"], X["motivation"], X["region"] = risk, motivation, region
    X.loc[rng.random(rows) < 0.1, "need_5"] = np.nan
    names = ["NONE", *(f"arm{i:02d}" for i in range(arms))]
    target = np.arange(arms) % 6
    families = {name: f"family{target[i]}" for i, name in enumerate(names[1:])}
    eligible = np.ones((rows, arms + 1), dtype=bool)
    if not open_to_all:
        eligible[:, 1:] = need[:, target] >= rng.integers(0, 4, arms)
    pull = 0.35 * (need[:, target] - 3) + 0.4 * rng.normal(size=arms) + 0.02 * (risk - 50)[:, None]
    pull = (
        pull
        + 0.5 * (motivation - 1)[:, None] * rng.choice([-1, 1], arms)
        + 0.4 * (region == "north")[:, None]
    )
    score = np.column_stack([np.full(rows, np.log(arms) + 0.8), pull])
    score[~eligible] = -np.inf
    propensity = np.exp(score - score.max(axis=1, keepdims=True))
    propensity /= propensity.sum(axis=1, keepdims=True)
    code = (propensity.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    of_family = rng.normal(size=6)[target]
    average = effect * (0.4 + 0.5 * of_family + 0.6 * rng.normal(size=arms))
    slope = effect * np.abs(rng.normal(0.25, 0.15, arms))
    tau = average + slope * (need[:, target] - 3) + 0.3 * effect * (motivation - 1)[:, None]
    anyway = 0.45 - 0.005 * (risk - 50) + 0.08 * (motivation - 1) - 0.015 * (need.mean(axis=1) - 3)
    anyway = anyway - 0.06 * (risk > 70) + 0.03 * (region == "south")
    mean = np.column_stack([anyway, anyway[:, None] + tau])
    if not numeric:
        mean = np.clip(mean, 0.02, 0.98)
    happened = mean[np.arange(rows), code]
    outcome = (
        happened + 0.5 * rng.normal(size=rows) if numeric else (rng.random(rows) < happened).astype(float)
    )
    unseen = rng.random(rows) < missing * (0.5 + 0.01 * risk) * np.where(code == 0, 1.3, 0.7)
    outcome[unseen] = np.nan
    return World(
        X=X,
        arm=np.array(names, dtype=object)[code],
        outcome=outcome,
        person=person,
        day=np.sort(rng.integers(15000, 16500, rows)),
        arms=names,
        eligible=eligible,
        propensity=propensity,
        mean=mean,
        families=families,
    )


@pytest.fixture(scope="session")
def world() -> World:
    """Six arms, 4,000 rows, a fifth of the outcomes missing."""
    return simulate(missing=0.2)


@pytest.fixture(name="simulate", scope="session")
def _simulate() -> object:
    return simulate
