"""Draw the pictures of docs/worlds.md from a world.

    python benchmarks/synthetic_pictures.py WORLD docs/images

Prints the comparison with published figures as a table. Writes worlds-timeline.svg (one person) and
worlds-calibration.svg (the published figures).
"""

import sys
from pathlib import Path

import polars as pl
from markupsafe import Markup

from charts import Meaning, Row, Span, as_file, timeline
from worlds import comparison


def someone(world: Path) -> str:
    """A person with a referral that stopped, one that was completed, and a reoffence."""
    events = pl.read_parquet(world / "referral_events.parquet")
    referrals = pl.read_parquet(world / "referrals.parquet").select("referral_id", "crn", "setting")
    ended = events.join(referrals.filter(setting="COMMUNITY"), on="referral_id")
    stopped = ended.filter(pl.col("reason").is_in(["D_MISSED", "D_MOTIVATION", "NOT"]))["crn"]
    done = ended.filter(status="COMPLETED")["crn"]
    again = pl.read_parquet(world / "reoffences.parquet")["crn"]
    breach = pl.read_parquet(world / "enforcement.parquet").filter(kind="BREACH_STARTED")["crn"]
    sentences = pl.read_parquet(world / "sentences.parquet").filter(pl.col("sentence_type") != "PRE_SENTENCE")
    few = sentences.group_by("crn").agg(n=pl.len(), inside=(pl.col("sentence_type") == "CUSTODY").sum())
    few = few.filter((pl.col("n") == 2) & (pl.col("inside") == 0))["crn"]
    found = sorted(
        set(few.to_list())
        & set(stopped.to_list())
        & set(done.to_list())
        & set(again.to_list())
        & set(breach.to_list())
    )
    # A person with unpaid work at the same time as another referral, if there is one.
    with_work = set(referrals.filter(pl.col("referral_id").str.ends_with("B"))["crn"].to_list())
    shown = [one for one in found if one in with_work] or found
    span = sentences.group_by("crn").agg(days=pl.col("ends_on").max() - pl.col("starts_on").min())
    return str(span.filter(pl.col("crn").is_in(shown)).sort("days", "crn")["crn"][0])


def person(world: Path) -> Markup:
    """The history of one invented person, from the tables of a world."""
    crn = someone(world)

    def rows(name: str) -> pl.DataFrame:
        return pl.read_parquet(world / f"{name}.parquet").filter(pl.col("crn") == crn)

    sentences = rows("sentences").filter(pl.col("sentence_type") != "PRE_SENTENCE").sort("starts_on")
    referrals = rows("referrals").sort("referred_on")
    needs = rows("assessments").filter(layer=3).sort("completed_on")
    parts = {
        name: pl.read_parquet(world / f"{name}.parquet").join(
            referrals.select("referral_id"), on="referral_id", how="semi"
        )
        for name in ("sessions", "referral_events")
    }

    def referral(row: dict[str, object]) -> Row:
        own = parts["referral_events"].filter(referral_id=row["referral_id"]).sort("occurred_on")
        held = parts["sessions"].filter(referral_id=row["referral_id"]).sort("scheduled_on")
        return Row(
            label="Referral",
            spans=[Span(
                begin=row["referred_on"],  # type: ignore[arg-type]
                end=own["occurred_on"][-1],
                words=f"{_plain(str(row['intervention_id']).rsplit('-', 1)[0])}: {_plain(own['status'][-1])}",
            )],
            days=[(each["scheduled_on"], _plain(each["outcome"])) for each in held.iter_rows(named=True)],
        )  # fmt: skip

    shown = [
        *(
            Row(
                label="Sentence",
                spans=[Span(begin=row["starts_on"], end=row["ends_on"], words=_plain(row["sentence_type"]))],
            )
            for row in sentences.iter_rows(named=True)
        ),
        Row(
            label="Supervision",
            days=[
                (row["scheduled_on"], _plain(row["outcome"]))
                for row in rows("contacts").iter_rows(named=True)
            ],
        ),
        Row(
            label="Enforcement",
            days=[
                (row["occurred_on"], "breach" if row["kind"].startswith("BREACH") else "warning")
                for row in rows("enforcement").iter_rows(named=True)
            ],
        ),
        *(referral(row) for row in referrals.iter_rows(named=True)),
        Row(label="Assessment", days=[(day, "assessment") for day in needs["completed_on"]]),
        Row(
            label="Reoffence",
            spans=[
                Span(begin=row["offence_on"], end=row["known_on"], words="until it is known")
                for row in rows("reoffences").iter_rows(named=True)
            ],
        ),
    ]
    meaning = Meaning(
        name="timeline",
        title="One invented person: a reoffence is known only when it is proven, months later",
        description="A row for each sentence, supervision, enforcement, each referral, assessments and reoffences. Bars are "
        "spans of time. Marks are days, named in the key.",
    )
    return timeline(shown, meaning)


def _plain(code: str) -> str:
    return code.replace("_", " ").replace("-", " ").lower()


def table(frame: pl.DataFrame) -> str:
    """The comparison as Markdown."""
    lines = ["| figure | published or assumed | generated | status |", "|---|---|---|---|"]
    for row in frame.iter_rows(named=True):
        judged = "" if row["within"] is not False else " (outside)"
        lines.append(
            f"| {row['label']} | {row['target']:.3f} ± {row['tolerance']:.3f} | {row['generated']:.3f}{judged} | {row['status'].lower()} |"
        )
    return "\n".join(lines)


def main() -> None:
    world, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    compared = comparison.compare_world(world)
    for name, picture in (
        ("timeline", person(world)),
        ("calibration", comparison.chart(compared, "SOURCED")),
    ):
        (out / f"worlds-{name}.svg").write_text(as_file(picture), encoding="utf-8")
    print(table(compared))


if __name__ == "__main__":
    main()
