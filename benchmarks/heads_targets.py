"""What do the heads reach on worlds that were not used for tuning? `python benchmarks/heads_targets.py`.

For each world a head learns from 20,000 people, and an unconstrained LightGBM from five times as many, on the
same stretch of time; both are judged on the same later rows. The true chance is shown next to them. Printed
for each head: the AUC of each, the share of the discrimination that is kept, and the calibration error with and
without chance, overall and in the worst region; for the in-flight head the gain over attendance alone and the
lead of its flags; and the heads' own figures on shuffled labels. `--write FILE` puts the tables
between the marks of docs/training.md. Worlds and results in `--scratch` are used again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue import Catalogue, load
from features.contract import TABLES
from features.histories import Histories
from features.outcomes import decision_points, referral_outcomes
from scoring.inflight import landmarks
from training.backtest.inflight import binary
from training.config import TrainingConfig
from training.heads import baselines, commence, complete, referrals
from training.heads.head import HeadRows, fit_head
from training.heads.performance import auc, barely_predictable, calibration, performance
from training.heads.splits import sample
from training.heads.windows import labels_of
from training.inflight import InFlightModel, LandmarkRows
from training.inflight.head import FittedInFlight, fit_inflight
from training.inflight.judging import attendance_alone, failed_within
from training.inflight.landmarks import landmark_points, rows_of
from worlds import generate

FloatArray = npt.NDArray[np.float64]
PEOPLE, TIMES = 20_000, 5
#: Draws of outcomes that show what chance alone makes of the worst of a dozen regions.
DRAWS = 40
#: Settings that differ from those of every world that comes with the project.
OTHER = """\
description: Other settings than any world that comes with the project.
pdus_per_region: 4
provision: 0.75
confounding: 1.4
late_records: 0.14
section_missing: 0.08
review_missing: 0.25
administrative_ends: 0.10
"""
#: World and seed; none of the seeds was used to choose anything.
WORLDS = (("baseline", 9_103), ("other", 9_102), ("sparse", 9_105), ("baseline", 9_106))
HEADS = {"commence": commence, "complete": complete}
TRUTH = {"commence": "p_commence", "complete": "p_complete_if_commenced"}
BEGIN, END = "<!-- heads_targets: begin -->", "<!-- heads_targets: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, help="folder to keep worlds and results in")
    parser.add_argument("--worlds", type=int, default=1, help=f"how many of the {len(WORLDS)} worlds")
    parser.add_argument("--only", choices=("referrals", "inflight"), help="one part alone")
    parser.add_argument("--write", type=Path, help="the page with the tables' marks: docs/benchmarks.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.scratch or Path(made)
        found = {
            f"{name}, seed {seed}": judged(folder, name, seed, only=chosen.only)
            for name, seed in WORLDS[: chosen.worlds]
        }
    text = report(found)
    print(text)
    if chosen.write:
        page = chosen.write.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        chosen.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def judged(folder: Path, name: str, seed: int, *, only: str | None = None) -> dict[str, Any]:
    """Every figure of one world, from the folder if it is there."""
    result: dict[str, Any] = {}
    for part, measure in (("referrals", referral_heads), ("inflight", inflight_head)):
        path = folder / f"{name}-{seed}-{part}.json"
        if not path.exists() and only in {None, part}:
            histories = world(folder, name, seed)
            path.write_text(json.dumps(measure(histories), indent=1), encoding="utf-8")
        if path.exists():
            result |= json.loads(path.read_text(encoding="utf-8"))
    return result


def world(folder: Path, name: str, seed: int) -> Histories:
    """The world of that name and seed, made if it is not there."""
    place = folder / f"{name}-{seed}"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        settings: str | Path = name
        if name == "other":
            settings = folder / "other.yaml"
            settings.write_text(OTHER, encoding="utf-8")
        generate(
            people=PEOPLE * TIMES,
            seed=seed,
            start=date(2021, 1, 1),
            end=date(2025, 12, 31),
            out=place,
            world=settings,
        )
    return Histories.open(place)


def first_people(histories: Histories, count: int) -> Histories:
    """The histories of only the first people."""
    crns = histories.collect("people")["crn"].unique().sort().head(count)
    of = histories.collect("referrals").filter(pl.col("crn").is_in(crns.implode()))["referral_id"].unique()
    tables = {}
    for name in TABLES:
        table = histories.collect(name)
        if "crn" in table.columns:
            table = table.filter(pl.col("crn").is_in(crns.implode()))
        elif "referral_id" in table.columns:
            table = table.filter(pl.col("referral_id").is_in(of.implode()))
        tables[name] = table
    return Histories.of(tables)


def referral_heads(histories: Histories) -> dict[str, Any]:
    """Commence and complete: learnt from the first people, judged on everybody's later referrals."""
    config, end = TrainingConfig(threads=1), histories.last_day + timedelta(days=1)
    outcomes = referral_outcomes(histories, known_before=end)
    frame = referrals.frame(histories, outcomes, catalogue=load())
    crns = histories.collect("people")["crn"].unique().sort().head(PEOPLE)
    truth = _truth(histories)
    result: dict[str, Any] = {}
    for name, module in HEADS.items():
        rows = referrals.rows(frame, labels_of(name, outcomes, end, config))
        few = rows.frame.filter(pl.col("crn").is_in(crns.implode()))
        head = fit_head(
            name,
            module.QUESTION,
            HeadRows(frame=few, features=rows.features, censored=0),
            labels=referrals.LABELS,
            config=config,
            monotone=referrals.MONOTONE,
        )
        last = rows.where(head.blocks.test())
        y, chances = last["y"].to_numpy(), head.predict(last)
        many = rows.where(head.blocks.fit())
        free = baselines.boosted(config.seed, config.threads)(
            many.select(rows.features), many["y"].to_numpy(), many["weight"].to_numpy()
        )
        known = last.join(truth, on="referral_id", how="left", maintain_order="left")[TRUTH[name]]
        there = known.is_not_null().to_numpy()
        regions = last["region"].fill_null("none").to_numpy()
        people, weight = last["crn"].to_numpy(), last["weight"].to_numpy()
        result[name] = {
            "auc": auc(y, chances),
            "free_auc": auc(y, free(last.select(rows.features))),
            "truth_auc": auc(y[there], known.drop_nulls().to_numpy()),
            "auc_beside_truth": auc(y[there], chances[there]),
            "calibration": _calibration(y, chances, people, weight),
            "regions": {
                str(region): _calibration(y[here], chances[here], people[here], weight[here], draws=DRAWS)
                for region in np.unique(regions)
                for here in (regions == region,)
            },
            "shuffled": [_shuffled(few, rows.features, name, config, seed) for seed in (1, 2, 3)],
            "real": head.document["barely_predictable"],
        }  # fmt: skip
    return result


def inflight_head(histories: Histories) -> dict[str, Any]:
    """In-flight: learnt from the first people, judged on every week of their later referrals."""
    config, catalogue = TrainingConfig(threads=1), load()
    end, weeks = histories.last_day + timedelta(days=1), config.flags.horizon_weeks
    few = first_people(histories, PEOPLE)
    fitted = fit_inflight(
        few,
        referral_outcomes(few, known_before=end),
        training_date=end,
        catalogue=catalogue,
        config=config,
    )
    test = fitted.test
    truth, seen = failed_within(test, weeks)
    chances = fitted.model.incidence(test.features, [weeks])[:, 0]
    many = _landmarks(histories, fitted, catalogue, config)
    rows = binary(many, weeks)
    free = baselines.boosted(config.seed, config.threads)(
        rows.select(test.features.columns), rows["y"].to_numpy(), rows["weight"].to_numpy()
    )
    people = test.units.to_numpy()
    alone = attendance_alone(test, weeks)["auc"]
    evidence = fitted.thresholds.evidence
    return {
        "inflight": {
            "auc": auc(truth[seen], chances[seen]),
            "free_auc": auc(truth[seen], free(test.features)[seen]),
            "attendance_auc": alone,
            "calibration": _calibration(truth[seen], chances[seen], people[seen]),
            "flagged_in_time": evidence.get("verified_flagged_in_time"),
            "median_lead_weeks": evidence.get("verified_median_lead_weeks"),
            "set_flags": evidence.get("set_flags_per_practitioner_week"),
            "verified_flags": evidence.get("verified_flags_per_practitioner_week"),
            "precision": evidence.get("verified_precision"),
            "shuffled": [_shuffled_inflight(fitted, many, config, seed) for seed in (1,)],
            "real": fitted.document["barely_predictable"],
        }
    }


def _landmarks(
    histories: Histories, fitted: FittedInFlight, catalogue: Catalogue, config: TrainingConfig
) -> LandmarkRows:
    """Five times the landmarks that the head was fitted on, from all people, of the same stretch of time."""
    end = histories.last_day + timedelta(days=1)
    points = landmark_points(
        referral_outcomes(histories, known_before=end),
        known_before=end,
        seed=config.seed,
        every=config.inflight.landmark_every_weeks,
    ).filter(fitted.blocks.fit())
    kept = sample(points, by="referral_id", at_most=TIMES * fitted.document["rows"]["fit"], seed=config.seed)
    return rows_of(histories, kept, catalogue=catalogue)[1]


def _shuffled(
    rows: pl.DataFrame, features: tuple[str, ...], name: str, config: TrainingConfig, seed: int
) -> bool:
    y = np.random.default_rng(seed).permutation(rows["y"].to_numpy())
    given = HeadRows(frame=rows.with_columns(y=pl.Series(y)), features=features, censored=0)
    head = fit_head(name, "?", given, labels={}, config=config, monotone=referrals.MONOTONE)
    return bool(head.document["barely_predictable"])


def _shuffled_inflight(fitted: FittedInFlight, rows: LandmarkRows, config: TrainingConfig, seed: int) -> bool:
    """What figures would the in-flight head report if every landmark had the end of another one?"""
    rng = np.random.default_rng(seed)

    def mixed(given: LandmarkRows, most: int) -> LandmarkRows:
        order = rng.permutation(len(given.kind))
        return LandmarkRows(
            features=given.features.head(most),
            units=given.units.head(most),
            until=given.until[order][:most],
            kind=given.kind[order][:most],
        )

    weeks = config.flags.horizon_weeks
    model = InFlightModel(
        features=tuple(landmarks.LABELS),
        interval=config.inflight.interval_weeks,
        intervals=max(config.inflight.horizons_weeks) // config.inflight.interval_weeks,
        settings=config.inflight_scorecards,
        monotone=landmarks.MONOTONE,
        random_state=config.seed,
        n_jobs=1,
    )
    model.fit_landmarks(mixed(rows, config.inflight.max_landmarks))
    test = mixed(fitted.test, len(fitted.test.kind))
    half = len(test.kind) // 2
    parts = [
        LandmarkRows(
            features=test.features[part],
            units=test.units[part],
            until=test.until[part],
            kind=test.kind[part],
        )
        for part in (slice(0, half), slice(half, None))
    ]
    model.calibrate_landmarks(parts[0])
    truth, seen = failed_within(parts[1], weeks)
    chances = model.incidence(parts[1].features, [weeks])[:, 0]
    return barely_predictable(
        truth[seen], chances[seen], float(truth[seen].mean()), parts[1].units.to_numpy()[seen]
    )


def _truth(histories: Histories) -> pl.DataFrame:
    """The true chances of the referrals that a decision point led to."""
    assert histories.folder is not None
    points = decision_points(histories).drop_nulls("referral_id")
    truth = pl.read_parquet(
        histories.folder / "truth" / "potential_outcomes.parquet",
        columns=["crn", "decided_on", "intervention_id", *TRUTH.values()],
    )
    return (
        points.join(
            truth,
            left_on=["crn", "decided_on", "arm"],
            right_on=["crn", "decided_on", "intervention_id"],
        )
        .select("referral_id", *TRUTH.values())
        .unique("referral_id", keep="last", maintain_order=True)
    )


def _calibration(
    y: FloatArray,
    chances: FloatArray,
    groups: npt.NDArray[Any],
    weight: FloatArray | None = None,
    *,
    draws: int = 0,
) -> dict[str, Any]:
    """The calibration error of some rows; `perfect` is what it would be had outcomes been drawn from the chances."""
    found = calibration(y, chances, groups, weight)
    assert found is not None
    held = performance(y, chances, groups, weight)
    return {
        "rows": len(y),
        "error": found.error,
        "by_chance": found.by_chance,
        "debiased_square": found.debiased_square,
        "slope": held.calibration_slope,
        "in_the_large": held.calibration_in_the_large,
        "perfect": [
            drawn.debiased_square
            for seed in range(draws)
            for came in (np.random.default_rng(seed).random(len(y)) < chances,)
            if (drawn := calibration(came.astype(np.float64), chances, groups, weight)) is not None
        ],
    }


def report(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The tables, in Markdown."""
    return "\n".join([*_discrimination(found), "", *_errors(found), "", *_flags(found), "", *_said(found)])


def _discrimination(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "| world | head | AUC | unconstrained LightGBM, five times the data | share kept (target 97%) | truth's own AUC | share of the truth's reached |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, heads in found.items():
        for head, row in heads.items():
            kept = (row["auc"] - 0.5) / (row["free_auc"] - 0.5)
            truth = row.get("truth_auc")
            reached = f"{(row['auc_beside_truth'] - 0.5) / (truth - 0.5):.1%}" if truth else "not defined"
            lines.append(
                f"| {name} | {head} | {row['auc']:.4f} | {row['free_auc']:.4f} | {kept:.1%} "
                f"| {f'{truth:.4f}' if truth else 'not defined'} | {reached} |"
            )
    for head in ("commence", "complete", "inflight"):
        rows = [heads[head] for heads in found.values() if head in heads]
        if rows:
            kept = np.mean([row["auc"] - 0.5 for row in rows]) / np.mean(
                [row["free_auc"] - 0.5 for row in rows]
            )
            lines.append(f"| all | {head} | | | {kept:.1%} | | |")
    return lines


def _errors(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "| head | calibration error, mean over worlds | of that by chance | without chance (target 0.015) | worst region without chance, all worlds together (target 0.03) | the same had outcomes been drawn from the chances, and how often it was worse |",
        "|---|---|---|---|---|---|",
    ]
    for head in ("commence", "complete", "inflight"):
        rows = [heads[head] for heads in found.values() if head in heads]
        if not rows:
            continue
        error, chance, square = (
            float(np.mean([row["calibration"][name] for row in rows]))
            for name in ("error", "by_chance", "debiased_square")
        )
        regions = {
            region: float(np.mean([row["regions"][region]["debiased_square"] for row in rows]))
            for region in rows[0].get("regions", {})
            if region != "none"
        }
        worst = max(regions, key=lambda region: regions[region], default=None)
        told = "" if worst is None else f"{max(regions[worst], 0.0) ** 0.5:.4f} ({worst})"
        drawn = "" if worst is None else _by_luck(rows, regions)
        lines.append(
            f"| {head} | {error:.4f} | {chance:.4f} | {max(square, 0.0) ** 0.5:.4f} | {told} | {drawn} |"
        )
    return lines


def _by_luck(rows: Sequence[Mapping[str, Any]], regions: Mapping[str, float]) -> str:
    """What would the worst region show, on average over draws, if every chance were right, and how often more?"""
    squares = np.array(
        [np.mean([row["regions"][region]["perfect"] for row in rows], axis=0) for region in regions]
    ).max(axis=0)
    worse = float((squares >= max(regions.values())).mean())
    return f"{float(np.sqrt(np.maximum(squares, 0.0)).mean()):.4f}, {worse:.0%}"


def _flags(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "| world | in-flight AUC at 8 weeks less attendance alone (target 0.05) | flags a practitioner and week, set and verified | precision | flagged who fail: three weeks before or more (target half) | median lead, weeks |",
        "|---|---|---|---|---|---|",
    ]
    for name, heads in found.items():
        if row := heads.get("inflight"):
            lines.append(
                f"| {name} | {row['auc'] - row['attendance_auc']:.3f} | {row['set_flags']:.3f}, {row['verified_flags']:.3f} "
                f"| {row['precision']:.2f} | {row['flagged_in_time']:.0%} | {row['median_lead_weeks']:.1f} |"
            )
    return lines


def _said(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = [row for heads in found.values() for row in heads.values()]
    shuffled = [said for row in rows for said in row["shuffled"]]
    return [
        (
            f"On shuffled labels {sum(shuffled)} of {len(shuffled)} fits say that they are barely predictable; "
            f"on the labels as they are {sum(row['real'] for row in rows)} of {len(rows)} do."
        )
    ]


if __name__ == "__main__":
    main()
