"""How is a chart drawn? The one module that draws, for every room.

A chart is one SVG element, drawn by matplotlib. Its title states the finding and its description says how to
read it. Text stays text. Shape, dash or words say what a colour says. The same numbers give the same
bytes. The caller puts the numbers in a table next to it.
"""

from charts.bars import bars
from charts.calibration import calibration
from charts.drawing import Meaning, as_file
from charts.heat_map import heat_map
from charts.intervals import IntervalLine, intervals
from charts.lines import Series, lines
from charts.pairs import ValuePair, value_pairs
from charts.scale import RATIOS, Scale
from charts.steps import Aside, steps
from charts.timeline import Row, Span, timeline

__all__ = [
    "RATIOS",
    "Aside",
    "IntervalLine",
    "Meaning",
    "Row",
    "Scale",
    "Series",
    "Span",
    "ValuePair",
    "as_file",
    "bars",
    "calibration",
    "heat_map",
    "intervals",
    "lines",
    "steps",
    "timeline",
    "value_pairs",
]
