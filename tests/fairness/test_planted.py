"""The whole judgement on simulated stages: what is planted is named in its stage, and nothing else is."""

import csv
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from catalogue import load
from fairness import evidence, gate, register, rules, tables
from fairness.audit import concluded, judge, write
from fairness.characteristics import definitions
from fairness.compare import GapReading, GroupStatus
from fairness.findings import conclusion
from fairness.measures import measures
from fairness.policy import default
from fairness.report.render import html
from fairness.report.sections import build
from fairness.result import AuditResult

TODAY = date(2026, 3, 31)
GROUPS = {
    "sex": {"Men": 0.9, "Women": 0.1},
    "age": {
        "18 to 20": 0.1,
        "21 to 24": 0.15,
        "25 to 29": 0.2,
        "30 to 39": 0.3,
        "40 to 49": 0.15,
        "50 to 59": 0.1,
    },
    "ethnicity": {"White": 0.8, "Black": 0.06, "Asian": 0.05, "Mixed": 0.04, "Not recorded": 0.05},
    "disability": {"Not disabled": 0.45, "Disabled": 0.3, "Not recorded": 0.25},
    "religion": {"No religion": 0.45, "Christian": 0.35, "Muslim": 0.1, "Sikh": 0.02, "Not recorded": 0.08},
}
RATES = {
    "suggestions": {"eligible": 0.97, "suggested": 0.7, "suggested_programme": 0.35, "feasible": 0.9},
    "decisions": {"fully_assessed": 0.75, "offered": 0.45, "offered_programme": 0.3, "progressed": 0.3},
    "delivery": {"far": 0.12, "started": 0.62, "completed": 0.75},
    "enforcement": {"enforced": 0.2},
    "flag_outcomes": {"missed": 0.6, "flagged_wrongly": 0.15, "flag_right": 0.5},
    "flags": {"flagged": 0.2},
}
DETAIL = {"White": "White British", "Black": "Black African", "Asian": "Indian", "Mixed": "White and Asian"}
PLANTED = {
    ("offered_programme", "ethnicity", "Black"): 0.55,
    ("fully_assessed", "ethnicity", "Asian"): 0.6,
    ("far", "sex", "Women"): 2.0,
    ("enforced", "ethnicity", "Mixed"): 1.8,
}


def simulate(
    people: int, *, seed: int, planted: Mapping[tuple[str, str, str], float]
) -> dict[str, pl.DataFrame]:
    """One frame a stage: rates differ by need and region, groups are spread unevenly over regions, gaps as planted."""
    random = np.random.default_rng(seed)
    frames = {}
    for stage, rates in RATES.items():
        size = people // 3 if stage == "enforcement" else people
        region = random.choice(list("AJ"), size, p=[0.8, 0.2])
        need = random.choice(["under 10", "10 to 19", "20 to 29"], size)
        columns: dict[str, object] = {
            "crn": [f"Z{number:06d}" for number in np.arange(size) // (2 if stage == "decisions" else 1)],
            "need_band": need,
            "risk_band": random.choice(["under 25", "25 to 49"], size),
            "sentence_type": random.choice(["LICENCE", "COMMUNITY_ORDER"], size),
            "region": region,
            "as_of": [TODAY] * size,
        }
        for name, levels in GROUPS.items():
            share = np.array(list(levels.values()))
            drawn = random.choice(list(levels), size, p=share / share.sum())
            if name == "ethnicity":  # three in ten people of the second region are Black
                drawn = np.where((region == "J") & (random.random(size) < 0.3), "Black", drawn)
            columns[name] = drawn
        for measure, rate in rates.items():
            chance = rate * np.where(need == "under 10", 0.8, 1.1) * np.where(region == "J", 0.8, 1.0)
            for (where, characteristic, group), factor in planted.items():
                if where == measure:
                    chance = np.where(columns[characteristic] == group, chance * factor, chance)
            columns[measure] = random.random(size) < np.clip(chance, 0, 0.99)
        if stage == "suggestions":
            for measure in ("suggested", "suggested_programme", "feasible"):
                columns[measure] = np.where(columns["eligible"], columns[measure], None).tolist()
        if stage == "flag_outcomes":
            failed = random.random(size) < 0.3
            flagged = random.random(size) < np.where(failed, 0.4, 0.15)
            columns["missed"] = np.where(failed, ~flagged, None).tolist()
            columns["flagged_wrongly"] = np.where(failed, None, flagged).tolist()
            columns["flag_right"] = np.where(flagged, failed, None).tolist()
        frames[stage] = pl.DataFrame(columns).with_columns(_absent(columns, stage))
    return frames


def _absent(columns: Mapping[str, object], stage: str) -> list[pl.Expr]:
    """The characteristics and measures that a stage of this simulation leaves out, as empty columns."""
    from fairness.measures import of_stage

    absent: list[pl.Expr] = [
        pl.lit(None, pl.Boolean).alias(each.id) for each in of_stage(stage) if each.id not in columns
    ]
    missing = [
        each.name for each in definitions().characteristics if each.name not in {*columns, "ethnicity_detail"}
    ]
    detail = pl.col("ethnicity").replace(DETAIL).alias("ethnicity_detail")
    return [*absent, detail, *(pl.lit("Not recorded").alias(name) for name in missing)]


def judged(frames: dict[str, pl.DataFrame], *, cross_check: bool = False) -> AuditResult:
    people = frames["suggestions"]
    return judge(
        frames, people=people, register=register.EMPTY, policy=default(), as_of=TODAY, bundle_version="test",
        report=Path("x"), cross_check=cross_check,
    )  # fmt: skip


@pytest.fixture(scope="module")
def disparity() -> AuditResult:
    return judged(simulate(12_000, seed=1, planted=PLANTED), cross_check=True)


def test_every_planted_gap_is_named_in_its_stage_and_fails_the_gate(disparity: AuditResult) -> None:
    named = {
        (each.measure.id, each.characteristic, each.group)
        for each in disparity.comparisons
        if each.reading is GapReading.GAP
    }
    assert set(PLANTED) <= named
    assert disparity.gate.state == "FAIL"
    twins = {
        (measure, "ethnicity_detail", DETAIL[group]) for measure, by, group in PLANTED if by == "ethnicity"
    }
    assert {each for each in named if " by " not in each[1]} == set(PLANTED) | twins
    assert "offered_programme:ethnicity:black:vs-white" in disparity.gate.named


@pytest.mark.parametrize("seed", range(2))
def test_a_world_without_gaps_passes(seed: int) -> None:
    found = judged(simulate(5_000, seed=100 + seed, planted={}))
    assert found.findings == ()
    assert found.gate.state == "PASS"


def test_flagging_nobody_does_not_pass() -> None:
    frames = simulate(4_000, seed=7, planted={})
    frames["flags"] = frames["flags"].with_columns(flagged=pl.lit(value=False))
    verdict = judged(frames).gate
    assert verdict.state == "INSUFFICIENT_DATA"
    assert verdict.named == ("flagged:nobody",)


DEMONSTRATION = register.read(Path(register.__file__).parent / "demonstration-register.yaml")


def test_the_demonstration_register_lifts_what_can_be_insufficient_and_explains_nothing() -> None:
    required = [each.name for each in definitions().characteristics if each.required]
    names = {f"{each.id}:nobody" for each in measures() if each.required != "no"}
    names |= {f"{each.id}:{name}" for each in measures() if each.required == "compared" for name in required}
    assert set(DEMONSTRATION.lifted) == names - {"suggested:nobody"}
    assert not DEMONSTRATION.disparities
    assert all(each.holds(date(2025, 12, 31)) for each in DEMONSTRATION.lifted.values())


def test_the_demonstration_register_lifts_no_disparity(disparity: AuditResult) -> None:
    again = gate.judge(
        disparity.comparisons, as_of=TODAY, register=DEMONSTRATION, totals=disparity.totals,
        measures=measures(), required=["sex"],
    )  # fmt: skip
    assert again.state == "FAIL"
    assert again.disparities == disparity.gate.disparities
    assert not set(DEMONSTRATION.lifted) & {each.id for each in disparity.comparisons}


def test_what_was_lifted_is_said(disparity: AuditResult) -> None:
    frames = simulate(4_000, seed=7, planted={})
    frames["flags"] = frames["flags"].with_columns(flagged=pl.lit(value=False))
    found = judged(frames)
    again = gate.judge(
        found.comparisons, as_of=TODAY, register=DEMONSTRATION, totals=found.totals, measures=measures()
    )
    assert again.passed
    assert again.as_dict()["lifted"] == ["flagged:nobody"]
    passed = replace(found, gate=again)
    assert passed.sentence.startswith("the gate passes, with 1 comparison lifted by the register, and 0 disp")
    assert (
        "Too little data, lifted by the register: Flagged today (it happened to nobody)."
        in build(passed, policy=default()).verdict_words
    )
    assert disparity.gate.lifted == ()


def test_a_failed_test_of_the_release_fails_the_gate_and_is_not_called_a_disparity(
    disparity: AuditResult,
) -> None:
    """Nor does a register let it pass: it is judged last, over whatever the gate said."""
    leaks = evidence.Test(name="leakage", holds=False, sentence="2 answers differ.")
    clean = replace(disparity, gate=gate.Gate("PASS", (), (), (), ("flagged:nobody",)))
    assert concluded(clean, evidence.FurtherEvidence(tests=[replace(leaks, holds=True)])).gate == clean.gate
    failed = concluded(clean, evidence.FurtherEvidence(tests=[leaks]))
    assert (failed.gate.state, failed.gate.named) == ("FAIL", ("leakage",))
    assert failed.sentence == "the gate fails on 1 point: leakage"
    both = concluded(disparity, evidence.FurtherEvidence(tests=[leaks])).gate
    assert both.named == ("leakage", *disparity.gate.disparities)


def test_a_signed_explanation_of_each_gap_lets_it_pass(disparity: AuditResult) -> None:
    entries = register.parse(
        {
            "disparities": [
                {
                    "id": name, "first_seen": date(2026, 1, 1), "status": "explained", "owner": "Head of interventions",
                    "argument": "a", "evidence": "b", "signed_by": "Board", "signed_on": date(2026, 2, 1),
                    "expires": date(2026, 9, 1),
                }
                for name in disparity.gate.disparities
            ]
        }
    )  # fmt: skip
    again = gate.judge(
        disparity.comparisons,
        as_of=TODAY,
        register=entries,
        totals=disparity.totals,
        measures=measures(),
        required=["sex"],
    )
    assert again.state == "PASS"
    assert set(again.explained) == set(disparity.gate.disparities)


@pytest.fixture(scope="module")
def folder(disparity: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write(disparity, out=out, policy=default())
    return out


def test_the_same_audit_writes_the_same_bytes(disparity: AuditResult, folder: Path, tmp_path: Path) -> None:
    write(disparity, out=tmp_path, policy=default())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in folder.iterdir())
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_the_rates_agree_with_fairlearn(disparity: AuditResult) -> None:
    assert disparity.agreement
    assert all(each.agrees and each.compared for each in disparity.agreement.values() if each.compared)
    assert sum(each.compared for each in disparity.agreement.values()) > 100


def test_nothing_suppressed_is_in_any_file(disparity: AuditResult, folder: Path) -> None:
    hidden = [each for each in disparity.comparisons if each.status is GroupStatus.SUPPRESSED]
    assert hidden
    with (folder / "comparisons.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    document = {
        each["id"]: each for each in json.loads((folder / "equality-report.json").read_text())["comparisons"]
    }
    for each in hidden:
        for name in tables.NUMBERS:
            if name != "design_effect":
                assert rows[each.id][name] == ""
                assert document[each.id][name] is None
    small = [row for row in rows.values() if row["count"] and min(int(row["count"]), int(row["people"])) < 10]
    assert small == []


def test_the_three_files_hold_the_same_numbers(disparity: AuditResult, folder: Path) -> None:
    document = json.loads((folder / "equality-report.json").read_text())
    with (folder / "comparisons.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [each["id"] for each in document["comparisons"]]
    assert [row["count"] for row in rows] == [
        "" if each["count"] is None else str(each["count"]) for each in document["comparisons"]
    ]
    content = zipfile.ZipFile(folder / "equality-report.ods").read("content.xml").decode()
    assert content.count("<table:table-row>") > len(rows)
    assert zipfile.ZipFile(folder / "equality-report.ods").namelist()[0] == "mimetype"


class Page(HTMLParser):
    """What an accessible page has to have, counted."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.levels: list[int] = []
        self.counts: dict[str, int] = {}
        self.unscoped = 0
        self.language = ""
        self.external: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found.get("href")))
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "th" and "scope" not in found:
            self.unscoped += 1
        if tag == "html":
            self.language = str(found.get("lang"))
        if tag in {"script", "link", "img", "iframe"} or str(found.get("src", "")).startswith("http"):
            self.external.append(tag)


def test_the_page_is_self_contained_and_accessible(folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.external == []
    assert "@import" not in text
    assert page.language == "en"
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert page.counts["h1"] == page.counts["main"] == page.counts["title"] - page.counts["svg"] == 1
    assert all(after - before <= 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
    assert page.unscoped == 0
    assert page.counts["caption"] == page.counts["table"]
    assert page.counts["figcaption"] == page.counts["figure"] == page.counts["svg"]
    assert page.counts["svg"] > 10


def test_the_page_has_its_sections_and_says_what_it_found(folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    for number in (*range(1, 12), "a", "b", "c", "d"):
        assert f'id="section-{number}"' in text
    assert "Black" in text
    assert "explain or reform" in text
    assert "The gate fails" in text


RULES = evidence.Grid(
    name="rules",
    title="Rules",
    columns=["Characteristic", "Rule", "Kind", "Legal basis", "Interventions", "For example"],
    rows=[
        ["sex", "a", "Rule", rules.NO_BASIS, 3, ""],
        ["sex", "b", "Rule", rules.NO_BASIS, 1, ""],
        ["age", "c", "Rule", "Act", 9, ""],
    ],
)


def test_rules_without_a_legal_basis_are_decisions_and_synthetic_people_are_said(
    disparity: AuditResult,
) -> None:
    quiet = replace(
        disparity,
        comparisons=(),
        findings=(),
        evidence=evidence.FurtherEvidence(grids={"5": [RULES]}),
        synthetic=True,
    )
    text = html(build(quiet, policy=default()))
    assert "No disparity asks for a decision, but rules of the catalogue do." in text
    assert 'Sex: 2 rules, in 4 interventions. <a href="#table-rules">' in text
    assert 'id="table-rules"' in text
    assert "Age: " not in text
    assert "The people in this report are synthetic." in text
    plain = html(
        build(replace(quiet, evidence=evidence.FurtherEvidence(), synthetic=False), policy=default())
    )
    assert "No disparity asks for a decision.<" in plain
    assert "synthetic" not in plain


def test_marks_are_explained_before_the_first_table(folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert text.index("[z] is not compared") < text.index("<table")
    assert re.search(r"to explain or reform was found \(\d+ of \d+ groups? could be compared\)", text)


def test_the_banner_names_comparisons_in_words(disparity: AuditResult) -> None:
    names = ("suggested:sex", "suggested:age", "flagged:nobody")
    found = replace(disparity, gate=gate.Gate("INSUFFICIENT_DATA", (), (), names))
    words = build(found, policy=default()).verdict_words
    assert "Something suggested by sex, by age; Flagged today (it happened to nobody)." in words


def test_a_rate_outside_the_band_that_is_not_certain_is_not_called_no_evidence(
    disparity: AuditResult,
) -> None:
    low, high = default().band
    for each in disparity.comparisons:
        if each.reading in {GapReading.UNSURE, GapReading.UNCLEAR} and each.judged[0] is not None:
            assert (each.reading is GapReading.UNSURE) == (not low <= each.judged[0] <= high)
    unsure = [each for each in disparity.comparisons if each.reading is GapReading.UNSURE]
    assert unsure
    assert all("too small to tell" in conclusion(each) for each in unsure)


def test_rules_are_named_by_the_sentences_of_the_catalogue() -> None:
    catalogue = load()
    for code in {each.rule.code for each in catalogue.plan.rules}:
        words = rules.rule_words(code, catalogue)
        assert words.endswith(".")
        assert "{" not in words
        assert "a set value" not in words


def test_a_later_report_says_what_moved() -> None:
    before = {"a": 0.5, "b": 0.6, "c": 0.7}
    found = register.changes(register.EMPTY, {"a": 0.7, "b": 0.5, "d": 0.4}, before)
    assert (found.new, found.gone, found.better, found.worse) == (("d",), ("c",), ("a",), ("b",))
