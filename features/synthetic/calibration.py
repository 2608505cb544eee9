"""Is a world like the real thing? Each published figure beside what the world generated.

Figures, their sources and the tolerance they are held to are in `figures.csv`. A figure without a
published source is an assumption, and says so.
"""

from __future__ import annotations

import csv
import html
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from catalogue.errors import UsageError
from features.contract import TABLES
from features.reasons import ReasonOutcome
from features.reasons import codes as reason_codes
from features.synthetic.assessing import THRESHOLDS
from features.synthetic.people import REGION_WEIGHTS, REGIONS, crns

COLUMNS = ("figure", "label", "target", "tolerance", "status", "source", "generated", "count", "within")
JUDGED_PEOPLE = 40_000  # a larger world is judged by its first people; they are like the rest
FEWEST = 100  # people or events behind a generated value; with fewer it is not judged
_YEAR, _CONVICTIONS = timedelta(days=365), timedelta(days=183)
_ORDERS = ("COMMUNITY_ORDER", "SUSPENDED_SENTENCE_ORDER")
_SECTIONS = {
    "lifestyle": ("s7_lifestyle", 4),
    "accommodation": ("s3_accommodation", 0),
    "alcohol": ("s9_alcohol", 6),
}
_MORE_SECTIONS = {
    "drugs": ("s8_drugs", 5),
    "thinking": ("s11_thinking", 8),
    "attitudes": ("s12_attitudes", 9),
}
Value = tuple[float | None, int]


def report(folder: Path) -> pl.DataFrame:
    """How like the real thing is the world in this folder? Written beside it as `calibration.csv` and `.html`.

    One row a figure: `COLUMNS`. `within` is null where fewer than 100 people or events stand behind it.

    Raises:
        UsageError: the folder holds no synthetic world.
    """
    frame = compare(folder)
    frame.write_csv(folder / "calibration.csv")
    (folder / "calibration.html").write_text(page(frame), encoding="utf-8")
    return frame


def compare(folder: Path) -> pl.DataFrame:
    """The comparison of `report`, without writing anything."""
    if not (folder / "truth" / "world.json").exists():
        raise UsageError(
            f"{folder} holds no synthetic world (no truth/world.json); make one with signpost synthesise."
        )
    tables = {name: _first(pl.scan_parquet(folder / f"{name}.parquet")).collect() for name in TABLES}
    # As the court made them: a later version only says that a death ended one.
    tables["sentences"] = (
        tables["sentences"]
        .sort("known_on")
        .unique(["crn", "event_number"], keep="first", maintain_order=True)
    )
    truth = {
        name: _first(pl.scan_parquet(folder / "truth" / f"{name}.parquet"))
        for name in ("decision_points", "potential_outcomes")
    }
    values: dict[str, Value] = {}
    for measure in (_people, _sentencing, _needs, _delivery, _behaviour, _reoffending):
        values |= measure(tables)
    values |= _effects(tables, truth)
    rows = []
    with (Path(__file__).parent / "figures.csv").open(encoding="utf-8", newline="") as file:
        for figure in csv.DictReader(file):
            exact, count = values[figure["figure"]]
            generated = (
                None if exact is None else round(exact, 6)
            )  # the order of a parallel sum must not show
            target, tolerance = float(figure["target"]), float(figure["tolerance"])
            judged = generated is not None and count >= FEWEST
            within = abs(float(generated or 0.0) - target) <= tolerance + 1e-9 if judged else None
            rows.append(
                (
                    figure["figure"],
                    figure["label"],
                    target,
                    tolerance,
                    figure["status"],
                    figure["source"],
                    generated,
                    count,
                    within,
                )
            )
    types = (
        pl.String,
        pl.String,
        pl.Float64,
        pl.Float64,
        pl.String,
        pl.String,
        pl.Float64,
        pl.Int64,
        pl.Boolean,
    )
    return pl.DataFrame(rows, schema=dict(zip(COLUMNS, types, strict=True)), orient="row")


def _first(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of the first people: enough to compare by, and bounded however large the world."""
    columns = frame.collect_schema().names()
    last = crns(np.array([JUDGED_PEOPLE - 1]))[0]
    if "crn" in columns:
        return frame.filter(pl.col("crn") <= last)
    return frame.filter(pl.col("referral_id") <= f"R{last}~") if "referral_id" in columns else frame


def _share(series: pl.Series) -> Value:
    known = series.drop_nulls()
    mean = known.cast(pl.Float64).mean()
    return (float(mean) if isinstance(mean, float) else None), known.len()


def _people(tables: Mapping[str, pl.DataFrame]) -> dict[str, Value]:
    people, protected = tables["people"], tables["protected"]
    ethnicity = protected["ethnicity"]
    region = people["region"].value_counts(normalize=True)
    shares = dict(zip(region["region"].to_list(), region["proportion"].to_list(), strict=True))
    gaps = [
        abs(float(shares.get(code, 0.0)) - weight / sum(REGION_WEIGHTS))
        for code, weight in zip(REGIONS, REGION_WEIGHTS, strict=True)
    ]
    return {
        "women": _share(people["sex"] == "FEMALE"),
        "minority": _share(ethnicity.filter(ethnicity != "PREFER_NOT_TO_SAY") != "WHITE_BRITISH"),
        "region_london": (float(shares.get("J", 0.0)), people.height),
        "region_north_east": (float(shares.get("A", 0.0)), people.height),
        "region_wales": (float(shares.get("D", 0.0)), people.height),
        "region_largest_gap": (max(gaps), people.height),
        "unrecorded": _share(ethnicity.is_null() | protected["religion"].is_null()),
    }


def _sentencing(tables: Mapping[str, pl.DataFrame]) -> dict[str, Value]:
    sentences = tables["sentences"]
    orders = sentences.filter(pl.col("sentence_type").is_in(_ORDERS)).select("crn", "event_number")
    carried = tables["requirements"].join(orders, on=["crn", "event_number"], how="semi")
    names = {
        "rar": "RAR",
        "unpaid_work": "UNPAID_WORK",
        "accredited_programme": "ACCREDITED_PROGRAMME",
        "drug_rehabilitation": "DRUG_REHABILITATION",
        "alcohol_treatment": "ALCOHOL_TREATMENT",
    }
    given = sentences.filter(pl.col("sentence_type").is_in([*_ORDERS, "CUSTODY"]))["sentence_type"]
    found: dict[str, Value] = {
        figure: (carried.filter(requirement_type=name).height / max(orders.height, 1), orders.height)
        for figure, name in names.items()
    }
    return found | {"custodial": _share(given == "CUSTODY")}


def _assessed_in(tables: Mapping[str, pl.DataFrame], *, custody: bool) -> pl.DataFrame:
    """Layer-3 assessments made while a sentence of that kind ran."""
    kinds = ("CUSTODY",) if custody else (*_ORDERS, "LICENCE", "POST_SENTENCE_SUPERVISION")
    ran = (
        tables["sentences"].filter(pl.col("sentence_type").is_in(kinds)).select("crn", "starts_on", "ends_on")
    )
    full = tables["assessments"].filter(layer=3)
    during = (
        full.select("crn", "assessment_id", "completed_on")
        .join(ran, on="crn")
        .filter(pl.col("completed_on").is_between("starts_on", "ends_on"))
    )
    return full.join(during, on="assessment_id", how="semi")


def _needs(tables: Mapping[str, pl.DataFrame]) -> dict[str, Value]:
    outside, inside = _assessed_in(tables, custody=False), _assessed_in(tables, custody=True)
    found = {
        f"need_{name}": _share(outside[column] >= int(THRESHOLDS[index]))
        for name, (column, index) in (_SECTIONS | _MORE_SECTIONS).items()
    }
    found |= {
        f"need_{name}_custody": _share(inside[column] >= int(THRESHOLDS[index]))
        for name, (column, index) in _SECTIONS.items()
    }
    licence = tables["sentences"].filter(sentence_type="LICENCE").select("crn", "starts_on")
    home = (
        tables["circumstances"]
        .filter(kind="ACCOMMODATION")
        .unique(["crn", "observed_on"], keep="first", maintain_order=True)
    )
    first = (
        licence.join(home, on="crn")
        .filter((pl.col("observed_on") - pl.col("starts_on")).dt.total_days().is_between(0, 30))
        .sort("crn", "starts_on", "observed_on")
        .unique(["crn", "starts_on"], keep="first", maintain_order=True)
    )
    return found | {
        "ogrs_low": _share(outside["ogrs_2yr"] < 50),
        "ogrs_high": _share(outside["ogrs_2yr"] >= 75),
        "homeless_on_release": _share(first["value"] == "NO_FIXED_ABODE"),
    }


def _ended_referrals(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Referrals that ended for a reason of engagement or success: commenced, completed."""
    events = tables["referral_events"]
    status, reason = pl.col("status"), pl.col("reason")
    ends = events.group_by("referral_id").agg(
        commenced=(status == "ON_PROGRAMME").any(),
        completed=(status == "COMPLETED").any(),
        ended=status.is_in(["COMPLETED", "WITHDRAWN"]).any(),
        reason=reason.filter(status == "WITHDRAWN").first(),
    )
    engaged = pl.col("reason").is_in(reason_codes(ReasonOutcome.ENGAGEMENT))
    return tables["referrals"].join(
        ends.filter(pl.col("ended") & (pl.col("completed") | engaged)), on="referral_id"
    )


def _delivery(tables: Mapping[str, pl.DataFrame]) -> dict[str, Value]:
    ended = _ended_referrals(tables)
    outside = ended.filter(setting="COMMUNITY")
    programmes = outside.filter(pl.col("intervention_id").str.ends_with("-acp"))
    ordered = programmes.filter(source="REQUIREMENT")
    tsp = outside.filter(intervention_id="thinking-skills-programme-acp")
    treatment = outside.filter(
        pl.col("intervention_id").is_in(["drug-rehabilitation-requirement", "alcohol-treatment-requirement"])
    )
    work = tables["referrals"].filter(pl.col("intervention_id").str.starts_with("unpaid-work"))
    attended = tables["sessions"].join(work, on="referral_id", how="semi")["outcome"]
    return {
        "programme_commenced": _share(ordered["commenced"]),
        "programme_starters_completed": _share(programmes.filter("commenced")["completed"]),
        "tsp_never": _share(~tsp["commenced"]),
        "tsp_dropped": _share(tsp["commenced"] & ~tsp["completed"]),
        "tsp_completed": _share(tsp["completed"]),
        "treatment_started": _share(treatment["commenced"]),
        "treatment_completed": _share(treatment.filter("commenced")["completed"]),
        "unpaid_work_attendance": _share(
            attended.filter(attended != "RESCHEDULED").str.starts_with("ATTENDED")
        ),
    }


def _behaviour(tables: Mapping[str, pl.DataFrame]) -> dict[str, Value]:
    outcome = tables["contacts"]["outcome"]
    sentences = tables["sentences"]
    last = sentences["known_on"].max()
    orders = sentences.filter(pl.col("sentence_type").is_in(_ORDERS) & (pl.col("ends_on") <= last))
    keys = ["crn", "event_number"]
    begun = tables["enforcement"].filter(kind="BREACH_PROVEN").select("crn", on="occurred_on")
    custody = sentences.filter(sentence_type="CUSTODY").select("crn", on="starts_on")
    broken = (
        orders.join(pl.concat([begun, custody]), on="crn")
        .filter((pl.col("on") > pl.col("starts_on")) & (pl.col("on") <= pl.col("ends_on")))
        .select(keys)
        .unique()
        .with_columns(broken=True)
    )
    ran = orders.select(keys).join(broken, on=keys, how="left")["broken"].fill_null(value=False)
    return {
        "appointments_attended": _share(outcome.filter(outcome != "RESCHEDULED").str.starts_with("ATTENDED")),
        "orders_completed": _share(~ran),
    }


def _reoffending(tables: Mapping[str, pl.DataFrame]) -> dict[str, Value]:
    """As the published cohorts: from the start of an order, or from release."""
    sentences, reoffences = tables["sentences"], tables["reoffences"]
    first = tables["contacts"]["scheduled_on"].min()
    last = sentences["known_on"].max()
    held = sentences.filter(sentence_type="CUSTODY").select(
        "crn", served=pl.col("ends_on") - pl.col("starts_on"), starts_on="ends_on"
    )
    starts = (
        sentences.filter(pl.col("sentence_type").is_in([*_ORDERS, "LICENCE"]))
        .filter((pl.col("starts_on") >= first) & (pl.col("starts_on") <= pl.lit(last) - _YEAR - _CONVICTIONS))
        .join(held, on=["crn", "starts_on"], how="left")
    )
    keys = ["crn", "event_number"]
    again = (
        starts.join(reoffences, on="crn")
        .filter(
            (pl.col("offence_on") > pl.col("starts_on"))
            & (pl.col("offence_on") <= pl.col("starts_on") + _YEAR)
        )
        .select(keys)
        .unique()
        .with_columns(again=True)
    )
    cohort = starts.join(again, on=keys, how="left").with_columns(pl.col("again").fill_null(value=False))
    short = cohort.filter((pl.col("sentence_type") == "LICENCE") & (pl.col("served") * 2 < _YEAR))
    late = pl.col("offence_on") <= pl.lit(last) - _YEAR
    lag = reoffences.filter(late).select(pl.col("known_on") - pl.col("offence_on")).to_series()
    return {
        "reoffending": _share(cohort["again"]),
        "reoffending_orders": _share(cohort.filter(pl.col("sentence_type") != "LICENCE")["again"]),
        "reoffending_short_custody": _share(short["again"]),
        "convictions_in_six_months": _share(lag <= _CONVICTIONS),
    }


def _effects(tables: Mapping[str, pl.DataFrame], truth: Mapping[str, pl.LazyFrame]) -> dict[str, Value]:
    keys = ["crn", "decided_on"]
    outcomes = truth["potential_outcomes"]
    none = outcomes.filter(intervention_id="NONE").select(*keys, r0="p_reoffend", g0="p_progress")
    risk = (
        tables["assessments"]
        .filter(layer=3)
        .select("crn", decided_on="completed_on", ogrs="ogrs_2yr")
        .unique(keys)
    )
    beside = (
        outcomes.filter(pl.col("intervention_id") != "NONE").join(none, on=keys).join(risk.lazy(), on=keys)
    )
    low = (
        beside.filter(pl.col("ogrs") < 50)
        .select(gap=(pl.col("p_progress") - pl.col("g0")).abs().max(), n=pl.len())
        .collect()
    )
    arms = truth["decision_points"].filter(pl.col("arm") != "NONE").rename({"arm": "intervention_id"})
    chosen = arms.join(beside, on=[*keys, "intervention_id"]).collect()
    medium = chosen.filter((pl.col("ogrs") >= 50) & pl.col("intervention_id").is_in(_GENERAL))
    odds = (_logit("p_reoffend") - _logit("r0")).mean().exp()
    ratio = medium.select(odds)[0, 0] if medium.height else None
    contrast, of_them, count = _trap(tables, chosen)
    return {
        "low_risk_effect": (low[0, "gap"], int(low[0, "n"])),
        "programme_odds_ratio": (ratio, medium.height),
        "trap": (contrast, count),
        "trap_true": (of_them, count),
    }


# General cognitive programmes: what the meta-analysis of the programme figure is about.
_GENERAL = (
    "thinking-skills-programme-acp",
    "building-choices-moderate-intensity-acp",
    "building-choices-high-intensity-acp",
)


def _logit(column: str) -> pl.Expr:
    p = pl.col(column).clip(1e-6, 1 - 1e-6)
    return (p / (1 - p)).log()


def _trap(tables: Mapping[str, pl.DataFrame], chosen: pl.DataFrame) -> tuple[float | None, float | None, int]:
    """Reoffending of those who did not complete minus that of completers; and what completing truly took off."""
    last = tables["sentences"]["known_on"].max()
    ended = _ended_referrals(tables).select("crn", "intervention_id", "referred_on", "completed")
    seen = (
        chosen.filter(pl.col("decided_on") <= pl.lit(last) - _YEAR - _CONVICTIONS)
        .join(ended, on=["crn", "intervention_id"])
        .filter((pl.col("referred_on") - pl.col("decided_on")).dt.total_days().is_between(0, 42))
    )
    keys = ["crn", "decided_on"]
    again = (
        seen.select(keys)
        .join(tables["reoffences"].select("crn", "offence_on"), on="crn")
        .filter(
            (pl.col("offence_on") > pl.col("decided_on"))
            & (pl.col("offence_on") <= pl.col("decided_on") + _YEAR)
        )
        .select(keys)
        .unique()
        .with_columns(again=1.0)
    )
    seen = seen.join(again, on=keys, how="left").with_columns(pl.col("again").fill_null(0.0))
    rates = dict(seen.group_by("completed").agg(pl.col("again").mean()).rows())
    if set(rates) != {True, False}:
        return None, None, seen.height
    # The mean effect of a referral is spread over those who complete.
    effect = seen.select(((pl.col("r0") - pl.col("p_reoffend")) / pl.col("p_complete").clip(0.02)).mean())[
        0, 0
    ]
    return rates[False] - rates[True], effect, seen.height


def page(frame: pl.DataFrame) -> str:
    """The comparison as one self-contained page: a dot-and-band chart, and the table it shows."""
    judged = frame.filter(pl.col("within").is_not_null())
    inside = int(judged["within"].sum())
    sourced = judged.filter(pl.col("status") == "SOURCED")
    title = f"{inside} of {judged.height} figures lie within their tolerance; {int(sourced['within'].sum())} of {sourced.height} published ones"
    rows = "".join(_row(row) for row in frame.iter_rows(named=True))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Calibration of a synthetic world</title>'
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#0b0c0c}"
        "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #b1b4b6;"
        "vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:auto}</style></head>"
        f"<body><h1>How like the real thing is this world?</h1><p>{html.escape(title)}. All people in it are invented.</p>"
        f"{chart(frame)}<table><caption>Each figure, its source and what the world generated</caption><thead><tr>"
        '<th scope="col">Figure</th><th scope="col">Published or assumed</th><th scope="col">Tolerance</th>'
        '<th scope="col">Generated</th><th scope="col">Cases</th><th scope="col">Within?</th><th scope="col">Status</th>'
        f'<th scope="col">Source</th></tr></thead><tbody>{rows}</tbody></table></body></html>\n'
    )


def _row(row: Mapping[str, object]) -> str:
    generated = row["generated"]
    words = {True: "yes", False: "no", None: "too few cases"}[
        row["within"] if isinstance(row["within"], bool) else None
    ]
    value = "not available" if not isinstance(generated, float) else f"{generated:.3f}"
    return (
        f'<tr><th scope="row">{html.escape(str(row["label"]))}</th><td class="n">{row["target"]:.3f}</td>'
        f'<td class="n">±{row["tolerance"]:.3f}</td><td class="n">{value}</td><td class="n">{row["count"]:,}</td><td>{words}</td>'
        f"<td>{str(row['status']).lower()}</td><td>{html.escape(str(row['source']))}</td></tr>"
    )


def chart(frame: pl.DataFrame) -> str:
    """Band of tolerance and dot of the generated value, one line a figure, as inline SVG."""
    shown = [row for row in frame.iter_rows(named=True) if isinstance(row["generated"], float)]
    step, left, width = 22, 430, 520
    scale: Callable[[float], float] = lambda value: left + width * min(max(value, 0.0), 1.0)  # noqa: E731  one expression
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" font-family="system-ui,sans-serif" font-size="12" '
        f'viewBox="0 0 980 {step * len(shown) + 50}">'
        "<title>Generated value (dot) against the published or assumed figure and its tolerance (band)</title>"
    )
    lines = [head]
    for tick in range(0, 11, 2):
        x = scale(tick / 10)
        lines.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="18" y2="{step * len(shown) + 22}" stroke="#d8dade"/>'
            f'<text x="{x:.1f}" y="{step * len(shown) + 40}" text-anchor="middle">{tick / 10:.1f}</text>'
        )
    for index, row in enumerate(shown):
        y = 30 + step * index
        low, high = scale(row["target"] - row["tolerance"]), scale(row["target"] + row["tolerance"])
        outside = row["within"] is False
        mark = (
            f'<rect x="{scale(row["generated"]) - 4:.1f}" y="{y - 4}" width="8" height="8" fill="#d4351c"/>'
            if outside
            else f'<circle cx="{scale(row["generated"]):.1f}" cy="{y}" r="4.5" fill="#1d70b8"/>'
        )
        dash = ' stroke-dasharray="3 2"' if row["status"] == "ASSUMPTION" else ""
        lines.append(
            f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{html.escape(row["label"][:66])}</text>'
            f'<rect x="{low:.1f}" y="{y - 7}" width="{max(high - low, 2):.1f}" height="14" fill="#eef3f7" stroke="#505a5f"{dash}/>{mark}'
        )
    lines.append("</svg>")
    return "".join(lines)
