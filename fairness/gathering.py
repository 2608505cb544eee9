"""How is the rest of the report made, in addition to comparisons? Rules, calibration, tests, alternatives, contrasts."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from catalogue import load
from fairness import alternatives, calibration, contrast, offers, probes, rules, sensitivity
from fairness.characteristics import Characteristic, definitions
from fairness.compare import GroupStatus
from fairness.evidence import FurtherEvidence, Grid, Test
from fairness.measures import measures
from fairness.policy import Policy
from fairness.result import AuditResult
from fairness.suggested import Suggested
from features.histories import Histories
from scoring.bundle import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingFits:
    """Models that may still be fitting: proxies (None without rows), and the alternatives by characteristic."""

    proxies: Future[Grid | None]
    alternatives: Sequence[tuple[Characteristic, Future[tuple[alternatives.Alternative, ...]]]]


def gather(
    histories: Histories,
    *,
    frames: Mapping[str, pl.DataFrame],
    suggested: Suggested,
    people: pl.DataFrame,
    result: AuditResult,
    policy: Policy,
    as_of: date,
    tests: Sequence[Future[list[Test]]],
    models: PendingFits,
) -> FurtherEvidence:
    """All evidence for the report, by section number; `tests` and `models` may not be finished yet."""
    spec = definitions().characteristics
    required = [each for each in spec if each.required]
    outcomes = frames["flag_outcomes"]
    hidden = frozenset(
        (each.characteristic, each.group)
        for each in result.comparisons
        if each.status is GroupStatus.SUPPRESSED
    )
    threshold = policy.suppression_threshold
    grids: dict[str, Sequence[Grid]] = {
        "4": [
            calibration.by_group(outcomes, required, threshold=threshold, hidden=hidden),
            *(calibration.by_band(outcomes, each, threshold=threshold) for each in required if each.name in BANDED),
        ],
        "5": [
            rules.protected_rules(load()),
            *rules.removals(
                histories, load(), people, [each for each in required if each.name in BANDED],
                as_of=as_of, threshold=threshold,
            ),
            contrast.side_by_side(
                result.comparisons, first="offered_programme", second="suggested_programme", name="history-and-model",
                title="Programmes: the gap in what was offered and the gap in what is suggested (relative rates)",
                heads=("Offered, in the past", "Suggested, by this release"),
            ),
            *offers.grids(
                suggested, people=frames["suggestions"], histories=histories, catalogue=load(),
                characteristics=required, policy=policy,
            ),
        ],
        "8": [
            contrast.side_by_side(
                result.comparisons, first="suggested", second="accepted", name="before-and-after",
                title="Before and after the practitioner (relative rates)",
                heads=("Suggested", "Accepted of what was suggested"),
            )
        ],
        "10": [
            sensitivity.labels(result.comparisons, required, policy),
            sensitivity.needs(
                frames["suggestions"], sensitivity.fully_recorded(frames["suggestions"], histories),
                [each for each in measures() if each.id in DOUBTED], required, policy,
            ),
            sensitivity.drift(outcomes, required, policy),
        ],
    }  # fmt: skip
    proxies = models.proxies.result()
    grids["7"] = [] if proxies is None else [proxies]
    weighed = [(each, found) for each, asked in models.alternatives if (found := asked.result())]
    grids["11"] = [alternatives.table(found, each) for each, found in weighed]
    return FurtherEvidence(
        tests=[test for asked in tests for test in asked.result()],
        grids={name: [grid for grid in made if grid.rows] for name, made in grids.items()},
        notes={"11": [alternatives.choice(found, each) for each, found in weighed]},
    )


BANDED = frozenset({"sex", "ethnicity"})
"""Characteristics that have tables of their own; the others are in the tables of all characteristics."""
DOUBTED = frozenset({"suggested", "suggested_programme"})
"""Measures that are compared again among people whose needs are all recorded."""


def tests(
    work: Executor, histories: Histories, bundle_folder: Path, *, as_of: date, on: date, days: Sequence[date]
) -> list[Future[list[Test]]]:
    """Start the tests of the bundle: flags flipped, suggestions flipped, records of later days taken away.

    `as_of` is the day of the audit, `on` an earlier one, and `days` are those whose open referrals come first.
    """
    some = probes.sample(histories, days=days)
    return [
        work.submit(_flags_flipped, some, bundle_folder, on),
        work.submit(_suggestions_flipped, some, bundle_folder, as_of),
        work.submit(_leakage, some, bundle_folder, on),
    ]


def _flags_flipped(some: Histories, bundle_folder: Path, on: date) -> list[Test]:
    return probes.flip(some, Bundle.open(bundle_folder), as_of=on)


def _suggestions_flipped(some: Histories, bundle_folder: Path, as_of: date) -> list[Test]:
    return probes.flip_suggestions(some, Bundle.open(bundle_folder), as_of=as_of)


def _leakage(some: Histories, bundle_folder: Path, on: date) -> list[Test]:
    return probes.leakage(some, Bundle.open(bundle_folder), on=on)


def models(work: Executor, outcomes: pl.DataFrame, scored: pl.DataFrame, bundle_folder: Path) -> PendingFits:
    """Start what is fitted: how well scored features give a characteristic away, and other ways of flagging.

    `scored` has the features of open referrals with their groups, a row a referral and day; `outcomes` is the
    stage's frame of the same rows, as far as it is known how they went on.
    """
    bundle, spec = Bundle.open(bundle_folder), definitions().characteristics
    features = list(bundle.inflight.feature_names)
    wanted = [each for each in spec if each.detail_of is None and not each.only]
    frame = outcomes.join(
        scored.select("referral_id", "as_of", *features), on=["referral_id", "as_of"], suffix="_scored"
    )
    return PendingFits(
        proxies=work.submit(_proxies, scored, features, wanted, bundle_folder),
        alternatives=[
            (each, work.submit(alternatives.weigh, frame, features, each))
            for each in spec
            if each.required and each.name in BANDED
        ],
    )


def _proxies(
    scored: pl.DataFrame, features: Sequence[str], spec: Sequence[Characteristic], bundle_folder: Path
) -> Grid | None:
    return None if scored.is_empty() else probes.proxies(scored, features, spec, Bundle.open(bundle_folder))
