"""Read the catalogue's data files into values that check themselves.

Every key is read by name and an unknown key is an error, so that a misspelt option cannot silently do nothing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from catalogue import language, plan, pni, reading
from catalogue.criteria import (
    AllOf,
    AnyOf,
    Anything,
    AtLeast,
    Below,
    Between,
    Criterion,
    Highest,
    OneOf,
    OnPathway,
    Total,
    walk,
)
from catalogue.errors import UsageError
from catalogue.fields import ASSESSMENT_LIFE_DAYS, FIELDS, NEED_THRESHOLDS, SETTINGS
from catalogue.intervention import (
    Change,
    Hours,
    Intensity,
    Intervention,
    InterventionType,
    Reading,
    Rule,
    RuleKind,
    Sessions,
)
from catalogue.language import Competitors
from catalogue.plan import Plan
from catalogue.reading import Document

FOLDER: Final = Path(__file__).parent / "interventions"
FORMATS: Final = ("GROUP", "ONE_TO_ONE", "ONLINE")

_KEYS: Final = frozenset(
    {
        "id",
        "name",
        "type",
        "family",
        "needs",
        "settings",
        "formats",
        "attendance",
        "sessions",
        "hours",
        "duration_weeks",
        "duration_basis",
        "intensity",
        "learning_disability",
        "valid_from",
        "valid_to",
        "source",
        "readings",
        "criteria",
    }
)
_OPTIONAL: Final = frozenset({"hours", "readings"})
_RULE_KEYS: Final = frozenset(
    {"code", "kind", "test", "source", "values", "changeable", "legal_basis", "note"}
)


class _Loader(yaml.CSafeLoader):
    """YAML that refuses a key given twice instead of keeping the last."""


def _mapping_without_duplicates(loader: _Loader, node: yaml.MappingNode) -> dict[object, object]:
    loader.flatten_mapping(node)
    pairs = [
        (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
    return mapping


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates)


@dataclass(frozen=True, kw_only=True, eq=False)
class Catalogue:
    """All interventions, in order of id, with the hash of what they say; two are the same only if they are one."""

    interventions: tuple[Intervention, ...]
    hash: str

    def by_id(self, intervention_id: str) -> Intervention:
        """Which intervention has this id? ``UsageError`` if none has."""
        found = self._by_id.get(intervention_id)
        if found is None:
            raise UsageError(
                f"There is no intervention '{intervention_id}' in the catalogue; 'signpost catalogue show' lists them."
            )
        return found

    def __contains__(self, intervention_id: object) -> bool:
        return intervention_id in self._by_id

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids in catalogue order."""
        return tuple(each.id for each in self.interventions)

    @cached_property
    def plan(self) -> Plan:
        """The distinct tests of the catalogue and the sentences of its rules, made ready once."""
        return plan.build(self.interventions)

    @cached_property
    def _by_id(self) -> Mapping[str, Intervention]:
        return MappingProxyType({each.id: each for each in self.interventions})


def load(folder: Path | None = None) -> Catalogue:
    """Which interventions are there?

    Reads every ``*.yaml`` of ``folder`` (by default the catalogue that comes with the package). Raises ``UsageError``
    naming file and place where one cannot be used.
    """
    home = FOLDER if folder is None else folder
    paths = sorted(home.glob("*.yaml")) if home.is_dir() else []
    if not paths:
        raise UsageError(
            f"There is no catalogue in '{home}'; give a folder that holds one YAML file an intervention."
        )
    documents = {path.stem: _read(path) for path in paths}
    for stem, document in documents.items():
        if document.get("id") != stem:
            raise UsageError(
                f"The catalogue file '{stem}.yaml' must hold the id '{stem}'; rename one of them."
            )
    content = json.dumps(documents, sort_keys=True, ensure_ascii=False, default=_as_text)
    built: dict[str, Intervention] = {}
    competitors = Competitors(built)
    # Programmes first: rules about competing interventions speak of them.
    for stem in sorted(
        documents, key=lambda each: (documents[each].get("type") != InterventionType.ACP, each)
    ):
        built[stem] = _intervention(documents[stem], place=f"{stem}.yaml", competitors=competitors)
    catalogue = Catalogue(
        interventions=tuple(built[stem] for stem in sorted(built)),
        hash=hashlib.sha256(content.encode()).hexdigest(),
    )
    _ = catalogue.plan  # sentences that are wanting show now, not at the first question
    return catalogue


def _read(path: Path) -> Document:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a subclass of the safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"The catalogue file '{path.name}' is not readable YAML{line}; correct it."
        ) from error
    if not isinstance(document, dict):
        raise UsageError(
            f"The catalogue file '{path.name}' holds no entry; it must be a mapping of keys to values."
        )
    return document


def _as_text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _intervention(document: Document, *, place: str, competitors: Competitors) -> Intervention:
    reading.only(document, _KEYS, place)
    absent = sorted(_KEYS - _OPTIONAL - set(document))
    if absent:
        raise UsageError(f"{place} lacks '{absent[0]}'; add it (null where the source says nothing).")
    settings = reading.texts(document["settings"], place)
    for setting in settings:
        reading.within(setting, SETTINGS, f"{place}, settings")
    source = reading.text(document["source"], f"{place}, source")
    sessions = reading.mapping(document["sessions"], f"{place}, sessions")
    reading.only(sessions, {"group", "one_to_one"}, f"{place}, sessions")
    rules = [
        _rule(reading.mapping(each, place), place=f"{place}, rule {position}", competitors=competitors)
        for position, each in enumerate(reading.items(document["criteria"], place), start=1)
    ]
    opening = Rule(
        code="SETTING",
        kind=RuleKind.RULE,
        # Where it runs in every setting there is nothing to ask.
        test=Anything("setting") if set(settings) == set(SETTINGS) else OneOf("setting", settings),
        source=f"{source.split(':')[0]}: settings",
        values=MappingProxyType({"setting": _setting_words(settings)}),
    )
    needs = reading.texts(document["needs"], place)
    for need in needs:
        reading.within(need, tuple(NEED_THRESHOLDS), f"{place}, needs")
    formats = reading.texts(document["formats"], place)
    for each in formats:
        reading.within(each, FORMATS, f"{place}, formats")
    return Intervention(
        id=reading.text(document["id"], place),
        name=reading.text(document["name"], f"{place}, name"),
        type=reading.choice(document["type"], InterventionType, f"{place}, type"),
        family=reading.text(document["family"], f"{place}, family"),
        needs=needs,
        settings=settings,
        formats=formats,
        attendance=reading.texts(document["attendance"], place),
        group=_sessions(sessions.get("group"), f"{place}, sessions"),
        one_to_one=_sessions(sessions.get("one_to_one"), f"{place}, sessions"),
        hours=_hours(document.get("hours"), f"{place}, hours"),
        duration_weeks=reading.optional_whole(document["duration_weeks"], f"{place}, duration_weeks"),
        duration_basis=reading.optional_text(document["duration_basis"], f"{place}, duration_basis"),
        intensity=reading.choice(document["intensity"], Intensity, f"{place}, intensity"),
        learning_disability=reading.optional_text(
            document["learning_disability"], f"{place}, learning_disability"
        ),
        valid_from=reading.optional_date(document["valid_from"], f"{place}, valid_from"),
        valid_to=reading.optional_date(document["valid_to"], f"{place}, valid_to"),
        source=source,
        readings=tuple(
            _reading(reading.mapping(each, f"{place}, readings"), f"{place}, readings")
            for each in reading.items(document.get("readings") or [], place)
        ),
        criteria=(opening, *rules, *_full(rules), *_currency(rules)),
    )


def _full(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rule that the assessment is a full one, where any deciding rule asks the Programme Needs Identifier.

    The identifier takes nothing less (``pni.pathway`` then leads to an omission); answers of a shorter assessment may
    still rule a person out.
    """
    asked: list[Criterion] = []
    for rule in rules:
        if rule.decides and rule.test is not None:
            walk(rule.test, asked.append)
    if not any(isinstance(criterion, OnPathway) for criterion in asked):
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
    """The rule that the assessment is in date, where any deciding rule rests on one."""
    rests = any(
        FIELDS[field].assessed for rule in rules if rule.decides and rule.test for field in rule.test.fields
    )
    if not rests:
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


def _rule(document: Document, *, place: str, competitors: Competitors) -> Rule:
    reading.only(document, _RULE_KEYS, place)
    code = reading.text(document.get("code"), f"{place}, code")
    place = f"{place} ({code})"
    kind = reading.choice(document.get("kind", RuleKind.RULE), RuleKind, f"{place}, kind")
    raw = document.get("test")
    if (raw is None) != (kind is RuleKind.QUESTION):
        raise UsageError(f"{place} must have a test, or be a QUESTION and have none.")
    test = (
        None
        if raw is None
        else language.parse(reading.mapping(raw, place), place=place, competitors=competitors)
    )
    changeable = document.get("changeable")
    return Rule(
        code=code,
        kind=kind,
        test=test,
        source=reading.text(document.get("source"), f"{place}, source"),
        values=MappingProxyType(
            {
                **_own_values(test),
                **{k: str(v) for k, v in reading.mapping(document.get("values") or {}, place).items()},
            }
        ),
        changeable=None if changeable is None else reading.choice(changeable, Change, f"{place}, changeable"),
        characteristic=_characteristic(code, test),
        legal_basis=reading.optional_text(document.get("legal_basis"), f"{place}, legal_basis"),
        note=reading.optional_text(document.get("note"), f"{place}, note"),
    )


def _characteristic(code: str, test: Criterion | None) -> str | None:
    """Which protected characteristic does a rule turn on?"""
    if code == "ORIENTATION_STATED":
        return "sexual orientation"
    if isinstance(test, OneOf | Between | Below):
        return FIELDS[test.field].characteristic
    if isinstance(test, AllOf | AnyOf | AtLeast):
        return next((found for part in test.parts if (found := _characteristic(code, part))), None)
    return None


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
    if isinstance(test, Total):
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


def _sessions(value: object, place: str) -> Sessions | None:
    if value is None:
        return None
    if isinstance(value, dict):
        reading.only(value, {"from", "to"}, place)
        fewest = reading.optional_whole(value.get("from"), place)
        if fewest is None:
            raise UsageError(f"{place} gives no fewest number of sessions; write one after 'from'.")
        return Sessions(fewest=fewest, most=reading.optional_whole(value.get("to"), place))
    whole = reading.optional_whole(value, place)
    assert whole is not None
    return Sessions(fewest=whole, most=whole)


def _hours(value: object, place: str) -> Hours | None:
    if value is None:
        return None
    document = reading.mapping(value, place)
    reading.only(document, {"fewest", "most", "session", "weekly", "learning_share"}, place)
    fewest, most, session = (
        reading.optional_whole(document.get(name), place) for name in ("fewest", "most", "session")
    )
    if fewest is None or most is None or session is None:
        raise UsageError(f"{place} lacks the fewest hours, the most, or those of a session; write all three.")
    if not (0 < fewest <= most and session > 0):
        raise UsageError(f"{place} must rise from fewest to most, above 0; correct them.")
    share = document.get("learning_share")
    if share is not None and not 0 <= reading.number(share, place) <= 1:
        raise UsageError(f"{place} gives a share of learning outside 0 to 1; write 20 in 100 as 0.2.")
    return Hours(
        fewest=fewest,
        most=most,
        session=session,
        weekly=reading.optional_whole(document.get("weekly"), place),
        learning_share=None if share is None else reading.number(share, place),
    )


def _reading(document: Document, place: str) -> Reading:
    reading.only(document, {"about", "reading", "why"}, place)
    return Reading(
        about=reading.text(document.get("about"), place),
        reading=reading.text(document.get("reading"), place),
        why=reading.text(document.get("why"), place),
    )
