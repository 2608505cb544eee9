"""What is gathered beside the comparisons: rules, calibration, tests of the bundle, alternatives, contrasts."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from catalogue import load
from fairness import alternatives, calibration, contrast, offers, probes, rules, sensitivity
from fairness.characteristics import Characteristic, definitions
from fairness.compare import Status
from fairness.evidence import Evidence, Grid, Test
from fairness.measures import measures
from fairness.policy import Policy
from fairness.result import AuditResult
from fairness.suggested import Suggested
from features.histories import Histories
from scoring.bundle import Bundle


def gather(
    histories: Histories,
    *,
    bundle_folder: Path,
    frames: Mapping[str, pl.DataFrame],
    suggested: Suggested,
    people: pl.DataFrame,
    result: AuditResult,
    policy: Policy,
    as_of: date,
    days: Sequence[date],
) -> Evidence:
    """All evidence for the report, by section number."""
    bundle = Bundle.open(bundle_folder)
    spec = definitions().characteristics
    required = [each for each in spec if each.required]
    outcomes = frames["flag_outcomes"]
    hidden = frozenset(
        (each.characteristic, each.group) for each in result.comparisons if each.status is Status.SUPPRESSED
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
    tests, proxies = _tests(histories, bundle, spec, as_of=as_of, days=days)
    grids["7"] = [proxies] if proxies is not None else []
    grids["11"], chosen = _alternatives(histories, bundle, outcomes, required, days=days)
    return Evidence(
        tests=tests,
        grids={name: [grid for grid in made if grid.rows] for name, made in grids.items()},
        notes={"11": chosen},
    )


BANDED = frozenset({"sex", "ethnicity"})
"""Characteristics whose detail is shown group by group; the others stand in the tables of all."""
DOUBTED = frozenset({"suggested", "suggested_programme"})
"""What is compared once more among people whose needs are all recorded."""


def _tests(
    histories: Histories, bundle: Bundle, spec: Sequence[Characteristic], *, as_of: date, days: Sequence[date]
) -> tuple[list[Test], Grid | None]:
    from fairness import stages

    some = probes.sample(histories, days=[*days, as_of])
    tests = [
        *probes.flip(some, bundle, as_of=days[0]),
        *probes.flip_suggestions(some, bundle, as_of=as_of),
        *probes.leakage(some, bundle, on=days[0]),
    ]
    frame = probes.proxy_frame(histories, bundle, days)
    if frame.is_empty():
        return tests, None
    grouped = stages.with_groups(frame, histories)
    wanted = [each for each in spec if each.detail_of is None and not each.only]
    return tests, probes.proxies(grouped, bundle.inflight.feature_names, wanted, bundle)


def _alternatives(
    histories: Histories,
    bundle: Bundle,
    outcomes: pl.DataFrame,
    required: Sequence[Characteristic],
    *,
    days: Sequence[date],
) -> tuple[list[Grid], list[str]]:
    features = bundle.inflight.feature_names
    scored = probes.proxy_frame(histories, bundle, days).select("referral_id", "as_of", *features)
    frame = outcomes.join(scored, on=["referral_id", "as_of"], suffix="_scored")
    made, chosen = [], []
    for each in required:
        if each.name in BANDED:
            weighed = alternatives.weigh(frame, features, each)
            if weighed:
                made.append(alternatives.table(weighed, each))
                chosen.append(alternatives.choice(weighed, each))
    return made, chosen
