"""Draw the pictures of docs/worlds.md from a world.

    python benchmarks/synthetic_pictures.py WORLD docs/images

Writes worlds-timeline.svg (one person), worlds-calibration.svg (all figures) and worlds-causes.svg (what
drives what). Every picture names what it shows in its title element.
"""

import html
import sys
from datetime import date
from pathlib import Path

import polars as pl

from features.synthetic import calibration

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
    return found[0]


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
            line(x(date(year, 1, 1)), top, x(date(year, 1, 1)), 408),
            text(x(date(year, 1, 1)), 424, str(year), anchor="middle"),
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
    y += 100
    parts.append(text(20, y + 5, "Need (total)"))
    needs = [name for name in assessments.columns if name in calibration_sections()]
    for row in assessments.with_columns(total=pl.sum_horizontal(needs)).iter_rows(named=True):
        height = row["total"] * 0.9
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
            446,
            "Attended blue, acceptable absence orange, unacceptable red. A reoffence (full dot) is known when it is proven (open dot).",
            size=12,
        )
    )
    return svg(
        1060,
        460,
        "Timeline of one synthetic person: sentences, supervision, referrals, needs and a reoffence",
        parts,
    )


def calibration_sections() -> set[str]:
    return {f"s{n}" for n in ("3_accommodation", "4_ete", "6_relationships", "7_lifestyle", "8_drugs", "9_alcohol", "11_thinking", "12_attitudes")}  # fmt: skip


def causes() -> str:
    boxes = {
        "latent": (20, 60, "Latent traits|engagement, risk, need"),
        "history": (20, 190, "Criminal history, offence|→ OGRS3, OVP, OGP"),
        "needs": (250, 60, "Needs and the record of them|scores, items, motivation"),
        "place": (490, 320, "Place and provision|waits, travel, what is offered"),
        "team": (20, 320, "Team and practitioner|leanings, strictness"),
        "choice": (490, 190, "Arm chosen|propensity"),
        "drift": (490, 60, "Weekly drift|of engagement"),
        "attend": (720, 125, "Start, sessions,|absences, the end"),
        "needs2": (930, 60, "Need a year on"),
        "again": (930, 190, "Reoffending"),
        "record": (930, 320, "What the record shows|late, missing, corrected"),
    }
    arrows = [
        ("latent", "needs"), ("latent", "history"), ("history", "choice"), ("needs", "choice"), ("place", "choice"),
        ("team", "choice"), ("choice", "attend"), ("drift", "attend"), ("place", "attend"), ("team", "attend"),
        ("latent", "attend"), ("attend", "needs2"), ("attend", "again"), ("latent", "again"), ("latent", "needs2"),
        ("history", "again"), ("needs", "needs2"), ("again", "record"), ("attend", "record"), ("needs2", "record"),
    ]  # fmt: skip
    width, height = 188, 52
    parts = [
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto"><path d="M0 0 L8 4 L0 8 Z" fill="#505a5f"/></marker></defs>',
        text(
            20,
            30,
            "What drives what: the choice of an arm and its outcome share causes, and only attendance carries an effect",
            size=16,
        ),
    ]
    for start, end in arrows:
        (ax, ay, _), (bx, by, _) = boxes[start], boxes[end]
        from_x, to_x = (ax + width, bx) if bx > ax + width else (ax + width / 2, bx + width / 2)
        down = by > ay
        from_y, to_y = (
            (ay + height / 2, by + height / 2)
            if bx > ax + width
            else (ay + height * down, by + height * (not down))
        )
        colour, thick = (
            (GREEN, 2.6) if start == "choice" or (start == "attend" and end != "record") else ("#505a5f", 1.1)
        )
        parts.append(
            f'<path d="M{from_x} {from_y} C{(from_x + to_x) / 2} {from_y} {(from_x + to_x) / 2} {to_y} {to_x} {to_y}" fill="none" stroke="{colour}" stroke-width="{thick}" marker-end="url(#a)" opacity=".8"/>'
        )
    for name, (x, y, words) in boxes.items():
        dash = ' stroke-dasharray="5 3"' if name in {"latent", "drift"} else ""
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#eef3f7" stroke="{INK}"{dash}/>'
        )
        for index, part in enumerate(words.split("|")):
            parts.append(text(x + width / 2, y + 22 + 17 * index, part, anchor="middle", size=12))
    parts.append(
        text(
            20,
            410,
            "Dashed: in no table. Green: the path of an effect. Nothing goes from sex or ethnicity to an effect; a world may plant arrows into the choice, the record, travel and enforcement.",
            size=12,
        )
    )
    return svg(1135, 425, "Causal graph of a synthetic world", parts)


def main() -> None:
    world, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, picture in (
        ("timeline", timeline(world)),
        ("calibration", calibration.chart(calibration.compare(world))),
        ("causes", causes()),
    ):
        (out / f"worlds-{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
