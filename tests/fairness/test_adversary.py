"""An adversary reads every file that a report publishes, and does sums: totals, differences, rates times people, complements.

It shares no code with the hiding. What it knows: the published counts of all files together, that a whole is the sum of
its parts (groups of a characteristic, those with and without the event, finer groups within coarser ones), that the same
set of people has the same size wherever it is named, and that no count is negative. It must not be able to say how many
there are in any small group.
"""

import csv
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from fairness.audit import CROSSED, write
from fairness.characteristics import AND, definitions
from fairness.evidence import FurtherEvidence
from fairness.measures import Measure, measures
from fairness.policy import default
from fairness.result import AuditResult
from tests.fairness.test_planted import judged, simulate
from training.release import bundle as bundle_writer

SMALL = 10
Cell = tuple[str, str]  # a set of people, and the group within it ("" is everybody)
Sum = tuple[Cell, tuple[Cell, ...]]
MEASURES = {each.id: each for each in measures()}
PARTITIONS = [each for each in definitions().characteristics if not each.only]
COUNTS = ("count", "people", "reference_count", "reference_people")


@pytest.fixture(scope="module")
def frames() -> dict[str, pl.DataFrame]:
    return simulate(1_200, seed=11, planted={("offered_programme", "ethnicity", "Black"): 0.5})


@pytest.fixture(scope="module")
def audit(frames: dict[str, pl.DataFrame]) -> AuditResult:
    return judged(frames)


@pytest.fixture(scope="module")
def folder(audit: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published")
    write(audit, out=out, policy=default())
    return out


def sets(measure: Measure) -> tuple[str, str, str]:
    """The names of those with the event, those counted, and those without it."""
    return (
        measure.event_set,
        measure.among_set,
        measure.rest_set or f"{measure.among_set} - {measure.event_set}",
    )


def truth(frames: dict[str, pl.DataFrame]) -> dict[Cell, int]:
    """Every count that the tables are made of, from the rows themselves."""
    found: dict[Cell, int] = {}
    for measure in measures():
        frame = frames.get(measure.stage)
        if frame is None or measure.id not in frame.columns or frame[measure.id].drop_nulls().is_empty():
            continue
        event, among, rest = sets(measure)
        known = frame.drop_nulls(measure.id)
        for name in ["", *(each.name for each in PARTITIONS)]:
            grouped = known.group_by(name or pl.lit("")).agg(a=pl.col(measure.id).sum(), n=pl.len())
            for group, a, n in grouped.iter_rows():
                key = f"{name}={group}" if name else ""
                found[event, key], found[among, key], found[rest, key] = a, n, n - a
        for names in CROSSED if measure.intersections else ():
            for *groups, a, n in (
                known.group_by(*names).agg(a=pl.col(measure.id).sum(), n=pl.len()).iter_rows()
            ):
                key = "&".join(f"{name}={group}" for name, group in zip(names, groups, strict=True))
                found[event, key], found[among, key], found[rest, key] = a, n, n - a
    return found


def equations(cells: dict[Cell, int]) -> list[Sum]:
    """What adds up to what: that much anybody knows who reads the headings."""
    made: list[Sum] = []
    for measure in measures():
        event, among, rest = sets(measure)
        made.extend(
            ((among, key), ((event, key), (rest, key)))
            for name, key in cells
            if name == among and (event, key) in cells
        )
    by_name: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_name[cell[0]].append(cell)
    for name, mine in sorted(by_name.items()):
        made.extend(of_characteristics(name, mine))
        made.extend(of_crossings(name, mine))
    return made


def of_characteristics(name: str, cells: list[Cell]) -> Iterator[Sum]:
    """Everybody is the sum of the groups of a characteristic, and a main ethnic group of its finer ones."""
    single = [cell for cell in cells if "&" not in cell[1]]
    for each in PARTITIONS:
        parts = tuple(cell for cell in single if cell[1].startswith(f"{each.name}="))
        if parts and (name, "") in cells:
            yield (name, ""), parts
    fine: dict[str, list[Cell]] = defaultdict(list)
    coarse = definitions().by_name("ethnicity").levels
    for cell in single:
        if cell[1].startswith("ethnicity_detail="):
            level = cell[1].split("=")[1]
            fine[f"ethnicity={coarse.get(level, level)}"].append(cell)
    for key, finer in fine.items():
        if (name, key) in cells:
            yield (name, key), tuple(finer)


def of_crossings(name: str, cells: list[Cell]) -> Iterator[Sum]:
    """A group, or a crossing of two, is the sum of its crossings with a further one, people not recorded included."""
    crossed = [(cell, cell[1].split("&")) for cell in cells if "&" in cell[1]]
    for cell in cells:
        levels = cell[1].split("&")
        for names in CROSSED:
            if len(names) != len(levels) + 1:
                continue
            parts = tuple(
                other
                for other, finer in crossed
                if set(levels) < set(finer) and [level.split("=")[0] for level in finer] == list(names)
            )
            if parts and cell[1]:
                yield cell, parts


def numbers_of(folder: Path, audit: AuditResult) -> dict[Cell, int]:
    """Every count that any of the files gives away, directly or as a rate times people."""
    known: dict[Cell, int] = {}

    def learn(name: str, key: str, value: float) -> None:
        whole = round(value)
        assert known.setdefault((name, key), whole) == whole, (
            f"the files contradict each other on {name}, {key}"
        )

    for row in published(folder):
        parts = str(row["characteristic"]).split(" by ")
        event, among, rest = sets(MEASURES[str(row["measure"])])
        for prefix, group in (("", row["group"]), ("reference_", row["reference"])):
            key = "&".join(
                f"{name}={level}" for name, level in zip(parts, str(group).split(AND), strict=True)
            )
            count, people = row[f"{prefix}count"], row[f"{prefix}people"]
            if people:
                learn(among, key, float(people))
            if count:
                learn(event, key, float(count))
            if not prefix and row["rate"] and people:
                learn(event, key, float(row["rate"]) * float(people))
                learn(rest, key, float(people) - float(row["rate"]) * float(people))
    for name, (count, people) in json.loads((folder / "equality-report.json").read_text())["totals"].items():
        event, among, _ = sets(MEASURES[name])
        if people:  # a stage that was not assessed counts nobody
            learn(event, "", count)
            learn(among, "", people)
    return known


def published(folder: Path) -> Iterator[dict[str, str | None]]:
    """The comparisons as the CSV file, the JSON document and the workbook give them, one after the other."""
    with (folder / "comparisons.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
    for row in json.loads((folder / "equality-report.json").read_text())["comparisons"]:
        yield {name: None if value is None else str(value) for name, value in row.items()}
    yield from workbook(folder / "equality-report.ods")


def workbook(path: Path) -> Iterator[dict[str, str | None]]:
    """The rows of the workbook's sheet of comparisons."""
    space = {
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    }
    root = ET.fromstring(zipfile.ZipFile(path).read("content.xml"))
    sheet = next(
        each
        for each in root.iter(f"{{{space['table']}}}table")
        if each.get(f"{{{space['table']}}}name") == "Comparisons"
    )
    rows = [
        ["".join(cell.itertext()) for cell in row.iter(f"{{{space['table']}}}table-cell")]
        for row in sheet.iter(f"{{{space['table']}}}table-row")
    ]
    for row in rows[1:]:
        yield {
            name: None if value in {"[c]", "[x]"} else value for name, value in zip(rows[0], row, strict=True)
        }


class Solver:
    """The least and the most that a cell can be, by linear programming over all sums that it hangs together with."""

    def __init__(self, known: dict[Cell, int], sums: list[Sum]) -> None:
        self.known, self.sums = known, sums
        self.touching: dict[Cell, list[int]] = defaultdict(list)
        for number, (total, parts) in enumerate(sums):
            for cell in (total, *parts):
                self.touching[cell].append(number)
        self.systems: dict[Cell, tuple[dict[Cell, int], csr_array, NDArray[np.float64]]] = {}

    def system(self, target: Cell) -> tuple[dict[Cell, int], csr_array, NDArray[np.float64]]:
        """The unknown cells that hang together with this one, and the sums between them."""
        if target in self.systems:
            return self.systems[target]
        near, place, used = [target], {target: 0}, set()
        while near:
            for number in self.touching[near.pop()]:
                used.add(number)
                for other in (self.sums[number][0], *self.sums[number][1]):
                    if other not in self.known and other not in place:
                        place[other] = len(place)
                        near.append(other)
        entries: list[tuple[float, int, int]] = []
        right = np.zeros(len(used))
        for row, number in enumerate(sorted(used)):
            total, parts = self.sums[number]
            for cell, sign in ((total, -1.0), *((part, 1.0) for part in parts)):
                if cell in place:
                    entries.append((sign, row, place[cell]))
                else:
                    right[row] -= sign * self.known[cell]
        values, rows, columns = zip(*entries, strict=True)
        matrix = csr_array((values, (rows, columns)), shape=(len(used), len(place)))
        self.systems.update(dict.fromkeys(place, (place, matrix, right)))
        return self.systems[target]

    def reach(self, target: Cell) -> tuple[float, float]:
        """From the least to the most."""
        place, matrix, right = self.system(target)
        goal = np.zeros(len(place))
        goal[place[target]] = 1.0
        low = linprog(goal, A_eq=matrix, b_eq=right, bounds=(0, None))
        high = linprog(-goal, A_eq=matrix, b_eq=right, bounds=(0, None))
        assert low.fun is not None
        return float(low.fun), float("inf") if high.status == 3 else -float(high.fun or 0)


def test_no_small_count_can_be_worked_out_from_all_files_together(
    frames: dict[str, pl.DataFrame], audit: AuditResult, folder: Path
) -> None:
    real, known = truth(frames), numbers_of(folder, audit)
    assert all(real[cell] == value for cell, value in known.items() if cell in real)
    empty = {name for (name, key), count in real.items() if key == "" and count == 0}
    small = [cell for cell, count in real.items() if count < SMALL and cell[0] not in empty]
    assert len(small) > 30
    assert not [cell for cell in small if cell in known]
    solver = Solver(known, equations(real))
    found = {cell: solver.reach(cell) for cell in small}
    assert {cell: reach for cell, reach in found.items() if np.ptp(reach) < 1} == {}


def test_the_adversary_wins_where_only_the_small_counts_are_hidden(frames: dict[str, pl.DataFrame]) -> None:
    real = truth(frames)
    naive = {cell: count for cell, count in real.items() if count >= SMALL}
    solver = Solver(naive, equations(real))
    small = [cell for cell, count in real.items() if 0 < count < SMALL]
    assert sum(np.ptp(solver.reach(cell)) < 1 for cell in small[:40]) > 5


def test_nothing_derived_from_a_hidden_count_stands_in_any_file(audit: AuditResult, folder: Path) -> None:
    hidden = {each.id for each in audit.comparisons if each.status.value == "SUPPRESSED"}
    assert hidden
    derived = (
        "rate",
        "ratio",
        "difference",
        "alike_ratio",
        "p_value",
        "p_adjusted",
        "expected",
        "minimum_detectable_gap",
        "count",
        "people",
    )
    for row in [
        *workbook(folder / "equality-report.ods"),
        *json.loads((folder / "equality-report.json").read_text())["comparisons"],
    ]:
        if row["id"] in hidden:
            assert not [name for name in derived if row[name] not in {None, ""}]
            assert re.search(r"\d", str(row["sentence"]).replace(str(row["group"]), "")) is None


def test_the_page_tells_no_count_that_the_other_files_hide(audit: AuditResult, folder: Path) -> None:
    page = unescape((folder / "index.html").read_text(encoding="utf-8"))
    titles = {each.name: each.title for each in definitions().characteristics}
    tables = {
        caption: {
            cells[0]: cells[1:]
            for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
            if (cells := re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row))
        }
        for caption, body in re.findall(r"<caption>(.*?)</caption>(.*?)</table>", page, re.DOTALL)
    }
    looked = 0
    for each in audit.comparisons:
        rows = tables.get(f"{each.measure.title} by {titles.get(each.characteristic, '').lower()}", {})
        for label, cells in rows.items():
            if each.group in label.split(", ") and each.status.value == "SUPPRESSED":
                assert set(cells[:-1]) == {"[c]"}
                looked += 1
    assert looked > 20


def test_the_bundle_says_no_more_than_the_report(
    audit: AuditResult, trained_bundle: Path, tmp_path: Path
) -> None:
    """fairness.json, the model card and the transparency record are sealed from the same summary: no further counts."""
    import shutil

    place = tmp_path / "bundle"
    shutil.copytree(trained_bundle, place)
    bundle_writer.seal(place, fairness=audit.summary, gate=audit.gate.as_dict())
    assert json.loads((place / "fairness.json").read_text()) == json.loads(json.dumps(audit.summary))
    said = {number for each in audit.findings for number in re.findall(r"[\d,]*\d", each.sentence)}
    told = set(re.findall(r"[\d,]*\d", json.dumps(audit.summary)))
    for name in ("model-card.md", "transparency-record.md"):
        for line in (place / name).read_text(encoding="utf-8").splitlines():
            if any(each.group in line and each.measure.title in line for each in audit.comparisons):
                assert set(re.findall(r"[\d,]*\d", line)) <= said | told


def test_detail_tables_hold_no_small_count(folder: Path, audit: AuditResult) -> None:
    assert audit.evidence == FurtherEvidence()
    assert {path.suffix for path in folder.iterdir()} == {".html", ".csv", ".json", ".ods"}
