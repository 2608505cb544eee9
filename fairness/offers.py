"""Who is offered which intervention, how high on the list, and is the greatest need met?

The detail behind "something suggested": one table for each characteristic. Every rate is compared with the comparison
group's among people alike in need, risk, sentence type and region. P-values are adjusted for all comparisons of these
tables. The tables add to the measures of section 5 and do not decide on a release. Separate services for women, for
example, move women's offers from one intervention to another.
"""

from collections.abc import Sequence

import polars as pl

from catalogue import Catalogue
from catalogue.fields import NEED_THRESHOLDS
from fairness import compare
from fairness.characteristics import Characteristic
from fairness.compare import Comparison, GroupStatus
from fairness.evidence import Grid, GridRows
from fairness.findings import in_100
from fairness.measures import Measure
from fairness.policy import Policy
from fairness.stages import PROGRAMMES
from fairness.suggested import Suggested
from fairness.suppression import Ledger
from features.histories import Histories

LEAST_ELIGIBLE, LEAST_OFFERED = 400, 100
"""The fewest people eligible, and the fewest with the suggestion, for an intervention to have a row of its own."""


def offered(
    suggested: Suggested, people: pl.DataFrame, catalogue: Catalogue
) -> tuple[pl.DataFrame, list[Measure]]:
    """A column for each intervention that is suggested often: true, false, or null where not eligible or out of reach.

    `people` is the suggestions' frame with the groups and conditions.
    """
    within = suggested.options.filter(pl.col("feasible").fill_null(value=True))
    names = {each.id: each.name for each in catalogue.interventions}
    counts = (
        within.group_by("intervention_id")
        .agg(eligible=pl.len(), offered=pl.col("rank").is_not_null().sum())
        .filter((pl.col("eligible") >= LEAST_ELIGIBLE) & (pl.col("offered") >= LEAST_OFFERED))
        .sort("intervention_id")
    )
    measures, frame = [], people
    for name in counts["intervention_id"]:
        mine = within.filter(pl.col("intervention_id") == name).select(
            "crn", pl.col("rank").is_not_null().alias(f"offer:{name}")
        )
        frame = frame.join(mine, on="crn", how="left", maintain_order="left")
        measures.append(_measure(f"offer:{name}", names.get(str(name), str(name)), "eligible, within reach"))
    return frame, measures


def standing(
    suggested: Suggested, people: pl.DataFrame, needs: pl.DataFrame, catalogue: Catalogue
) -> tuple[pl.DataFrame, list[Measure]]:
    """Does a programme come first on a person's list, and is the greatest need met that something could meet?

    `needs` has a row a person: crn and `greatest`, the need that is furthest over its threshold.
    """
    programmes = [each.id for each in catalogue.interventions if each.type.value in PROGRAMMES]
    targets = pl.DataFrame(
        [(each.id, need) for each in catalogue.interventions for need in each.needs],
        schema={"intervention_id": pl.String, "greatest": pl.String},
        orient="row",
    )
    within = suggested.options.filter(pl.col("feasible").fill_null(value=True))
    listed = within.filter(pl.col("rank").is_not_null()).with_columns(
        programme=pl.col("intervention_id").is_in(programmes)
    )
    ranks = listed.group_by("crn").agg(
        first=(pl.col("programme") & (pl.col("rank") == 1)).any(), three=pl.col("programme").any()
    )
    meeting = within.join(needs, on="crn").join(targets, on=["intervention_id", "greatest"], how="semi")
    met = meeting.group_by("crn").agg(need_met=pl.col("rank").is_not_null().any())
    frame = (
        people.join(ranks, on="crn", how="left", maintain_order="left")
        .join(met, on="crn", how="left", maintain_order="left")
        .with_columns(**{"top:1": pl.when("three").then("first"), "need:met": pl.col("need_met")})
    )
    return frame, [
        _measure(
            "top:1",
            "Where a programme is among the first three, it stands first",
            "with a programme suggested",
        ),
        _measure("need:met", "The greatest need is met", "with something within reach that meets it"),
    ]


def exposure(suggested: Suggested, people: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """How much of a person's list is programmes, the first place counting most: 1, 0.63 and 0.5 for places 1 to 3.

    A row a person with a programme within reach: crn, `exposure` (0 to 1), and the groups. The weights are those of
    discounted cumulative gain (Järvelin and Kekäläinen 2002), as in exposure parity (Singh and Joachims 2018).
    """
    programmes = [each.id for each in catalogue.interventions if each.type.value in PROGRAMMES]
    within = suggested.options.filter(pl.col("feasible").fill_null(value=True))
    within = within.filter(pl.col("intervention_id").is_in(programmes))
    weight = 1 / (pl.col("rank").cast(pl.Float64) + 1).log(2)
    most = 1 + 1 / 1.5849625007211562 + 0.5
    each = within.group_by("crn").agg(exposure=weight.fill_null(0.0).sum() / most)
    return people.join(each, on="crn", how="inner", maintain_order="left")


def greatest_needs(histories: Histories) -> pl.DataFrame:
    """The need that is furthest over its threshold in a person's latest assessment; people without one are left out."""
    names = sorted(NEED_THRESHOLDS)
    latest = (
        histories.table("assessments")
        .sort("completed_on", "crn")
        .group_by("crn")
        .last()
        .select("crn", *names)
    )
    long = (
        latest.collect()
        .unpivot(names, index="crn", variable_name="greatest", value_name="score")
        .with_columns(share=pl.col("score") / pl.col("greatest").replace_strict(dict(NEED_THRESHOLDS)))
    )
    return (
        long.filter(pl.col("share") >= 1)
        .sort(["crn", "share", "greatest"], descending=[False, True, False])
        .unique("crn", keep="first", maintain_order=True)
        .select("crn", "greatest")
    )


def _measure(name: str, title: str, among: str) -> Measure:
    return Measure(
        id=name, title=title, stage="offers", event="suggested", among=among, event_set=name, among_set=f"{name} of",
        harm="lower", section=5, alike=True,
    )  # fmt: skip


def judged(
    frame: pl.DataFrame,
    measures: Sequence[Measure],
    characteristics: Sequence[Characteristic],
    policy: Policy,
) -> tuple[Comparison, ...]:
    """Every comparison of these measures, suppressed and adjusted together."""
    ledger = Ledger(policy.suppression_threshold)
    made = [
        found
        for measure in measures
        for each in characteristics
        for found in compare.compare(
            frame, measure, each, policy=policy, conditions=measure.conditions, ledger=ledger
        )
    ]
    return compare.settle(made, ledger, policy=policy)


def grid(
    comparisons: Sequence[Comparison], characteristic: Characteristic, *, name: str, title: str, first: str
) -> Grid:
    """One characteristic: a row for each measure; the comparison group's rate, then each group's relative rate."""
    mine = [each for each in comparisons if each.characteristic == characteristic.name]
    groups = list(
        dict.fromkeys(
            each.group for each in mine if each.status in {GroupStatus.COMPARED, GroupStatus.UNDEFINED}
        )
    )
    reference = mine[0].reference if mine else characteristic.reference
    by_key = {(each.measure.id, each.group): each for each in mine}
    rows: GridRows = []
    for measure in dict.fromkeys(each.measure for each in mine):
        base = by_key.get((measure.id, reference))
        known = base is not None and base.status is not GroupStatus.SUPPRESSED
        cells = [_words(by_key.get((measure.id, group))) for group in groups]
        if any(cell is not None for cell in cells):
            rows.append([measure.title, in_100(base.rate) if known and base is not None else None, *cells])
    return Grid(
        name=f"{name}-{characteristic.name}",
        title=f"{title}, by {characteristic.title.lower()}",
        columns=[first, reference, *groups],
        rows=rows,
    )


def _words(each: Comparison | None) -> str | None:
    if each is None or each.status is GroupStatus.SUPPRESSED:
        return None
    ratio, lower, upper, _ = each.judged
    if ratio is None:
        return "[x]"
    reach = "no limits" if lower is None or upper is None else f"{lower:.2f} to {upper:.2f}"
    mark = "; look at it" if each.reading is compare.GapReading.GAP else ""
    return f"{ratio:.2f} ({reach}){mark}"


def exposures(frame: pl.DataFrame, characteristics: Sequence[Characteristic], policy: Policy) -> Grid:
    """Mean exposure to programmes by group, and its difference from the comparison group."""
    from math import sqrt

    from fairness.characteristics import APART
    from fairness.statistics import normal_quantile

    z = normal_quantile((1 + policy.confidence) / 2)
    least = 3 * policy.suppression_threshold
    rows: GridRows = []
    for each in characteristics:
        found = {
            str(name): (count, mean, spread or 0.0)
            for name, count, mean, spread in frame.filter(
                pl.col(each.name).is_not_null() & ~pl.col(each.name).is_in(list(APART))
            )
            .group_by(each.name)
            .agg(n=pl.len(), mean=pl.col("exposure").mean(), sd=pl.col("exposure").std())
            .iter_rows()
        }
        base = found.get(each.reference)
        if base is None or base[0] < least:
            continue
        for name in [*dict.fromkeys([*each.order, *sorted(found)])]:
            if name not in found:
                continue
            count, mean, spread = found[name]
            if count < least:
                rows.append([each.title, name, None, None])
                continue
            gap, error = mean - base[1], sqrt(spread**2 / count + base[2] ** 2 / base[0])
            words = (
                "Comparison group"
                if name == each.reference
                else f"{gap:+.3f} ({gap - z * error:+.3f} to {gap + z * error:+.3f})"
            )
            rows.append([each.title, name, round(mean, 3), words])
    return Grid(
        name="exposure",
        title="Exposure to programmes (0 none, 1 the first three places), among people with a programme within reach",
        columns=[
            "Characteristic",
            "Group",
            "Mean exposure",
            "Difference from the comparison group (95% interval)",
        ],
        rows=rows,
    )


def grids(
    suggested: Suggested,
    *,
    people: pl.DataFrame,
    histories: Histories,
    catalogue: Catalogue,
    characteristics: Sequence[Characteristic],
    policy: Policy,
) -> list[Grid]:
    """All tables on offers, position and need."""
    with_offers, each_offer = offered(suggested, people, catalogue)
    with_place, places = standing(suggested, people, greatest_needs(histories), catalogue)
    by_offer = judged(with_offers, each_offer, characteristics, policy)
    by_place = judged(with_place, places, characteristics, policy)
    made = [
        grid(
            by_place,
            each,
            name="position",
            title="Position and need, among people alike (relative rates)",
            first="What",
        )
        for each in characteristics
    ]
    made.append(exposures(exposure(suggested, people, catalogue), characteristics, policy))
    made.extend(
        grid(
            by_offer,
            each,
            name="offers",
            title="Each intervention: suggested, of those eligible and within reach, among people alike (relative rates)",
            first="Intervention",
        )
        for each in characteristics
    )
    return made
