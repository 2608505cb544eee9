"""How good are the effects of a synthetic world? Value captured, baselines, coverage, time.

    python benchmarks/benefit_value.py WORLD [WORLD …]

Each WORLD is a folder written by `signpost synthesise`, with its truth/. For each world a table: the
true value of the policies (share of the way from usual practice to the best eligible choice), the
coverage of 90% intervals over cells of person group and arm, and the seconds that the fit took.
"""

import argparse
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from catalogue import load
from features.histories import Histories
from features.outcomes import referral_outcomes
from scoring.effects import SUPPORTS
from training import benefit_baselines, effects, policy_value
from training.benefit import BenefitModel

CELL = 30  # fewest eligible people of a cell that is judged


def judge(folder: Path, *, threads: int) -> None:
    histories = Histories.open(folder)
    catalogue = load()
    rows = effects.decision_rows(
        histories, training_date=histories.last_day + timedelta(days=1), catalogue=catalogue
    )
    points = rows.points
    outcome = points["progressed"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    arm = points["arm"].to_numpy()
    start = time.perf_counter()
    model = BenefitModel(
        min_support=30,
        families={entry.id: str(entry.family) for entry in catalogue.interventions},
        targets={entry.id: tuple(entry.needs) for entry in catalogue.interventions},
        threads=threads,
    ).fit(
        rows.features,
        arm,
        outcome,
        groups=points["crn"].to_numpy(),
        time=points["decided_on"].to_physical().to_numpy(),
        eligible=rows.eligible,
        always_recorded=points["reoffended"].fill_null(value=False).to_numpy(),
    )
    seconds = time.perf_counter() - start
    names = sorted(rows.eligible.columns)
    mean, allowed, usual, found = truth_of(folder, points, names)
    print(f"\n{folder}: {points.height} decision points, {len(names)} arms, fitted in {seconds:.1f} s")
    print(f"modifiers: {', '.join(model.model_.feature_names)}; inflation {model.inflation_:.2f}")
    ended = referral_outcomes(histories).select("referral_id", "end")
    completed = (
        points.join(ended, on="referral_id", how="left", maintain_order="left")["end"]
        .fill_null("")
        .eq("COMPLETED")
    )
    able = pl.DataFrame(allowed, schema=names)
    chosen = dict(
        benefit_baselines.policies(
            rows.features, arm, outcome, able, completed=completed.to_numpy(), threads=threads
        )
    )
    chosen["signpost, best estimate"] = model.recommend(rows.features, able, rule="effect")
    chosen["signpost, clear effects only"] = model.recommend(rows.features, able)
    chances = {name: indicator(choice, names, allowed) for name, choice in chosen.items()}
    clear = chosen["signpost, clear effects only"] != "NONE"
    chances["signpost, clear effects, else practice"] = np.where(
        clear[:, None], chances["signpost, clear effects only"], usual
    )
    for name, chance in chances.items():
        value = policy_value.value_captured(
            mean=mean[found],
            eligible=allowed[found],
            propensity=usual[found],
            policy=chance[found],
            arms=names,
        )
        share = "none" if value.captured is None else f"{value.captured:+.2f}"
        print(f"  {name:40s} value {value.policy:.4f}  captured {share}")
    print(f"  {'status quo':40s} value {value.status_quo:.4f}; best eligible {value.best:.4f}")
    print(f"  people with any clear effect: {clear.mean():.3f}")
    print(coverage(model, rows, mean, allowed, found, names))


def indicator(choice: np.ndarray, names: list[str], allowed: np.ndarray) -> np.ndarray:
    """The choice as chances [rows, arms]; what is not eligible becomes supervision as usual."""
    code = np.array([names.index(a) for a in choice])
    code = np.where(allowed[np.arange(len(code)), code], code, names.index("NONE"))
    return np.eye(len(names))[code]


def truth_of(
    folder: Path, points: pl.DataFrame, names: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    truth = policy_value.read_truth(pl.read_parquet(folder / "truth" / "potential_outcomes.parquet"))
    at = points.join(
        truth.keys.with_row_index("row"), on=["crn", "decided_on"], how="left", maintain_order="left"
    )["row"]
    found = at.is_not_null().to_numpy()
    places = at.fill_null(0).to_numpy()
    columns = [truth.arms.index(name) if name in truth.arms else -1 for name in names]
    keep = np.array([c >= 0 for c in columns])
    mean = np.where(keep, truth.mean[places][:, columns], 0.0)
    allowed = np.where(keep, truth.eligible[places][:, columns], False)
    allowed[:, names.index("NONE")] = True
    usual = np.where(keep, truth.propensity[places][:, columns], 0.0)
    return mean, allowed, usual / np.maximum(usual.sum(axis=1, keepdims=True), 1e-12), found


def coverage(  # noqa: PLR0917  one call, in the order of the figures
    model: BenefitModel,
    rows: effects.DecisionRows,
    mean: np.ndarray,
    allowed: np.ndarray,
    found: np.ndarray,
    names: list[str],
) -> str:
    served = model.model_
    columns = {name: rows.features[name] for name in served.feature_names}
    support = served.effects_many(rows.features).support < SUPPORTS.index("NONE")
    risk = rows.features["ogrs_2yr"].cast(pl.Float64).fill_null(50).to_numpy()
    band = np.digitize(risk, np.quantile(risk, [1 / 3, 2 / 3]))
    inside, cells, errors = 0, 0, []
    for place, arm in enumerate(served.arms):
        column, base = names.index(arm), names.index("NONE")
        for value in range(3):
            cell = found & (band == value) & allowed[:, column] & support[:, place]
            if cell.sum() < CELL:
                continue
            frame = {name: values.filter(pl.Series(cell)) for name, values in columns.items()}
            effect, lower, upper = served.mean_effects(frame)[arm]
            true = (mean[cell, column] - mean[cell, base]).mean()
            inside += lower <= true <= upper
            cells += 1
            errors.append(effect - true)
    bias, spread = np.mean(errors or [0]), np.std(errors or [0])
    return (
        f"  coverage {inside}/{cells} = {inside / max(cells, 1):.3f}; error mean {bias:+.4f}, sd {spread:.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("worlds", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for folder in arguments.worlds:
        judge(folder, threads=arguments.threads)


if __name__ == "__main__":
    main()
