"""`signpost catalogue check`: every kind of finding, each from a fault that was planted for it."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import catalogue
from catalogue import UsageError, loading
from catalogue.checking import check, relations
from catalogue.checking.check import Finding
from catalogue.checking.relations import Relation
from catalogue.criteria import Criterion
from catalogue.criterion_reader import Competitors, Test
from catalogue.documents import Section, read_model
from catalogue.fields import FIELDS, FieldKind
from catalogue.subjects import Subjects
from catalogue.truth import FALSE, TRUE, UNKNOWN, criteria
from signpost.commands.catalogue import catalogue as command

ENTRY = """
id: entry
name: Entry
type: SI
family: made-up
needs: [s11_thinking]
settings: [COMMUNITY]
formats: [GROUP]
attendance: []
sessions: {group: 6, one_to_one: null}
duration_weeks: 6
duration_basis: made up
intensity: LOW
learning_disability: null
valid_from: null
valid_to: null
source: 'DATA_CONTRACT: made up'
criteria:
"""
RULE = "- code: {code}\n  test: {test}\n  source: 'DATA_CONTRACT: made up'\n"


class Holder(Section):
    test: Test


def criterion(spec: dict[str, object]) -> Criterion:
    return read_model(Holder, {"test": spec}, place="x", context=Competitors({})).test.criterion


def findings(tmp_path: Path, *tests: str, text: str = ENTRY) -> list[Finding]:
    codes = ("NEED", "RELATIONSHIP_DEFICIT", "TREATMENT_NEED")
    rules = "".join(RULE.format(code=code, test=test) for code, test in zip(codes, tests, strict=False))
    (tmp_path / "entry.yaml").write_text(text + rules if rules else text + "- ", encoding="utf-8")
    return [each for each in check.run_folder(tmp_path) if each.code != "SENTENCES_UNUSED"]


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("{total: thinking_total, at_least: 15}", "OFF_SCALE"),
        ("{total: thinking_total, at_least: -1}", "OFF_SCALE"),
        ("{field: erg, at_least: 500}", "OFF_SCALE"),
        ("{field: learning_screen_subtotal, below: 50}", "OFF_SCALE"),
        ("{field: rar_days, at_least: -5}", "OFF_SCALE"),
        ("{field: days_left, at_least: 100000}", "OFF_SCALE"),
        ("{any: [{need: s8_drugs}, {not: {field: age, at_most: 7}}]}", "OFF_SCALE"),
        ("{field: age, at_least: 30, at_most: 20}", "RANGE_EMPTY"),
        ("{highest_of: [rosh], at_least: HIGH, at_most: LOW}", "RANGE_EMPTY"),
        ("{field: ogrs_2yr, at_least: 50, below: 50}", "NEVER_HOLDS"),
        ("{all: [{field: ogrs_2yr, at_least: 50}, {field: ogrs_2yr, below: 50}]}", "NEVER_HOLDS"),
        (
            "{all: [{highest_of: [rosh], at_least: HIGH}, {not: {highest_of: [rosh], at_least: MEDIUM}}]}",
            "NEVER_HOLDS",
        ),
        (
            "{all: [{field: offence_types, contains_any: [SEXUAL]}, {field: offence_types, contains_none: [SEXUAL]}]}",
            "NEVER_HOLDS",
        ),
        ("{any: [{field: age, at_least: 18}, {field: age, below: 18}]}", "ALWAYS_HOLDS"),
        ("{total: thinking_total, at_least: 0}", "ALWAYS_HOLDS"),
        ("{field: ogrs_2yr, at_least: 500}", "NOBODY_ELIGIBLE"),
        ("{not: {field: sex, is: FEMALE}}", "PROTECTED_WITHOUT_BASIS"),
        ("{any: [{need: s10_emotional}, {field: acute_mental_health, is: true}]}", "PROTECTED_WITHOUT_BASIS"),
    ],
)
def test_what_is_wrong_within_a_rule_is_found(tmp_path: Path, test: str, code: str) -> None:
    found = findings(tmp_path, test)
    hits = [each for each in found if each.code == code]
    assert len(hits) == 1, [each.code for each in found]
    assert "entry, NEED" in hits[0].place
    assert hits[0].text.endswith(".")


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        ("{highest_of: [rosh], at_least: HIGH}", "{highest_of: [rosh], at_most: MEDIUM}", "CONTRADICTORY"),
        ("{highest_of: [rosh], at_least: HIGH}", "{highest_of: [rosh], at_least: MEDIUM}", "OVERLAPPING"),
        (
            "{any: [{highest_of: [rosh], at_least: VERY_HIGH}, {field: dependence, is: true}]}",
            "{all: [{highest_of: [rosh], at_most: HIGH}, {field: dependence, is: false}]}",
            "CONTRADICTORY",
        ),
        (
            "{highest_of: [sara_partner, sara_other], at_most: LOW}",
            "{highest_of: [sara_partner], at_least: HIGH}",
            "CONTRADICTORY",
        ),
        (
            "{highest_of: [sara_partner, sara_other], at_most: LOW}",
            "{highest_of: [sara_partner], at_most: MEDIUM}",
            "OVERLAPPING",
        ),
        ("{field: ogrs_2yr, below: 50}", "{field: ogrs_2yr, at_least: 50}", "CONTRADICTORY"),
        ("{band_of: ogrs_2yr, at_most: LOW}", "{field: ogrs_2yr, at_least: 50}", "CONTRADICTORY"),
        ("{field: ogrs_2yr, at_most: 50}", "{field: ogrs_2yr, at_least: 50}", None),
        ("{total: thinking_total, at_least: 13}", "{field: q2_6, at_most: 0}", "CONTRADICTORY"),
        ("{total: thinking_total, at_least: 13}", "{total: thinking_total, at_least: 5}", "OVERLAPPING"),
        ("{total: thinking_total, at_least: 12}", "{field: q2_6, at_most: 0}", None),
        ("{need: s8_drugs}", "{field: s8_drugs, at_least: 4}", "OVERLAPPING"),
        ("{not: {need: s8_drugs}}", "{field: s8_drugs, at_least: 4}", "CONTRADICTORY"),
        (
            "{field: offence_types, contains_any: [SEXUAL]}",
            "{field: offence_types, contains_none: [SEXUAL, GANG]}",
            "CONTRADICTORY",
        ),
        (
            "{field: offence_types, contains_any: [SEXUAL]}",
            "{field: offence_types, contains_any: [SEXUAL, GANG]}",
            "OVERLAPPING",
        ),
        (
            "{field: offence_types, contains_any: [SEXUAL]}",
            "{field: offence_types, contains_none: [GANG]}",
            None,
        ),
        ("{field: dependence, is: true}", "{field: substance_stable, is: true}", None),
    ],
)
def test_rules_that_contradict_or_repeat_each_other_are_found(
    tmp_path: Path, one: str, other: str, code: str | None
) -> None:
    found = {
        each.code for each in findings(tmp_path, one, other) if each.code in {"CONTRADICTORY", "OVERLAPPING"}
    }
    assert found == (set() if code is None else {code})


def test_a_contradiction_that_takes_three_rules_is_found_too(tmp_path: Path) -> None:
    either = "{any: [{field: dependence, is: true}, {field: gang_identification, is: true}]}"
    found = findings(
        tmp_path, either, "{field: dependence, is: false}", "{field: gang_identification, is: false}"
    )
    assert [each.code for each in found] == ["NOBODY_ELIGIBLE"]


@pytest.mark.parametrize(
    "test",
    [
        "{field: sex, is: MALE, in: [FEMALE]}",
        "{field: age, at_most: 30, below: 20}",
        "{field: ogrs_2yr, at_least: 50, is: 60}",
        "{field: offence_types, contains_any: [SEXUAL], contains_none: [GANG]}",
        "{field: offence_types, contains_any: []}",
        "{field: sex, in: [MALE, MALE]}",
        "{field: age}",
        "{field: age, at_least: .nan}",
        "{pathway: []}",
        "{highest_of: [], at_least: LOW}",
        "{band_of: ovp_2yr}",
        "{band_of: ovp_2yr, at_most: VERY_HIGH}",
        "{field: age, at_least: null}",
        "{none_eligible: {completable: true}}",
        "{need: s8_drugs, pathway: [HIGH]}",
    ],
)
def test_a_test_that_says_nothing_or_two_things_is_refused(tmp_path: Path, test: str) -> None:
    (found,) = findings(tmp_path, test)
    assert (found.code, found.place) == ("NOT_READABLE", "entry.yaml")
    assert "\n" not in found.text


def test_a_lower_bound_and_a_bound_to_stay_below_are_both_kept() -> None:
    test = criterion({"field": "ogrs_2yr", "at_least": 50, "below": 75})
    asked = criteria((test,))
    people = Subjects.of([{"ogrs_2yr": score} for score in (49.9, 50, 74.9, 75, None)])
    assert asked.truths(people)[asked.place[test]].tolist() == [FALSE, TRUE, TRUE, FALSE, UNKNOWN]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENTRY.replace("source: 'DATA_CONTRACT: made up'\n", ""), "SOURCE_MISSING"),
        (ENTRY.replace("source: 'DATA_CONTRACT: made up'\n", "source: 'HEARSAY: x'\n"), "SOURCE_UNKNOWN"),
        (
            ENTRY + RULE.format(code="NEED", test="{field: age, at_least: 20}").replace("  source", "  note"),
            "SOURCE_MISSING",
        ),
        (ENTRY + RULE.format(code="NEED", test="{field: shoe_size, at_least: 20}"), "UNKNOWN_FIELD"),
        (ENTRY.replace("settings: [COMMUNITY]", "settings: []"), "NOT_READABLE"),
        (ENTRY.replace("group: 6", "group: {from: 6, to: 4}"), "NOT_READABLE"),
        (ENTRY.replace("duration_weeks: 6", "duration_weeks: 0"), "NOT_READABLE"),
        (ENTRY.replace("family:", "yes: 1\nfamily:"), "NOT_READABLE"),
        (ENTRY.replace("valid_from: null", "valid_from: 2024-01-01 10:00:00"), "NOT_READABLE"),
        (ENTRY + RULE.format(code="NO_SUCH_SENTENCES", test="{need: s8_drugs}"), "NOT_READABLE"),
    ],
)
def test_what_is_wrong_with_a_file_is_found(tmp_path: Path, text: str, code: str) -> None:
    rules = RULE.format(code="TREATMENT_NEED", test="{need: s8_drugs}")
    (tmp_path / "entry.yaml").write_text(text + rules, encoding="utf-8")
    found = [each for each in check.run_folder(tmp_path) if each.code != "SENTENCES_UNUSED"]
    assert [each.code for each in found] == [code]


@pytest.mark.parametrize(
    "test",
    [
        "{field: completed_interventions, contains_any: [entry, entri]}",
        "{field: completed_interventions, contains_none: [entri]}",
        "{field: open_interventions, contains_none: [entri, entry]}",
        "{any: [{need: s8_drugs}, {not: {field: completed_interventions, contains_any: [entri]}}]}",
    ],
)
def test_a_misspelt_intervention_in_a_rule_is_found_with_file_rule_and_id(tmp_path: Path, test: str) -> None:
    (found,) = findings(tmp_path, test)
    assert (found.severity, found.code) == (check.Severity.ERROR, "UNKNOWN_INTERVENTION")
    assert found.place == "entry, NEED"
    assert "'entry.yaml'" in found.text
    assert "'entri'" in found.text


def test_a_rule_may_name_its_own_entry_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("[", encoding="utf-8")
    found = findings(tmp_path, "{field: completed_interventions, contains_none: [entry, other]}")
    assert [(each.code, each.place) for each in found] == [("NOT_READABLE", "other.yaml")]


def test_a_misspelt_intervention_among_competing_ones_is_found(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "{none_eligible: {ids: [entri]}}")
    assert (found.code, found.place) == ("UNKNOWN_INTERVENTION", "entry.yaml")
    assert "rule 1 (NEED), test, none_eligible, ids names 'entri'" in found.text


def test_an_entry_without_rules_is_an_error_unless_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "entry.yaml").write_text(ENTRY.replace("criteria:", "criteria: []"), encoding="utf-8")
    found = [each for each in check.run_folder(tmp_path) if each.code != "SENTENCES_UNUSED"]
    assert [(each.severity, each.code, each.place) for each in found] == [
        (check.Severity.ERROR, "NO_RULES", "entry")
    ]
    why = (
        "readings: [{about: no rules, reading: open to everyone, why: The source states none.}]\ncriteria: []"
    )
    (tmp_path / "entry.yaml").write_text(ENTRY.replace("criteria:", why), encoding="utf-8")
    found = [each for each in check.run_folder(tmp_path) if each.code != "SENTENCES_UNUSED"]
    assert [(each.severity, each.code) for each in found] == [(check.Severity.NOTE, "NO_RULES_EXPLAINED")]


def test_every_file_that_cannot_be_used_is_reported_once_and_the_rest_is_checked(tmp_path: Path) -> None:
    folder = tmp_path / "interventions"
    shutil.copytree(loading.FOLDER, folder)
    # Horizon is named by the rules of Maps for Change, and all programmes by those of Stepwise Emotions.
    broken = {
        "horizon-acp": ("type: ACP", "type: XYZ"),
        "lets-talk-si": ("family:", "famly:"),
        "moving-on-toolkits": ("id: moving-on", "id: moved-on"),
        "unpaid-work-group": ("id:", "id: [\nid:"),
    }
    for name, (old, new) in broken.items():
        path = folder / f"{name}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    path = folder / "thinking-skills-programme-acp.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("at_least: 50", "at_least: 101"), encoding="utf-8"
    )
    found = [each for each in check.run_folder(folder) if each.severity is check.Severity.ERROR]
    assert [each.place for each in found if each.code == "NOT_READABLE"] == [
        f"{name}.yaml" for name in sorted(broken)
    ]
    # The threshold is spelt out in every rule about competing programmes, and is a finding of its own entry only.
    assert {(each.code, each.place) for each in found if each.code != "NOT_READABLE"} == {
        ("OFF_SCALE", "thinking-skills-programme-acp, OGRS_AT_LEAST"),
        ("NOBODY_ELIGIBLE", "thinking-skills-programme-acp, OGRS_AT_LEAST"),
    }
    with pytest.raises(UsageError, match=r"horizon-acp\.yaml"):
        catalogue.load(folder)


def test_the_command_ends_with_one_where_there_are_errors_and_prints_each_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- 1", encoding="utf-8")
    result = CliRunner().invoke(command, ["check", "--folder", str(tmp_path)], standalone_mode=False)
    assert result.return_value == 1
    lines = result.output.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "ERROR   a.yaml",
        "ERROR   b.yaml",
        "2 errors, 0 warnings, 0 notes",
    ]
    (tmp_path / "b.yaml").unlink()
    single = CliRunner().invoke(command, ["check", "--folder", str(tmp_path)], standalone_mode=False)
    assert single.output.splitlines()[-1] == "1 error, 0 warnings, 0 notes"
    whole = CliRunner().invoke(command, ["check"], standalone_mode=False)
    assert whole.return_value == 0
    assert whole.output.splitlines()[-1].startswith("0 errors, ")


# -------------------------------------------------------------------------------------------------- trying everything


def test_every_number_has_a_scale_to_be_tried_on() -> None:
    for field in FIELDS.values():
        if field.kind is FieldKind.NUMBER:
            assert field.lowest is not None
            assert field.highest is not None
            assert field.lowest < field.highest


def test_what_is_too_large_to_try_is_left_open() -> None:
    pathway = criterion({"pathway": ["HIGH"]})
    assert relations.outcomes(pathway) == {True, False}
    assert relations.relation(pathway, criterion({"field": "q11_2", "at_least": 1})) is None
    wide = criterion(
        {
            "any": [
                {"field": name, "is": True} for name, field in FIELDS.items() if field.kind is FieldKind.FLAG
            ]
        }
    )
    assert relations.outcomes(wide) == {True, False}
    assert relations.relation(criterion({"need": "s8_drugs"}), criterion({"need": "s9_alcohol"})) is None
    assert relations.relation(wide, wide) is not Relation.CONTRADICT
