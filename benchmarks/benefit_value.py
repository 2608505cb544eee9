"""How good are the effects of generated worlds? Value captured, baselines, coverage, silence, time.

    python benchmarks/benefit_value.py --people 20000 --seeds 201 202 203 --out build/benefit
    python benchmarks/benefit_value.py --world null --people 20000 --seeds 211 --out build/benefit
    python benchmarks/benefit_value.py --people 250000 --seeds 401 --out build/benefit --econml venv/bin/python
    python benchmarks/benefit_value.py --table --out build/benefit

Each world is generated, reduced to its decision points, judged against its truth, and leaves one JSON
file; a run that was stopped goes on with what is missing. `--table` prints the summary of all files. EconML
is no dependency: `--econml` names a Python that has it, else its row is left out and the table says so.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

import benefit_worlds as worlds

from catalogue.truth import UNKNOWN
from scoring import advice
from scoring.effects import SUPPORTS
from training import policy_value
from training.benefit import BenefitModel, baselines

CELL = 30  # fewest eligible people of a cell that is judged


def judge(log: worlds.Log, *, threads: int, econml: str | None, folder: Path) -> dict[str, object]:
    """Everything that is said about one world."""
    start, before = time.perf_counter(), time.process_time()
    model = BenefitModel(**worlds.model_settings(), threads=threads, progress=say).fit(
        log.features, **log.fit_arguments()
    )
    seconds, cpu = time.perf_counter() - start, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    able = pl.DataFrame(log.allowed, schema=log.names)
    chosen = dict(
        baselines.policies(
            log.features,
            log.points["arm"].to_numpy(),
            log.outcome,
            able,
            completed=log.points["completed"].to_numpy(),
            threads=threads,
        )
    )
    if econml is not None:
        found = by_econml(log, econml, folder)
        if found is not None:
            chosen["EconML, DR learner"] = found
    chosen["signpost, best estimate"] = model.recommend(log.features, able, rule="effect")
    chosen["signpost, as recommended"] = model.recommend(log.features, able)
    chosen["signpost, clear effects only"] = model.recommend(log.features, able, rule="lower_bound")
    chances = {name: indicator(choice, log) for name, choice in chosen.items()}
    clear = chosen["signpost, clear effects only"] != worlds.NONE
    chances["signpost, clear effects, else practice"] = np.where(
        clear[:, None], chances["signpost, clear effects only"], log.usual
    )
    values = {name: value_of(log, chance) for name, chance in chances.items()}
    any_one = next(iter(values.values()))
    return {
        "world": log.name,
        "points": log.points.height,
        "arms": len(log.names),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_gb": peak,
        "inflation": model.inflation_,
        "status_quo": any_one.status_quo,
        "best": any_one.best,
        "captured": {name: value.captured for name, value in values.items()},
        "value": {name: value.policy for name, value in values.items()},
        "evidence": model.model_.report["evidence"],
        "clear": float(clear.mean()),
        "suggested_by_effect": suggested_by_effect(model, log),
        "offers": offers(log, chosen["signpost, clear effects only"], clear),
        "coverage": coverage(model, log),
        "differences": differences(model, log),
    }


def say(message: str) -> None:
    """One step of the fit, on the terminal."""
    print(f"    {message}", file=sys.stderr, flush=True)


def indicator(choice: np.ndarray, log: worlds.Log) -> np.ndarray:
    """The choice as chances [rows, arms]; what is not eligible becomes supervision as usual."""
    places = {name: place for place, name in enumerate(log.names)}
    code = np.array([places[a] for a in choice])
    code = np.where(log.allowed[np.arange(len(code)), code], code, places[worlds.NONE])
    return np.eye(len(log.names), dtype=np.float32)[code]


def value_of(log: worlds.Log, chance: np.ndarray) -> policy_value.TrueValue:
    """A policy's true value."""
    return policy_value.value_captured(
        mean=log.mean[log.found],
        eligible=log.allowed[log.found],
        propensity=log.usual[log.found],
        policy=chance[log.found],
        arms=log.names,
    )


def by_econml(log: worlds.Log, python: str, folder: Path) -> np.ndarray | None:
    """The choice of EconML's doubly robust learner, run in an interpreter that has it."""
    place = folder / "worlds" / log.name
    done = subprocess.run(
        [python, str(Path(__file__).with_name("benefit_econml.py")), str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(f"    EconML left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    effect = np.load(place / "econml.npy")
    effect[:, log.names.index(worlds.NONE)] = 0.0
    best = np.where(log.allowed, effect, -np.inf).argmax(axis=1)
    return np.array(log.names, dtype=object)[best]


def groups_of(log: worlds.Log) -> dict[str, np.ndarray]:
    """The person groups whose cells are judged."""
    risk = log.features["ogrs_2yr"].cast(pl.Float64).fill_null(50).to_numpy()
    band = np.digitize(risk, np.quantile(risk, [1 / 3, 2 / 3]))
    return {
        "risk band": np.array(["low", "middle", "high"])[band],
        "sex": log.points["sex"].cast(pl.String).fill_null("").to_numpy(),
    }


def coverage(model: BenefitModel, log: worlds.Log) -> dict[str, object]:
    """How often intervals of (group x arm) cells with support hold the true mean effect, and by how much they err."""
    served = model.model_
    columns = {name: log.features[name] for name in served.feature_names}
    support = served.effects(log.features).support < SUPPORTS.index("NONE")
    out: dict[str, object] = {}
    for kind, values in groups_of(log).items():
        inside, errors, widths = 0, [], []
        for place, arm in enumerate(served.arms):
            column = log.names.index(arm)
            for value in sorted(set(values)):
                cell = log.found & (values == value) & log.allowed[:, column] & support[:, place]
                if cell.sum() < CELL:
                    continue
                frame = {name: series.filter(pl.Series(cell)) for name, series in columns.items()}
                effect, lower, upper = served.mean_effects(frame, arms=[arm])[arm]
                true = float(log.effect[cell, column].mean())
                inside += lower <= true <= upper
                errors.append(effect - true)
                widths.append((upper - lower) / 2)
        out[kind] = {
            "inside": int(inside),
            "cells": len(errors),
            "error_mean": float(np.mean(errors or [0])),
            "error_sd": float(np.std(errors or [0])),
            "half_width": float(np.mean(widths or [0])),
        }
    inside, errors = 0, []
    average = model.average_effects()
    for arm, effect, lower, upper in average[["arm", "effect", "lower", "upper"]].itertuples(index=False):
        column = log.names.index(arm)
        if not np.isfinite(effect):
            continue
        cell = log.found & model.rows_.eligible[:, column]
        true = float(log.effect[cell, column].mean())
        inside += lower <= true <= upper
        errors.append(effect - true)
    out["average"] = {
        "inside": int(inside),
        "cells": len(errors),
        "error_mean": float(np.mean(errors or [0])),
    }
    return out


def differences(model: BenefitModel, log: worlds.Log) -> dict[str, int]:
    """Effect differences by sex and ethnic group that are reported, of those looked at; in truth there are none."""
    tried = reported = 0
    ethnic = log.points["ethnicity"].cast(pl.String).fill_null("").str.starts_with("WHITE").to_numpy()
    for by in (log.points["sex"].cast(pl.String).to_numpy(), np.where(ethnic, "WHITE", "OTHER")):
        found = model.effect_differences(by)
        tried += len(found)
        reported += int(found["reported"].sum())
    return {"tried": tried, "reported": reported}


def suggested_by_effect(model: BenefitModel, log: worlds.Log) -> float:
    """The share of people with anything SUGGESTED on the ground of its effect, by `scoring.advice`.

    Feasibility and what the order of choice warns against are left out here: they only take suggestions away.
    """
    found = model.model_.effects(log.features)
    shape = log.status.shape
    lower, upper = np.full(shape, np.nan), np.full(shape, np.nan)
    support = np.full(shape, -1, dtype=np.int8)
    for place, arm in enumerate(found.arms):
        if arm in log.ids:
            column = log.ids.index(arm)
            lower[:, column], upper[:, column] = found.lower[:, place], found.upper[:, place]
            support[:, column] = found.support[:, place]
    result = advice.advise(
        ids=log.ids,
        eligibility=log.status,
        order=np.zeros(shape, dtype=np.int64),
        need=log.need,
        feasible=np.full(shape, UNKNOWN, dtype=np.int8),
        not_advised=np.zeros(shape, dtype=bool),
        lower=lower,
        upper=upper,
        support=support,
    )
    return float(result.by_effect.any(axis=1).mean())


def offers(log: worlds.Log, choice: np.ndarray, clear: np.ndarray) -> dict[str, float]:
    """Programmes and structured interventions: relative rate of Black people against White, in history and suggested.

    Among those eligible for any; in `disparity` worlds history has a planted gap.
    """
    kinds = [name for name in log.names if name.endswith(("-acp", "-si"))]
    able = log.allowed[:, [log.names.index(name) for name in kinds]].any(axis=1)
    ethnicity = log.points["ethnicity"].cast(pl.String).fill_null("")
    black = ethnicity.str.starts_with("BLACK").to_numpy() & able
    white = ethnicity.str.starts_with("WHITE").to_numpy() & able
    was = np.isin(log.points["arm"].to_numpy(), kinds)
    now = np.isin(choice, kinds) & clear

    def ratio(marked: np.ndarray) -> float:
        return float(marked[black].mean() / marked[white].mean()) if marked[white].any() else float("nan")

    return {"history": ratio(was), "suggested": ratio(now), "people": int(black.sum())}


def table(folder: Path) -> str:
    """The summary of every judged world, by kind and size."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    lines = []
    for kind in sorted({f["world"].rsplit("-", 1)[0] for f in found}):
        some = [f for f in found if f["world"].rsplit("-", 1)[0] == kind]
        lines.append(
            f"\n{kind}: {len(some)} worlds, seeds {', '.join(f['world'].rsplit('-', 1)[1] for f in some)}"
        )
        names = list(dict.fromkeys(name for f in some for name in f["captured"]))
        for name in names:
            got = [f["captured"].get(name) for f in some]
            shown = " ".join("  none" if value is None else f"{value:+6.2f}" for value in got)
            known = [value for value in got if value is not None]
            lines.append(f"  {name:40s} {shown}   mean {np.mean(known) if known else float('nan'):+.3f}")
        if not any("EconML" in name for name in names):
            lines.append(
                "  EconML, DR learner                       left out: no interpreter with it was given"
            )
        for group in ("risk band", "sex", "average"):
            cells = sum(f["coverage"][group]["cells"] for f in some)
            inside = sum(f["coverage"][group]["inside"] for f in some)
            each = " ".join(f"{f['coverage'][group]['inside']}/{f['coverage'][group]['cells']}" for f in some)
            errors = " ".join(f"{f['coverage'][group]['error_mean']:+.3f}" for f in some)
            lines.append(
                f"  coverage, {group:9s} {inside}/{cells} = {inside / max(cells, 1):.3f}: {each}; errors {errors}"
            )
        lines.append("  clear effect for " + " ".join(f"{f['clear']:.3f}" for f in some) + " of people")
        lines.append(
            "  suggested on the ground of effect: "
            + " ".join(f"{f['suggested_by_effect']:.3f}" for f in some)
            + " of people"
        )
        lines.append(
            "  differences by group reported, of those looked at: "
            + " ".join(f"{f['differences']['reported']}/{f['differences']['tried']}" for f in some)
        )
        lines.append(
            "  Black against White, programmes: "
            + " ".join(f"{f['offers']['history']:.2f}->{f['offers']['suggested']:.2f}" for f in some)
        )
        lines.append(
            "  fit: "
            + " ".join(
                f"{f['seconds']:.0f}s ({f['cpu_seconds']:.0f}s CPU, {f['peak_gb']:.1f} GB)" for f in some
            )
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", default="baseline")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[201])
    parser.add_argument(
        "--out", type=Path, default=Path(".cache/benefit-value"), help="folder to keep results in"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--econml", help="a Python that has econml")
    parser.add_argument("--table", action="store_true", help="only print what has been judged")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in [] if arguments.table else arguments.seeds:
        path = arguments.out / f"{arguments.world}-{arguments.people}-{seed}.json"
        if path.exists():
            continue
        print(f"  {path.stem}", file=sys.stderr, flush=True)
        log = worlds.log_of(
            world=arguments.world, people=arguments.people, seed=seed, folder=arguments.out / "worlds"
        )
        result = judge(log, threads=arguments.threads, econml=arguments.econml, folder=arguments.out)
        path.write_text(json.dumps(result, indent=1, sort_keys=False) + "\n")
    print(table(arguments.out))


if __name__ == "__main__":
    main()
