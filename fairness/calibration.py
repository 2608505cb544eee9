"""Does the chance that is told mean the same in every group?

Expected and observed ends without completion, by group and by band of the chance told. Where the
model is calibrated, and base rates differ, false-positive rates differ with them: the table shows
both, because not all measures of parity can hold at once.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from fairness import statistics
from fairness.characteristics import APART, Characteristic
from fairness.evidence import Grid, GridRows

BANDS = (0.1, 0.2, 0.4)


def by_group(
    frame: pl.DataFrame,
    characteristics: Sequence[Characteristic],
    *,
    threshold: int,
    hidden: frozenset[tuple[str, str]],
) -> Grid:
    """Observed against expected, group by group; groups in `hidden` (characteristic, group) are withheld.

    `frame` has one row a referral and day: `chance` that was told, `failed`, the groups.
    """
    rows: GridRows = []
    for each in characteristics:
        tallied = (
            frame.filter(pl.col(each.name).is_not_null() & ~pl.col(each.name).is_in(list(APART)))
            .group_by(each.name)
            .agg(n=pl.len(), seen=pl.col("failed").sum(), told=pl.col("chance").sum())
            .sort(each.name)
        )
        for name, people, seen, told in tallied.iter_rows():
            if (each.name, name) in hidden or min(seen, people - seen) < threshold or told == 0:
                rows.append([each.title, name, None, None, None, None, None])
                continue
            _, lower, upper = statistics.rate(seen, people)
            assert lower is not None
            assert upper is not None
            rows.append(
                [
                    each.title, name, people, round(100 * told / people, 1), round(100 * seen / people, 1),
                    round(seen / told, 2), f"{lower * people / told:.2f} to {upper * people / told:.2f}",
                ]
            )  # fmt: skip
    return Grid(
        name="calibration-by-group",
        title="What the flags' chances promised and what happened, by group",
        columns=[
            "Characteristic",
            "Group",
            "Referrals",
            "Told, in 100",
            "Happened, in 100",
            "Happened over told",
            "95% interval",
        ],
        rows=rows,
    )


def by_band(frame: pl.DataFrame, characteristic: Characteristic, *, threshold: int) -> Grid:
    """Observed against expected within bands of the chance told, for one characteristic."""
    starts = (0.0, *BANDS)
    names = [
        f"{round(low * 100)} to {round(high * 100)} in 100"
        for low, high in zip(starts, (*BANDS, 1.0), strict=True)
    ]
    band = pl.lit(names[0])
    for start, name in zip(BANDS, names[1:], strict=True):
        band = pl.when(pl.col("chance") >= start).then(pl.lit(name)).otherwise(band)
    tallied = (
        frame.filter(
            pl.col(characteristic.name).is_not_null() & ~pl.col(characteristic.name).is_in(list(APART))
        )
        .with_columns(band=band)
        .group_by(characteristic.name, "band")
        .agg(n=pl.len(), seen=pl.col("failed").sum(), told=pl.col("chance").mean())
    )
    found = {(group, name): (n, seen, told) for group, name, n, seen, told in tallied.iter_rows()}
    rows: GridRows = []
    for group in sorted({group for group, _ in found}):
        withheld = _withheld({name: found.get((group, name), (0, 0, 0.0))[:2] for name in names}, threshold)
        for name in names:
            n, seen, told = found.get((group, name), (0, 0, 0.0))
            if name in withheld:
                rows.append([group, name, None, None])
                continue
            _, lower, upper = statistics.rate(seen, n)
            assert lower is not None
            assert upper is not None
            rows.append(
                [
                    group,
                    name,
                    round(100 * told, 1),
                    f"{100 * seen / n:.0f} ({100 * lower:.0f} to {100 * upper:.0f})",
                ]
            )
    return Grid(
        name=f"calibration-by-band-{characteristic.name}",
        title=f"Within bands of the chance told, by {characteristic.title.lower()}",
        columns=["Group", "Chance told", "Told on average, in 100", "Happened, in 100 (95% interval)"],
        rows=rows,
    )


def _withheld(bands: Mapping[str, tuple[int, int]], threshold: int) -> frozenset[str]:
    """The bands of a group that are too small, and where that is one alone, the next smallest with it.

    `bands` gives people and events of each. The bands add up to the group, which is published elsewhere.
    """
    size = {name: min(seen, n - seen) for name, (n, seen) in bands.items()}
    small = {name for name in size if size[name] < threshold}
    if len(small) == 1:
        small.add(min((name for name in size if name not in small), key=lambda name: (size[name], name)))
    return frozenset(small)
