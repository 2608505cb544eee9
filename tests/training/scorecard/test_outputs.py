"""SQL, the page and the sheet of points say what the model says."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from scoring.scorecard import Axis, Factor, Scorecard, ScorecardError, Term
from training.scorecard import ScorecardClassifier
from training.scorecard.page import to_html
from training.scorecard.points import to_points
from training.scorecard.sql import to_sql


def _frame(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    number = [None if rng.random() < 0.1 else float(x) for x in rng.normal(size=rows)]
    text = rng.choice(["it's", 'say "so"', "back\\slash", "plain", None], rows).tolist()
    return pl.DataFrame(
        {
            'odd "name"': number,
            "whole": rng.integers(0, 9, rows),
            "flag": [None if rng.random() < 0.1 else bool(x) for x in rng.integers(0, 2, rows)],
            "text": text,
        }
    )


@pytest.fixture(scope="module")
def model() -> ScorecardClassifier:
    frame = _frame(1500, 0)
    x = frame['odd "name"'].fill_null(2.0).to_numpy()
    y = (
        x * (frame["whole"].to_numpy() - 4) / 3 + (frame["text"] == "it's").fill_null(value=False).to_numpy()
        > 0
    )
    return ScorecardClassifier(bags=2, max_rounds=150, max_pairs=3).fit(frame, y)


def test_sql_in_duckdb_is_the_score(model: ScorecardClassifier) -> None:
    frame = _frame(800, 1).with_columns(
        pl.when(pl.int_range(pl.len()) % 9 == 0)
        .then(pl.lit("never seen"))
        .otherwise(pl.col("text"))
        .alias("text"),
        pl.when(pl.int_range(pl.len()) % 13 == 0)
        .then(pl.lit(float("nan")))
        .otherwise(pl.col('odd "name"'))
        .alias('odd "name"'),
    )
    assert model.pairs_
    with duckdb.connect() as base:
        base.register("people", frame.to_arrow())
        raw = base.sql(f"SELECT {model.to_sql()} AS s FROM people").fetchnumpy()["s"]
        chance = base.sql(f"SELECT {model.to_sql(probability=True)} AS p FROM people").fetchnumpy()["p"]
    assert np.abs(raw - model.decision_function(frame)).max() < 1e-9
    assert np.abs(chance - model.predict_proba(frame)[:, 1]).max() < 1e-9


def test_the_cuts_themselves_fall_on_the_right_side_in_sql(model: ScorecardClassifier) -> None:
    cuts = sorted({c for t in model.terms_ for a in t.axes if a.feature == 'odd "name"' for c in a.cuts})
    frame = _frame(len(cuts), 2).with_columns(pl.Series('odd "name"', cuts))
    with duckdb.connect() as base:
        base.register("people", frame.to_arrow())
        raw = base.sql(f"SELECT {model.to_sql()} AS s FROM people").fetchnumpy()["s"]
    assert np.abs(raw - model.decision_function(frame)).max() < 1e-9


def test_spark_differs_from_duckdb_in_quoting_alone(model: ScorecardClassifier) -> None:
    spark = model.to_sql(dialect="spark")
    assert '`odd "name"`' in spark
    assert "'it\\'s'" in spark
    duck = model.to_sql(dialect="duckdb")
    assert '"odd ""name"""' in duck
    assert "'it''s'" in duck
    plain = spark.replace('`odd "name"`', "N").replace("\\'", "''").replace("\\\\", "\\")
    other = duck.replace('"odd ""name"""', "N")
    for name in ("whole", "flag", "text"):
        plain, other = plain.replace(f"`{name}`", name), other.replace(f'"{name}"', name)
    assert plain == other
    escaped = Axis("t", "category", categories=("back\\slash",))
    card = Scorecard(
        features=(Factor("t", "category"),),
        terms=(Term((escaped,), np.array([1.0, 0.0, 0.0]), np.ones(3)),),
        intercept=0.0,
        link="identity",
    )
    assert "'back\\\\slash'" in to_sql(card, dialect="spark")
    assert "'back\\slash'" in to_sql(card, dialect="duckdb")
    with pytest.raises(ScorecardError, match="dialect"):
        model.to_sql(dialect="oracle")  # type: ignore[arg-type]


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "rect", "line", "path"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"rect", "line", "path"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.seen)


def test_the_page_holds_every_term_with_its_picture_and_numbers(model: ScorecardClassifier, tmp_path) -> None:  # noqa: ANN001
    written = model.to_html(
        tmp_path / "m.html", title="Starts & ends", outcome="it starts", labels={"whole": "<Wholes>"}
    )
    assert (tmp_path / "m.html").read_text(encoding="utf-8") == written
    page = _Page(written)
    assert page.open == []
    assert page.count("svg") == len(model.terms_)
    assert page.count("table") == len(model.terms_) + 2  # the example and the overview besides
    assert "Starts & ends" in page.text
    assert "<Wholes>" in page.text
    assert "&lt;Wholes&gt;" in written
    outside = [
        value for _, attrs in page.seen for key, value in attrs.items() if key in {"src", "href"} and value
    ]
    assert all(value.startswith("#term-") for value in outside)
    assert "<script" not in written
    images = [attrs for tag, attrs in page.seen if tag == "svg"]
    assert all(attrs["role"] == "img" and attrs["aria-labelledby"] for attrs in images)
    identities = [attrs["id"] for _, attrs in page.seen if attrs.get("id")]
    assert len(set(identities)) == len(identities)
    for term in model.terms_:
        decimals = 4 if len(term.axes) == 1 else 3
        values = [round(float(value), decimals) + 0.0 for value in np.nditer(term.values)]  # no -0
        numbers = [f"{value:+.{decimals}f}" for value in values]
        assert all(number in page.text for number in numbers)
    assert written == model.to_html(title="Starts & ends", outcome="it starts", labels={"whole": "<Wholes>"})
    assert "not recorded" in page.text


def test_the_pages_example_adds_up_to_the_score_of_the_commonest_values() -> None:
    card = _small()
    page = _Page(to_html(card)).text
    adds = [float(found) for found in re.findall(r"[+-]\d+\.\d{3}", page[page.index("Adding up") :])]
    # Cells of `a` hold 5 people each: the first is taken, under 1; of `b` the first, x.
    row = {"a": 0.0, "b": "x"}
    assert adds[:4] == [-0.5, -1.0, 0.3, card.score(row)]
    assert f"{100 * card.probability(row):.1f} in 100" in page


def _small(link: str = "logit") -> Scorecard:
    single = Axis("a", "number", cuts=(1.0, 2.0))
    pair = (Axis("a", "number", cuts=(1.5,)), Axis("b", "category", categories=("x",)))
    return Scorecard(
        features=(Factor("a", "number", 0.0, 3.0), Factor("b", "category")),
        terms=(
            Term((single,), np.array([-1.0, 0.0, 1.0, 0.5]), np.array([5.0, 5.0, 5.0, 0.0])),
            Term(pair, np.array([[0.3, -0.3, 0.0], [-0.3, 0.3, 0.0], [0.0, 0.0, 0.0]]), np.ones((3, 3))),
        ),
        intercept=-0.5,
        link=link,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("link", ["logit", "identity"])
def test_points_add_up_to_the_score_within_the_stated_error(link: str) -> None:
    card = _small(link)
    points = to_points(card, points_to_double=20)
    for a in (0.5, 1.2, 1.7, 2.5, None):
        for b in ("x", "other", None):
            row = {"a": a, "b": b}
            rounding = 0.5 * (len(points.tables) + 1) / points.scale
            total = points.base
            for table in points.tables:
                place = tuple(_cell(axis, row[axis.feature]) for axis in table.term.axes)
                total += int(table.points[place])
            assert abs(points.raw(total) - card.score(row)) <= rounding
            wanted = card.probability(row)
            assert abs(points.chance(total) - wanted) <= rounding
    assert all(table.points.min() == 0 for table in points.tables)
    said = str(points)
    assert "under 1" in said
    assert "any other value" in said
    assert ("in 100" in said) == (link == "logit")
    doubled = points.raw(20) - points.raw(0)
    assert doubled == pytest.approx(np.log(2) if link == "logit" else 1.0)
    with pytest.raises(ScorecardError, match="more than 0"):
        to_points(card, points_to_double=0)


def _cell(axis: Axis, value: object) -> int:
    if value is None:
        return axis.cells - 1
    if axis.kind == "category":
        return axis.categories.index(value) if value in axis.categories else axis.cells - 2  # type: ignore[arg-type]
    return sum(value >= cut for cut in axis.cuts)  # type: ignore[operator]


def test_the_average_is_said_in_plain_counts() -> None:
    page = to_html(_small(), outcome="the person starts")
    assert re.search(r"37\.8 in 100", page)  # the chance at a log-odds of -0.5
    assert "about 0.7 doubles the odds" in page
    assert "in 100" not in to_html(_small("identity"))


def test_an_empty_scorecard_can_be_written_everywhere() -> None:
    card = Scorecard(features=(Factor("a", "number"),), terms=(), intercept=0.25, link="identity")
    assert "Facts without any effect" in to_html(card)
    assert to_points(card).tables == ()
    with duckdb.connect() as base:
        assert base.sql(f"SELECT {to_sql(card)}").fetchall() == [(0.25,)]
    assert pd.isna(card.score({})) is False
