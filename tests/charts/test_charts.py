"""Every kind of chart: text as text, a title and a description, no id twice on a page, and the same bytes again."""

import re
from collections.abc import Callable
from datetime import date
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from markupsafe import Markup

from charts import (
    RATIOS,
    Aside,
    IntervalLine,
    Meaning,
    Row,
    Scale,
    Series,
    Span,
    ValuePair,
    as_file,
    bars,
    calibration,
    heat_map,
    intervals,
    lines,
    steps,
    timeline,
    value_pairs,
)
from charts.palette import DASHES, MARKS, SERIES

SERIES_OF_THREE = [Series(label=f"model {n}", x=[0.1, 0.5, 0.9], y=[0.1 * n, 0.4, 0.8]) for n in (1, 2, 3)]


def meaning(name: str) -> Meaning:
    return Meaning(name=name, title="More men & <women> start", description="A line for each group.")


KINDS: dict[str, Callable[[Meaning], Markup]] = {
    "intervals": lambda said: intervals(
        [
            IntervalLine(label="Asian or Asian British", value=1.2, lower=0.9, upper=None, words="A gap", marked=True),
            IntervalLine(label="Black & <British>", value=0.8, lower=None, upper=1.4, words="No evidence"),
            IntervalLine(label="Within", value=1.0, range=(0.8, 1.25)),
        ],
        said,
        scale=RATIOS,
        reference=(1.0, "same as White"),
        band=(0.8, 1.25),
    ),
    "value pairs": lambda said: value_pairs(
        [
            ValuePair(label="As served", first=50.0, second=60.0, words="chosen", marked=True),
            ValuePair(label="Other", first=55.0, second=58.0, words=""),
        ],
        said,
        first="missed",
        second="missed in the worst served group",
    ),
    "steps": lambda said: steps(
        [0.0, 0.5, 1.0], [-0.1, 0.3], [20, 30], said, marks=[(0.5, "3")], aside=Aside(label="not recorded", value=0.1, count=4),
        joined=True,
    ),
    "heat map": lambda said: heat_map(
        np.array([[0.5, -0.25], [0.1, 0.0]]), said, rows=["low", "high"], columns=["no", "yes"],
        empty=np.array([[False, False], [False, True]]),
    ),
    "lines": lambda said: lines(SERIES_OF_THREE, said, x="age", y="AUC", reference=0.5),
    "calibration": lambda said: calibration(SERIES_OF_THREE, said, x="predicted share", y="observed share"),
    "bars": lambda said: bars([0, 2, 4], [3, 5], said, x="weeks", y="referrals", reference=(3, "3 weeks")),
    "timeline": lambda said: timeline(
        [
            Row(label="Sentence", spans=[Span(begin=date(2024, 1, 1), end=date(2025, 1, 1), words="community order")]),
            Row(label="Supervision", days=[(date(2024, 2, 1), "attended"), (date(2024, 3, 1), "missed")]),
        ],
        said,
    ),
}  # fmt: skip
WORDS = {
    "intervals": {"Asian or Asian British", "A gap", "Black & <British>", "same as White", "0.25", "4"},
    "value pairs": {"As served", "chosen", "○ missed   ◆ missed in the worst served group"},
    "steps": {"+0.30", "-0.10", "0", "3", "not recorded"},
    "heat map": {"+0.50", "-0.25", "low", "yes"},
    "lines": {"model 1", "model 3", "age", "AUC"},
    "calibration": {"model 2", "predicted share", "observed share"},
    "bars": {"weeks", "referrals", "3 weeks"},
    "timeline": {"community order", "attended", "missed", "Supervision"},
}


def texts(drawing: str) -> set[str]:
    return {"".join(each.itertext()) for each in ET.fromstring(drawing).iter("text")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_can_be_read_without_being_seen_and_its_text_is_text(kind: str) -> None:
    drawing = KINDS[kind](meaning("a"))
    root = ET.fromstring(drawing)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "a-title a-desc"
    told = {child.attrib["id"]: child.text for child in root if child.tag in {"title", "desc"}}
    assert told == {"a-title": "More men & <women> start", "a-desc": "A line for each group."}
    assert texts(drawing) >= WORDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_numbers_give_the_same_bytes_and_two_charts_share_no_id(kind: str) -> None:
    drawing, other = KINDS[kind](meaning("a")), KINDS[kind](meaning("b"))
    assert drawing == KINDS[kind](meaning("a"))
    ids, others = (re.findall(r' id="([^"]+)"', each) for each in (drawing, other))
    assert len(set(ids)) == len(ids)
    assert set(ids).isdisjoint(others)
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', drawing))
    assert {a or b for a, b in used} <= set(ids)
    assert "http" not in drawing


def test_a_drawing_in_a_file_of_its_own_names_its_language() -> None:
    text = as_file(KINDS["steps"](meaning("a")))
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert text.endswith("</svg>\n")


def test_a_marked_value_and_a_second_value_have_a_shape_of_their_own() -> None:
    plain = IntervalLine(label="Group", value=1.0, lower=0.5, upper=2.0)
    marked = IntervalLine(label="Group", value=1.0, lower=0.5, upper=2.0, marked=True)
    shapes = []
    for row in (plain, marked):
        found = ET.fromstring(intervals([row], meaning("a"), scale=RATIOS))
        shapes.append([each.attrib["d"] for each in found.iter("path") if "id" in each.attrib])
    assert shapes[0] != shapes[1]
    assert len(set(MARKS)) == len(MARKS) == len(SERIES) == len(DASHES)


def test_an_interval_that_runs_off_the_scale_is_drawn_to_its_end_with_an_arrow() -> None:
    inside, beyond = (
        intervals(
            [IntervalLine(label="Group", value=1.0, lower=0.5, upper=upper)], meaning("a"), scale=RATIOS
        )
        for upper in (2.0, 9.0)
    )
    assert "L 386" in beyond
    assert beyond == intervals(
        [IntervalLine(label="Group", value=1.0, lower=0.5, upper=None)], meaning("a"), scale=RATIOS
    )
    assert inside != beyond


def test_a_scale_holds_every_value_and_ends_on_round_numbers() -> None:
    scale = Scale.around([-3.2, 0.0, 21.4])
    assert scale.low <= -3.2
    assert scale.high >= 21.4
    assert scale.at(-3.2) < scale.at(0.0) < scale.at(21.4)
    assert all(float(f"{tick:.3g}") == tick for tick in scale.ticks)
    assert RATIOS.at(1.0) == pytest.approx((RATIOS.at(0.5) + RATIOS.at(2.0)) / 2)
    assert RATIOS.at(100.0) == RATIOS.at(4.0)
