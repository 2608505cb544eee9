"""How does a matplotlib figure become an SVG element that everybody can read?"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from markupsafe import Markup

from charts.palette import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
FACES = "Arial, Helvetica, sans-serif"
LONG = re.compile(r"-?\d+\.\d{2,}")
KEPT_STYLES = ("font-size", "font-weight", "text-anchor", "fill")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What does a chart say to somebody who cannot see it?

    `name` is unique within the page and becomes part of ids. `title` states the finding. `description` says
    how to read the chart and where the numbers stand.
    """

    name: str
    title: str
    description: str


def page(height: float, *, width: float = WIDTH) -> Figure:
    """An empty figure of this height, in units of which 72 are an inch; as wide as a telephone unless told otherwise."""
    # Here and not above, so that a room can import this one at no cost.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Drawn

    figure = Drawn(figsize=(width / 72, height / 72), dpi=72, facecolor="none")
    FigureCanvasSVG(figure)
    return figure


def svg(figure: Figure, meaning: Meaning) -> Markup:
    """The figure as one SVG element, with a title and a description. Two figures of a page share no id."""
    import matplotlib as mpl

    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": meaning.name, "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata=nothing)
    drawn = ET.fromstring(out.getvalue())  # noqa: S314  matplotlib wrote it a moment ago
    title, description = f"{meaning.name}-title", f"{meaning.name}-desc"
    root = ET.Element(
        "svg",
        {
            "class": "chart",
            "role": "img",
            "viewBox": drawn.attrib["viewBox"],
            "width": drawn.attrib["width"].removesuffix("pt"),
            "aria-labelledby": f"{title} {description}",
            "focusable": "false",
            "font-family": FACES,
            "stroke-linejoin": "round",
        },
    )
    ET.SubElement(root, "title", {"id": title}).text = meaning.title
    ET.SubElement(root, "desc", {"id": description}).text = meaning.description
    root.extend(_plain(drawn))
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  ElementTree escapes every text


def as_file(drawing: Markup) -> str:
    """The text of a file that holds this drawing alone. Within a page it needs no name of its language."""
    return str(drawing).replace("<svg ", f'<svg xmlns="{SVG}" ', 1) + "\n"


def short(words: str, letters: int) -> str:
    """At most so many letters of the words."""
    return words if len(words) <= letters else f"{words[: letters - 1]}…"


def _plain(parent: ET.Element) -> Iterator[ET.Element]:
    """The marks of a figure without matplotlib's names, empty groups, and digits that nobody sees."""
    for child in parent:
        tag = child.tag.removeprefix(f"{{{SVG}}}")
        if tag in {"metadata", "style"}:
            continue
        inner = list(_plain(child))
        attributes = {
            key.rpartition("}")[2]: LONG.sub(_rounded, " ".join(value.split()))
            for key, value in child.attrib.items()
        }
        if tag in {"g", "defs"}:
            attributes.pop("id", None)
        if tag == "text":
            _strip(attributes)
        if tag == "g" and not attributes:
            yield from inner
        elif inner or child.text or tag not in {"g", "defs"}:
            made = ET.Element(tag, attributes)
            made.text = child.text if tag == "text" else None
            made.extend(inner)
            yield made


def _rounded(number: re.Match[str]) -> str:
    return f"{round(float(number.group()), 1) + 0.0:g}"


def _strip(attributes: dict[str, str]) -> None:
    """Leave to a text what says something: the page chooses the face of letters."""
    style = dict(part.strip().split(": ", 1) for part in attributes.pop("style").split(";") if part.strip())
    attributes.update({key: style[key] for key in KEPT_STYLES if key in style})
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
