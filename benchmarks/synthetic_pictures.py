"""Draw the pictures of docs/worlds.md from a world.

    python benchmarks/synthetic_pictures.py WORLD docs/images

Prints the comparison with published figures as a table, and writes worlds-timeline.svg (one person), worlds-calibration.svg (all figures) and worlds-causes.svg (what
drives what). Every picture names what it shows in its title element.
"""

import html
import sys
from datetime import date
from pathlib import Path

import polars as pl

from worlds import comparison

INK, BLUE, RED, GREEN, GREY, AMBER = "#0b0c0c", "#1d70b8", "#d4351c", "#00703c", "#b1b4b6", "#f47738"
OUTCOMES = {
    "ATTENDED_COMPLIED": BLUE,
    "ATTENDED_NOT_COMPLIED": BLUE,
    "ACCEPTABLE_ABSENCE": AMBER,
    "UNACCEPTABLE_ABSENCE": RED,
    "RESCHEDULED": GREY,
}


def svg(width: int, height: int, title: str, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
        f'font-family="system-ui,sans-serif" font-size="13"><title>{html.escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13, fill: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{html.escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = GREY, width: float = 1) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"/>'


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
    # Somebody whose unpaid work ran beside what was chosen, if there is one.
    with_work = set(referrals.filter(pl.col("referral_id").str.ends_with("B"))["crn"].to_list())
    shown = [one for one in found if one in with_work] or found
    span = sentences.group_by("crn").agg(days=pl.col("ends_on").max() - pl.col("starts_on").min())
    return str(span.filter(pl.col("crn").is_in(shown)).sort("days", "crn")["crn"][0])


def timeline(world: Path) -> str:
    crn = someone(world)

    def rows(name: str) -> pl.DataFrame:
        return pl.read_parquet(world / f"{name}.parquet").filter(pl.col("crn") == crn)

    sentences = rows("sentences").filter(pl.col("sentence_type") != "PRE_SENTENCE")
    assessments = rows("assessments").filter(layer=3).sort("completed_on")
    referrals = rows("referrals").sort("referred_on")
    first: date = min(sentences["starts_on"].min(), assessments["completed_on"].min())  # type: ignore[type-var, assignment]
    last: date = max(assessments["completed_on"].max(), rows("contacts")["scheduled_on"].max())  # type: ignore[type-var, assignment]
    left, right, top = 130, 930, 52

    def x(on: date) -> float:
        return left + (right - left) * (min(max(on, first), last) - first).days / (last - first).days

    parts = [text(20, 26, f"One invented person, {first:%B %Y} to {last:%B %Y}", size=17)]
    for year in range(first.year + 1, last.year + 1):
        parts += [
            line(x(date(year, 1, 1)), top, x(date(year, 1, 1)), 420),
            text(x(date(year, 1, 1)), 436, str(year), anchor="middle"),
        ]
    y = top + 14
    parts.append(text(20, y + 12, "Sentences"))
    for row in sentences.sort("starts_on").iter_rows(named=True):
        begin, end = x(row["starts_on"]), x(row["ends_on"])
        shade = INK if row["sentence_type"] == "CUSTODY" else "#5694ca"
        parts.append(
            f'<rect x="{begin:.1f}" y="{y}" width="{max(end - begin, 2):.1f}" height="16" fill="{shade}" opacity=".75"/>'
        )
        parts.append(text(begin + 2, y + 30, row["sentence_type"].replace("_", " ").lower(), size=10))
    y += 60
    parts.append(text(20, y + 5, "Supervision"))
    for row in rows("contacts").iter_rows(named=True):
        parts.append(
            line(
                x(row["scheduled_on"]),
                y - 7,
                x(row["scheduled_on"]),
                y + 9,
                stroke=OUTCOMES[row["outcome"]],
                width=1.6,
            )
        )
    y += 34
    parts.append(text(20, y + 5, "Enforcement"))
    for row in rows("enforcement").iter_rows(named=True):
        size = 7 if row["kind"].startswith("BREACH") else 4
        at = x(row["occurred_on"])
        parts.append(
            f'<path d="M{at:.1f} {y - size} L{at + size:.1f} {y} L{at:.1f} {y + size} L{at - size:.1f} {y} Z" fill="{RED}"/>'
        )
    sessions = pl.read_parquet(world / "sessions.parquet").join(
        referrals.select("referral_id"), on="referral_id", how="semi"
    )
    events = pl.read_parquet(world / "referral_events.parquet").join(
        referrals.select("referral_id"), on="referral_id", how="semi"
    )
    y += 38
    parts.append(text(20, y + 5, "Referrals"))
    for index, row in enumerate(referrals.iter_rows(named=True)):
        at = y + 24 * (index % 4)
        own = events.filter(referral_id=row["referral_id"]).sort("occurred_on")
        finish: date = own["occurred_on"][-1]
        parts.append(line(x(row["referred_on"]), at, x(finish), at, width=2))
        for held in sessions.filter(referral_id=row["referral_id"]).iter_rows(named=True):
            colour = OUTCOMES[held["outcome"]]
            parts.append(f'<circle cx="{x(held["scheduled_on"]):.1f}" cy="{at}" r="2.8" fill="{colour}"/>')
        status = own["status"][-1].lower()
        name = row["intervention_id"].rsplit("-", 1)[0].replace("-", " ")
        parts.append(
            text(
                x(row["referred_on"]),
                at - 6,
                f"{name}: {status}",
                size=10,
                fill=GREEN if status == "completed" else INK,
            )
        )
    y += 112
    parts.append(text(20, y + 5, "Need (total)"))
    needs = [name for name in assessments.columns if name in calibration_sections()]
    for row in assessments.with_columns(total=pl.sum_horizontal(needs)).iter_rows(named=True):
        height = row["total"] * 1.4
        at = x(row["completed_on"])
        parts.append(
            f'<rect x="{at - 5:.1f}" y="{y + 20 - height:.1f}" width="10" height="{height:.1f}" fill="{GREEN}" opacity=".7"/>'
        )
        parts.append(text(at, y + 33, str(row["total"]), anchor="middle", size=11))
    y += 58
    parts.append(text(20, y + 5, "Reoffence"))
    for row in rows("reoffences").iter_rows(named=True):
        parts += [
            line(x(row["offence_on"]), y, x(row["known_on"]), y, stroke=RED, width=2),
            f'<circle cx="{x(row["offence_on"]):.1f}" cy="{y}" r="5" fill="{RED}"/>',
            f'<circle cx="{x(row["known_on"]):.1f}" cy="{y}" r="5" fill="#fff" stroke="{RED}" stroke-width="2"/>',
        ]
    parts.append(
        text(
            20,
            458,
            "Attended blue, acceptable absence orange, unacceptable red, rescheduled grey. Small diamond: warning; large: breach.",
            size=12,
        )
    )
    parts.append(
        text(20, 476, "A reoffence (full dot) is known when it is proven (open dot), months later.", size=12)
    )
    return svg(
        1060,
        490,
        "Timeline of one synthetic person: sentences, supervision, referrals, needs and a reoffence",
        parts,
    )


def calibration_sections() -> set[str]:
    return {f"s{n}" for n in ("3_accommodation", "4_ete", "6_relationships", "7_lifestyle", "8_drugs", "9_alcohol", "11_thinking", "12_attitudes")}  # fmt: skip


# Boxes by name: x, y, what stands in them. A group is a frame around some of them.
BOXES = {
    "latent": (40, 92, "Latent traits|engagement, risk"),
    "needs": (40, 164, "Needs, motivation|scores and items"),
    "history": (40, 236, "Criminal history|OGRS3, OVP, OGP"),
    "choice": (345, 164, "Arm chosen|with its propensity"),
    "drift": (620, 62, "Weekly drift|of engagement"),
    "attend": (620, 164, "Start, sessions,|absences, the end"),
    "team": (290, 356, "Team and practitioner|leanings, strictness"),
    "place": (515, 356, "Place and provision|waits, travel, offers"),
    "needs2": (925, 110, "Need a year on"),
    "again": (925, 218, "Reoffending"),
    "record": (925, 356, "What the record shows|late, missing, corrected"),
}
GROUPS = {"The person": (25, 62, 220, 246), "The year that follows": (910, 80, 220, 210)}
WIDTH, HEIGHT = 190, 52
GREEN_PATH, GREY_PATH = (GREEN, 2.6), ("#505a5f", 1.2)
# Arrows as paths, so that none passes under a box.
ARROWS = (
    ("M245 190 L341 190", GREY_PATH),  # the person, as recorded, to the choice
    ("M245 270 C430 300 520 290 650 220", GREY_PATH),  # the person to attendance
    ("M135 62 C300 18 800 18 1010 76", GREY_PATH),  # the person to the outcomes, whatever is chosen
    ("M535 190 L616 190", GREEN_PATH),
    ("M810 178 C860 165 870 140 921 136", GREEN_PATH),
    ("M810 202 C860 215 870 240 921 244", GREEN_PATH),
    ("M715 114 L715 160", GREY_PATH),
    ("M385 356 C390 310 410 270 425 220", GREY_PATH),  # team to choice
    ("M430 356 C500 300 600 290 680 220", GREY_PATH),  # team to attendance
    ("M570 356 C540 300 500 260 480 220", GREY_PATH),  # place to choice
    ("M640 356 C680 310 700 270 712 220", GREY_PATH),  # place to attendance
    ("M1020 290 L1020 352", GREY_PATH),
    ("M780 216 C830 290 860 360 921 378", GREY_PATH),
)


def causes() -> str:
    arrowhead = (
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" '
        'markerHeight="9" orient="auto"><path d="M0 0 L8 4 L0 8 Z" fill="#505a5f"/></marker></defs>'
    )
    parts = [arrowhead]
    for name, (x, y, width, height) in GROUPS.items():
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="none" stroke="{GREY}"/>'
        )
        parts.append(text(x + 10, y + 20, name, size=12))
    for path, (colour, thick) in ARROWS:
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{thick}" marker-end="url(#a)"/>'
        )
    for name, (x, y, words) in BOXES.items():
        dash = ' stroke-dasharray="5 3"' if name in {"latent", "drift"} else ""
        parts.append(
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="#eef3f7" stroke="{INK}"{dash}/>'
        )
        lines = words.split("|")
        for index, part in enumerate(lines):
            middle = y + HEIGHT / 2 + 5 + 17 * (index - (len(lines) - 1) / 2)
            parts.append(text(x + WIDTH / 2, middle, part, anchor="middle", size=12))
    parts += [
        text(
            20,
            446,
            "Dashed: in no table. Green: the path of an effect. The choice and its outcome share causes: the person, the place.",
            size=12,
        ),
        text(
            20,
            466,
            "Nothing goes from sex or ethnicity to an effect; a world may plant arrows into the choice, the record, travel and enforcement.",
            size=12,
        ),
    ]
    return svg(1150, 482, "Causal graph of a synthetic world", parts)


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
        ("timeline", timeline(world)),
        ("calibration", comparison.chart(compared)),
        ("causes", causes()),
    ):
        (out / f"worlds-{name}.svg").write_text(picture, encoding="utf-8")
    print(table(compared))


if __name__ == "__main__":
    main()
