"""Which intervention does a file of ``catalogue/interventions/`` describe?

`InterventionFile` declares its keys, `RuleFile` those of a rule. The rules that follow from others (settings, a full
assessment, an assessment in date) are added here.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic import Field as Key

from catalogue import pni
from catalogue.criteria import (
    Anything,
    Below,
    Between,
    CodeIn,
    Criterion,
    Highest,
    ItemTotal,
    OnPathway,
    own_parts,
    parts_of,
)
from catalogue.criterion_reader import Competitors, Need, Test
from catalogue.documents import Day, Document, Section, Text, Wrong, each_once, one_of, read_model
from catalogue.errors import MissingSourceError
from catalogue.fields import ASSESSMENT_LIFE_DAYS, FIELDS, SETTINGS
from catalogue.intervention import (
    AboveZero,
    Change,
    Hours,
    Intensity,
    Intervention,
    InterventionType,
    Rule,
    RuleKind,
    Sessions,
    StatedReading,
)

SETTINGS_COLUMN: Final = "FIND_AND_REFER: settings"
FORMATS: Final = ("GROUP", "ONE_TO_ONE", "ONLINE")
ATTENDANCE: Final = ("IN_PERSON", "ONLINE", "VARIABLE")


def _cited(source: object) -> object:
    if source is None:
        raise Wrong(
            MissingSourceError, "cites no source; write a key of catalogue/sources.yaml and the place."
        )
    return source


def _plain(value: object) -> object:
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and set(value) & set("{}"):
        raise ValueError("holds a brace; write plain words.")
    return value


# It may be left out as far as pydantic knows, so that its absence gets the sentence of `_cited`.
Citation: TypeAlias = Annotated[Text, BeforeValidator(_cited), Key(default=None, validate_default=True)]
Setting: TypeAlias = Annotated[Text, one_of(SETTINGS)]
Words: TypeAlias = Annotated[Text, BeforeValidator(_plain)]


class RuleFile(Section):
    """One rule, as it stands under ``criteria``; catalogue/interventions/README.md explains its keys."""

    code: Text
    kind: RuleKind = RuleKind.RULE
    test: Test | None = None
    source: Citation
    values: Mapping[Text, Words] = {}
    changeable: Change | None = None
    legal_basis: Text | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _tests_unless_it_asks(self) -> "RuleFile":
        if (self.test is None) != (self.kind is RuleKind.QUESTION):
            raise ValueError("must have a test, or be a QUESTION and have none; correct one of them.")
        return self

    def rule(self) -> Rule:
        """Which rule is it, with the values that its test lends to its sentences?"""
        test = None if self.test is None else self.test.criterion
        return Rule(
            code=self.code,
            kind=self.kind,
            test=test,
            source=self.source,
            values=MappingProxyType({**_own_values(test), **self.values}),
            changeable=self.changeable,
            characteristic=_characteristic(self.code, test),
            legal_basis=self.legal_basis,
            note=self.note,
        )


class SessionsFile(Section):
    """How many sessions there are, of each kind."""

    group: Sessions | None = None
    one_to_one: Sessions | None = None


class InterventionFile(Section):
    """One file; catalogue/interventions/README.md explains its keys. A key whose default is not given here must be there."""

    id: Text
    name: Text
    type: InterventionType
    family: Text
    needs: tuple[Need, ...]
    settings: Annotated[tuple[Setting, ...], AfterValidator(each_once)]
    formats: tuple[Annotated[Text, one_of(FORMATS)], ...]
    attendance: tuple[Annotated[Text, one_of(ATTENDANCE)], ...]
    sessions: SessionsFile
    hours: Hours | None = None
    duration_weeks: AboveZero | None
    duration_basis: Text | None
    intensity: Intensity
    learning_disability: Text | None
    valid_from: Day | None
    valid_to: Day | None
    source: Citation
    readings: tuple[StatedReading, ...] = ()
    criteria: tuple[RuleFile, ...]


def read(document: Document, *, place: str, competitors: Competitors) -> Intervention:
    """Which intervention does a file describe? ``UsageError`` names the place of what cannot be used."""
    file = read_model(
        InterventionFile,
        document,
        place=place,
        nouns={"criteria": "rule", "readings": "reading"},
        context=competitors,
    )
    rules = [each.rule() for each in file.criteria]
    return Intervention(
        id=file.id,
        name=file.name,
        type=file.type,
        family=file.family,
        needs=file.needs,
        settings=file.settings,
        formats=file.formats,
        attendance=file.attendance,
        group=file.sessions.group,
        one_to_one=file.sessions.one_to_one,
        hours=file.hours,
        duration_weeks=file.duration_weeks,
        duration_basis=file.duration_basis,
        intensity=file.intensity,
        learning_disability=file.learning_disability,
        valid_from=file.valid_from,
        valid_to=file.valid_to,
        source=file.source,
        readings=file.readings,
        criteria=(_setting(file), *rules, *_full(rules), *_currency(rules)),
    )


def _setting(file: InterventionFile) -> Rule:
    """The rule that it runs in the person's setting."""
    everywhere = set(file.settings) == set(SETTINGS)
    return Rule(
        code="SETTING",
        kind=RuleKind.RULE,
        # Where it runs in every setting there is nothing to ask.
        test=Anything("setting") if everywhere else CodeIn("setting", file.settings),
        source=SETTINGS_COLUMN if file.source.startswith("FIND_AND_REFER:") else file.source,
        values=MappingProxyType({"setting": _setting_words(file.settings)}),
    )


def _full(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rule that the assessment is a full one, where any deciding rule asks the Programme Needs Identifier.

    The identifier takes nothing less (``pni.pathway`` then leads to an omission); answers of a shorter assessment may
    still rule a person out.
    """
    asked = (part for rule in rules if rule.decides and rule.test for part in own_parts(rule.test))
    if not any(isinstance(part, OnPathway) for part in asked):
        return ()
    return (
        Rule(
            code="FULL_ASSESSMENT",
            kind=RuleKind.RULE,
            test=Between("assessment_layer", minimum=pni.LAYER_NEEDED),
            source="PNI: step 1, the latest complete assessment of layer 3",
            changeable=Change.ASSESSMENT,
        ),
    )


def _currency(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rule that the assessment is in date, where any deciding rule rests on one and none asks about its age itself."""
    asked = {field for rule in rules if rule.decides and rule.test for field in rule.test.fields}
    if "assessment_age_days" in asked or not any(FIELDS[field].assessed for field in asked):
        return ()
    return (
        Rule(
            code="ASSESSMENT_CURRENT",
            kind=RuleKind.RULE,
            test=Between("assessment_age_days", maximum=ASSESSMENT_LIFE_DAYS),
            source="DATA_CONTRACT: assessments (an assessment counts for 55 weeks)",
            changeable=Change.ASSESSMENT,
        ),
    )


def _characteristic(code: str, test: Criterion | None) -> str | None:
    """Which protected characteristics does a rule turn on by itself? What it repeats of other entries is listed with those."""
    if code == "ORIENTATION_STATED":
        return "sexual orientation"
    if test is None:
        return None
    leaves = [part for part in own_parts(test) if not parts_of(part) and not isinstance(part, Anything)]
    fields = [FIELDS[name] for leaf in leaves for name in leaf.fields]
    found = dict.fromkeys(field.characteristic or field.bears_on for field in fields)
    return " and ".join(sorted(each for each in found if each is not None)) or None


def _own_values(test: Criterion | None) -> dict[str, str]:
    """What a simple test lends to its sentences: its bounds."""
    bounds: dict[str, str] = {}
    if isinstance(test, Between):
        if test.minimum is not None:
            bounds["minimum"] = f"{test.minimum:g}"
        if test.maximum is not None:
            bounds["maximum"] = f"{test.maximum:g}"
    if isinstance(test, Below):
        bounds["bound"] = f"{test.bound:g}"
    if isinstance(test, ItemTotal):
        bounds["minimum"] = f"{test.minimum:g}"
    if isinstance(test, Highest):
        scale = FIELDS[test.bands[0]].scale
        if test.minimum is not None:
            bounds["minimum"] = _band_word(scale[test.minimum])
        if test.maximum is not None:
            bounds["maximum"] = _band_word(scale[test.maximum])
    return bounds


def _band_word(code: str) -> str:
    return code.lower().replace("_", " ")


def _setting_words(settings: Sequence[str]) -> str:
    words = {
        "COMMUNITY": "in the community",
        "CUSTODY": "in custody",
        "REMAND": "on remand",
        "PRE_RELEASE": "before release",
    }
    if set(settings) == set(SETTINGS):
        return "in every setting"
    return " or ".join(words[each] for each in settings)
