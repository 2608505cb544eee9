"""How does the comparison look as a page? One self-contained HTML page: a dot-and-band chart, and its table."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

import polars as pl


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
    step, left, width, most = 22, 480, 500, 1.2
    scale: Callable[[float], float] = lambda value: left + width * min(max(value, 0.0), most) / most  # noqa: E731  one expression
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" font-family="system-ui,sans-serif" font-size="12" '
        f'viewBox="0 0 1000 {step * len(shown) + 50}">'
        "<title>Generated value (dot) against the published or assumed figure and its tolerance (band)</title>"
    )
    lines = [head]
    for tick in range(0, 13, 2):
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
            f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{html.escape(row["label"])}</text>'
            f'<rect x="{low:.1f}" y="{y - 7}" width="{max(high - low, 2):.1f}" height="14" fill="#eef3f7" stroke="#505a5f"{dash}/>{mark}'
        )
    lines.append("</svg>")
    return "".join(lines)
