"""The data files: the whole catalogue loads, and each mistake gets one clear sentence."""

import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import catalogue
from catalogue import UsageError, loading
from catalogue.checking import check, show, sources
from catalogue.checking.check import Severity
from catalogue.intervention import Rule, Sessions

WHOLE = catalogue.load()
TSP = "thinking-skills-programme-acp"
# The rule of the data contract for the 51 entries of the source, by sample, and the six beside them.
FROM_THE_SOURCE = {
    "community-led-initiatives-cli-peer-support-crs",
    "finance-benefit-and-debt-services-crs",
    "greater-manchester-education-training-and-employment-ete-crs",
    "lets-talk-si",
    "womens-services-crs",
    TSP,
}
BESIDE = {
    "alcohol-treatment-requirement",
    "attendance-centre",
    "drug-rehabilitation-requirement",
    "mental-health-treatment-requirement",
    "unpaid-work-group",
    "unpaid-work-individual",
}


def test_the_catalogue_is_whole() -> None:
    assert len(WHOLE.interventions) == 57
    assert set(WHOLE.ids) >= FROM_THE_SOURCE | BESIDE
    assert list(WHOLE.ids) == sorted(WHOLE.ids)
    kinds = {
        kind: sum(each.type == kind for each in WHOLE.interventions) for kind in catalogue.InterventionType
    }
    assert kinds == {
        "ACP": 21,
        "SI": 12,
        "CRS": 7,
        "TOOLKIT": 11,
        "TREATMENT_REQUIREMENT": 3,
        "UNPAID_WORK": 2,
        "ATTENDANCE_CENTRE": 1,
    }
    assert all(each.needs for each in WHOLE.interventions)


SOURCE = Path(__file__).parent / "source_particulars.csv"


def test_every_entry_of_the_source_is_there_with_its_particulars() -> None:
    """Each line of the file restates one record of FIND_AND_REFER (docs/sources.md)."""
    with SOURCE.open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    assert len(records) == 51
    assert {record["id"] for record in records} == set(WHOLE.ids) - BESIDE
    for record in records:
        entry = WHOLE.by_id(record["id"])
        told = {
            "id": entry.id,
            "type": entry.type.value,
            "formats": "+".join(entry.formats),
            "attendance": "+".join(entry.attendance),
            "settings": "+".join(each for each in entry.settings if each in {"COMMUNITY", "CUSTODY"}),
            "youngest": _bound(entry, "ADULT", "minimum"),
            "oldest": _bound(entry, "AGE_AT_MOST", "maximum"),
            "men": "N" if _code(entry, "FOR_WOMEN") else "Y",
            "women": "N" if _code(entry, "FOR_MEN") else "Y",
            "learning_disability": entry.learning_disability or "",
            "group_sessions": _sessions(entry.group),
            "one_to_one_sessions": _sessions(entry.one_to_one),
        }
        assert told == record


def _code(entry: catalogue.Intervention, code: str) -> Rule | None:
    return next((rule for rule in entry.rules if rule.code == code), None)


def _bound(entry: catalogue.Intervention, code: str, name: str) -> str:
    rule = _code(entry, code)
    return "" if rule is None else rule.values[name]


def _sessions(sessions: Sessions | None) -> str:
    if sessions is None:
        return ""
    if sessions.most is None:
        return f">={sessions.fewest}"
    return f"{sessions.fewest}-{sessions.most}" if sessions.most != sessions.fewest else str(sessions.fewest)


def test_particulars_are_those_of_the_source() -> None:
    entry = WHOLE.by_id("healthy-identity-intervention-acp")
    assert (entry.sessions, entry.sessions_group, entry.sessions_one_to_one) == (32, None, 32)
    assert entry.one_to_one is not None
    assert (entry.one_to_one.fewest, entry.one_to_one.most) == (10, 32)
    lnm = WHOLE.by_id("living-as-new-me-acp").group
    assert lnm is not None
    assert (lnm.fewest, lnm.most) == (5, None)
    assert WHOLE.by_id("accommodation-services-crs").sessions is None
    work = WHOLE.by_id("unpaid-work-group").hours
    assert work is not None
    assert (work.weekly, work.learning_share) == (28, 0.2)


def test_unclear_sources_say_how_they_were_read() -> None:
    for name, word in {
        "kaizen-general-violence-offence-acp": "contact sexual",
        "new-me-mot-acp": "twice",
        "new-me-mot-toolkits": "twice",
        "developing-assertiveness-for-women-in-relationships-dawn-si": "accredited programmes",
        "identity-matters-acp": "horizon",
        "stepwise-problem-solving-si": "horizon",
    }.items():
        assert any(word in reading.about for reading in WHOLE.by_id(name).readings), name


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    copy = tmp_path / "interventions"
    shutil.copytree(loading.FOLDER, copy)
    assert catalogue.load(copy).hash == WHOLE.hash
    assert re.fullmatch(r"[0-9a-f]{64}", WHOLE.hash)
    path = copy / f"{TSP}.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")
    assert catalogue.load(copy).hash == WHOLE.hash
    path.write_text(
        path.read_text(encoding="utf-8").replace("at_least: 50", "at_least: 51"), encoding="utf-8"
    )
    assert catalogue.load(copy).hash != WHOLE.hash


def test_the_ground_floor_loads_without_a_data_frame_library() -> None:
    script = "import sys, catalogue; catalogue.load(); sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


Edit = Callable[[str], str]


def broken(tmp_path: Path, edit: Edit, name: str = TSP) -> Path:
    folder = tmp_path / "interventions"
    folder.mkdir()
    text = (loading.FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    changed = edit(text)
    assert changed != text
    (folder / f"{name}.yaml").write_text(changed, encoding="utf-8")
    return folder


def swap(old: str, new: str) -> Edit:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (swap("family:", "famly:"), "unknown key 'famly'"),
        (swap("intensity: MODERATE\n", ""), "lacks 'intensity'"),
        (swap("id: thinking", "id: drinking"), "must hold the id"),
        (swap("type: ACP", "type: XYZ"), "holds 'XYZ'; use one of ACP"),
        (swap("COMMUNITY, CUSTODY", "COMMUNITY, MOON"), "holds 'MOON'"),
        (swap("field: ogrs_2yr", "field: ogrs_3yr"), "unknown field 'ogrs_3yr'"),
        (swap("{field: ogrs_2yr, at_least: 50}", "{field: ogrs_2yr, is: 50}"), "does not fit its kind"),
        (swap("{field: ogrs_2yr, at_least: 50}", "{feld: ogrs_2yr}"), "no known test"),
        (
            swap("total: thinking_total", "total: thinking_sum"),
            "total holds 'thinking_sum'; use one of thinking_total",
        ),
        (swap("SEXUAL, SEXUAL_INTERNET_ONLY", "SEXUAL, SEXUALL"), "holds 'SEXUALL'"),
        (
            swap("kind: QUESTION", "kind: QUESTION\n  test: {field: age, at_least: 1}"),
            "be a QUESTION and have none",
        ),
        (swap("code: ADULT", "code: ADULTS"), "has no sentences"),
        (swap("duration_weeks: 10", "duration_weeks: ten"), "no whole number"),
        (swap("valid_from: null", "valid_from: soon"), "no date"),
        (swap("valid_from: null", "valid_from: '2025-01-01'"), "write it without quotes as"),
        # The repeat stands on the line after the first, which is the fourth of the file.
        (
            swap("family:", "family: twice\nfamily:"),
            "not readable YAML, line 5 (a key stands twice: 'family')",
        ),
        (
            swap("{field: ogrs_2yr, at_least: 50}", f"{{none_eligible: {{ids: [{TSP}]}}}}"),
            "which is this entry itself or one read after it",
        ),
        (swap("type: ACP", "type: [ACP"), "not readable YAML, line"),
        (lambda text: text[:0] + "- a list\n", "must be a mapping"),
        (
            swap("test: {field: age, at_least: 18}", "changeable: LUCK\n  test: {field: age, at_least: 18}"),
            "'LUCK'",
        ),
        (swap("at_least: 50}", "at_least: 50}\n  changeable: TIME"), "no sentence says what it would take"),
        (
            swap("{field: ogrs_2yr, at_least: 50}", "{none_eligible: {ids: [no-such-acp]}}"),
            "'no-such-acp', which no entry",
        ),
        (
            swap("{field: ogrs_2yr, at_least: 50}", "{at_least_n: {n: 3, of: [{field: age, at_least: 1}]}}"),
            "n lies between 1 and 1",
        ),
        (
            swap("{field: ogrs_2yr, at_least: 50}", "{highest_of: [rosh, osp_dc], at_least: LOW}"),
            "different scales",
        ),
        (swap("values: {offence: sexual}", "values: {crime: sexual}"), "want a value 'offence'"),
    ],
)
def test_a_mistake_gets_one_clear_sentence(tmp_path: Path, edit: Edit, sentence: str) -> None:
    folder = broken(tmp_path, edit)
    with pytest.raises(UsageError) as raised:
        catalogue.load(folder)
    text = str(raised.value)
    assert sentence in text
    assert "\n" not in text
    (found,) = check.run_folder(folder)
    own_codes = {"unknown field": "UNKNOWN_FIELD", "which no entry": "UNKNOWN_INTERVENTION"}
    code = next((own for words, own in own_codes.items() if words in sentence), "NOT_READABLE")
    assert (found.code, found.place, found.text) == (code, f"{TSP}.yaml", text)


def test_a_folder_named_like_an_entry_is_a_finding_of_its_own(tmp_path: Path) -> None:
    folder = broken(tmp_path, swap("at_least: 50", "at_least: 51"))
    (folder / "dir.yaml").mkdir()
    (found,) = (each for each in check.run_folder(folder) if each.severity is Severity.ERROR)
    assert (found.code, found.place) == ("NOT_READABLE", "dir.yaml")
    assert "cannot be opened as a file" in found.text
    with pytest.raises(UsageError, match=r"dir\.yaml"):
        catalogue.load(folder)


def test_a_folder_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no catalogue in"):
        catalogue.load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no intervention 'yoga'"):
        WHOLE.by_id("yoga")


# ------------------------------------------------------------------------------------------------------- check


def test_the_catalogue_itself_has_no_errors_and_lists_every_protected_rule() -> None:
    found = check.run(WHOLE)
    assert [each for each in found if each.severity is Severity.ERROR] == []
    listed = {each.place for each in found if each.code.startswith("PROTECTED")}
    assert listed == {
        f"{each.id}, {rule.code}"
        for each in WHOLE.interventions
        for rule in each.criteria
        if rule.code
        in {"FOR_MEN", "FOR_WOMEN", "ADULT", "AGE_AT_MOST", "AGE_BELOW", "ORIENTATION_STATED"}
        # What says something about a disability, and the identifier, which leaves a score out for women.
        | {"NO_ACUTE_MENTAL_ILLNESS", "LEARNING_NEEDS", "PNI_PATHWAY"}
        or (each.id, rule.code) == ("mental-health-treatment-requirement", "TREATMENT_NEED")
    }
    questions = [each.place for each in found if each.code == "PROTECTED_QUESTION"]
    assert questions == [
        "help-programme-si, ORIENTATION_STATED",
        "positive-pathways-plus-si, ORIENTATION_STATED",
    ]


RULE = (
    "- code: OGRS_AT_LEAST\n  test: {field: ogrs_2yr, at_least: 50}\n  source: 'FIND_AND_REFER: risk_rule'\n"
)


@pytest.mark.parametrize(
    ("edit", "code", "severity"),
    [
        (swap("at_least: 50", "at_least: 500"), "OFF_SCALE", "ERROR"),
        (swap("at_least: 50", "at_least: 60, at_most: 50"), "RANGE_EMPTY", "ERROR"),
        (
            swap(
                RULE,
                RULE
                + RULE.replace("AT_LEAST\n", "BETWEEN\n").replace("at_least: 50", "at_least: 5, at_most: 40"),
            ),
            "CONTRADICTORY",
            "ERROR",
        ),
        (
            swap(
                RULE,
                RULE
                + RULE.replace("AT_LEAST\n", "BETWEEN\n").replace(
                    "at_least: 50", "at_least: 60, at_most: 90"
                ),
            ),
            "OVERLAPPING",
            "WARNING",
        ),
        (
            swap(
                RULE,
                RULE + "- code: OFFENCE_REQUIRED\n  test: {field: offence_types, contains_any: [SEXUAL]}\n"
                "  source: 'FIND_AND_REFER: x'\n  values: {offence: sexual}\n",
            ),
            "CONTRADICTORY",
            "ERROR",
        ),
        (
            swap(
                RULE,
                RULE
                + RULE.replace("AT_LEAST\n", "BETWEEN\n").replace("at_least: 50", "at_least: 5, at_most: 40"),
            ),
            "NOBODY_ELIGIBLE",
            "ERROR",
        ),
        (swap("'FIND_AND_REFER: risk_rule'", "'HEARSAY: a friend'"), "SOURCE_UNKNOWN", "ERROR"),
        (
            swap("valid_from: null\nvalid_to: null", "valid_from: 2024-01-01\nvalid_to: 2023-01-01"),
            "DATES_REVERSED",
            "ERROR",
        ),
        (swap("  legal_basis: 'Equality", "  note: 'Equality"), "PROTECTED_WITHOUT_BASIS", "WARNING"),
    ],
)
def test_each_fault_is_found(tmp_path: Path, edit: Edit, code: str, severity: str) -> None:
    found = check.run_folder(broken(tmp_path, edit))
    assert (code, severity) in {(each.code, each.severity) for each in found}


def test_a_name_that_stands_twice_for_the_same_days_is_found(tmp_path: Path) -> None:
    folder = broken(tmp_path, swap("valid_to: null", "valid_to: 2024-01-01"))
    text = (folder / f"{TSP}.yaml").read_text(encoding="utf-8")
    successor = text.replace(f"id: {TSP}", "id: successor").replace(
        "name: Thinking Skills", "name: Thinking  skills"
    )
    for first_day, clash in (("2024-01-01", set()), ("2023-12-31", {"DATES_OVERLAP"})):
        dated = successor.replace("valid_from: null", f"valid_from: {first_day}").replace(
            "valid_to: 2024-01-01", "valid_to: null"
        )
        (folder / "successor.yaml").write_text(dated, encoding="utf-8")
        found = {each.code for each in check.run_folder(folder)}
        assert found & {"DATES_OVERLAP", "DUPLICATE_NAME"} == clash


def test_a_name_that_stands_twice_without_dates_is_found(tmp_path: Path) -> None:
    folder = broken(tmp_path, swap("Thinking Skills Programme", "Thinking Skills"))
    text = (folder / f"{TSP}.yaml").read_text(encoding="utf-8")
    (folder / "twin.yaml").write_text(text.replace(f"id: {TSP}", "id: twin"), encoding="utf-8")
    (found,) = (each for each in check.run_folder(folder) if each.code == "DUPLICATE_NAME")
    assert found.place == f"{TSP}, twin"


# ------------------------------------------------------------------------------------------------- show, sources


def test_an_intervention_reads_as_a_person_would_want_it() -> None:
    page = show.render(WHOLE, "help-programme-si")
    for wanted in (
        "Help Programme\n==============",
        "12 in a group and 3 one to one",
        "Both SARA risks must be low.",
        "Rule on sexual orientation; legal basis: none recorded.",
        "What to ask",
        "MIT, Crown copyright",
    ):
        assert wanted in page
    for each in WHOLE.ids:
        assert "{" not in show.render(WHOLE, each)
    assert show.index(WHOLE).count("\n") == 56


def test_an_entry_says_all_that_its_rules_accept() -> None:
    page = show.render(WHOLE, "new-me-mot-toolkits")
    assert "a New Me, Kaizen or Horizon programme, or HSP." in page
    assert "HSP is the Healthy Sex Programme." in page
    assert "road, sexual, violent or abuse offences." in page
    assert "Abuse here is domestic abuse" in page


def test_the_page_of_sources_is_up_to_date_and_every_licence_is_open() -> None:
    assert sources.DOCUMENT.read_text(encoding="utf-8") == sources.as_markdown()
    assert all(
        re.search(r"Open Government Licence v3\.0|MIT", each.licence) for each in sources.load().values()
    )
