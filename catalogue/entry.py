"""One data file of the catalogue, read key by key into an intervention that checks itself.

Every key is read by name and an unknown key is an error, so that a misspelt option cannot silently do nothing.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from catalogue import language, pni, reading
from catalogue.criteria import (
    Anything,
    Below,
    Between,
    Criterion,
    Highest,
    OneOf,
    OnPathway,
    Total,
    own_parts,
    parts_of,
)
from catalogue.documents import Document
from catalogue.errors import MissingSourceError, UsageError
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

FORMATS: Final = ("GROUP", "ONE_TO_ONE", "ONLINE")
SETTINGS_COLUMN: Final = "FIND_AND_REFER: settings"
ATTENDANCE: Final = ("IN_PERSON", "ONLINE", "VARIABLE")

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


def intervention(document: Document, *, place: str, competitors: Competitors) -> Intervention:
    """Which intervention does a data file describe? ``UsageError`` names the place of what cannot be used."""
    reading.only(document, _KEYS, place)
    if document.get("source") is None:
        raise MissingSourceError(
            f"{place} cites no source; add 'source' with a key of catalogue/sources.yaml."
        )
    absent = sorted(_KEYS - _OPTIONAL - set(document))
    if absent:
        raise UsageError(f"{place} lacks '{absent[0]}'; add it (null where the source says nothing).")
    settings = reading.texts(document["settings"], place)
    for setting in settings:
        reading.within(setting, SETTINGS, f"{place}, settings")
    if not settings or len(set(settings)) != len(settings):
        raise UsageError(f"{place}, settings lists no setting, or one twice; list each once.")
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
        source=SETTINGS_COLUMN if source.startswith("FIND_AND_REFER:") else source,
        values=MappingProxyType({"setting": _setting_words(settings)}),
    )
    needs = reading.texts(document["needs"], place)
    for need in needs:
        reading.within(need, tuple(NEED_THRESHOLDS), f"{place}, needs")
    attendance = reading.texts(document["attendance"], place)
    for each in attendance:
        reading.within(each, ATTENDANCE, f"{place}, attendance")
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
        attendance=attendance,
        group=_sessions(sessions.get("group"), f"{place}, sessions"),
        one_to_one=_sessions(sessions.get("one_to_one"), f"{place}, sessions"),
        hours=_hours(document.get("hours"), f"{place}, hours"),
        duration_weeks=_above_zero(
            reading.optional_whole(document["duration_weeks"], f"{place}, duration_weeks"),
            f"{place}, duration_weeks",
        ),
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


def _rule(document: Document, *, place: str, competitors: Competitors) -> Rule:
    reading.only(document, _RULE_KEYS, place)
    code = reading.text(document.get("code"), f"{place}, code")
    place = f"{place} ({code})"
    if document.get("source") is None:
        raise MissingSourceError(
            f"{place} cites no source; add 'source' with a key of catalogue/sources.yaml."
        )
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
    values = {
        reading.text(key, place): str(value)
        for key, value in reading.mapping(document.get("values") or {}, place).items()
    }
    if any(mark in value for value in values.values() for mark in "{}"):
        raise UsageError(f"{place} holds a brace in 'values'; write plain words.")
    return Rule(
        code=code,
        kind=kind,
        test=test,
        source=reading.text(document.get("source"), f"{place}, source"),
        values=MappingProxyType(
            {
                **_own_values(test),
                **values,
            }
        ),
        changeable=None if changeable is None else reading.choice(changeable, Change, f"{place}, changeable"),
        characteristic=_characteristic(code, test),
        legal_basis=reading.optional_text(document.get("legal_basis"), f"{place}, legal_basis"),
        note=reading.optional_text(document.get("note"), f"{place}, note"),
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


def _above_zero(value: int | None, place: str) -> int | None:
    if value is not None and value <= 0:
        raise UsageError(f"{place} is not above 0; correct it.")
    return value


def _sessions(value: object, place: str) -> Sessions | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        whole = _above_zero(reading.optional_whole(value, place), place)
        assert whole is not None
        return Sessions(fewest=whole, most=whole)
    reading.only(value, {"from", "to"}, place)
    fewest = _above_zero(reading.optional_whole(value.get("from"), place), place)
    most = reading.optional_whole(value.get("to"), place)
    if fewest is None:
        raise UsageError(f"{place} gives no fewest number of sessions; write one after 'from'.")
    if most is not None and most < fewest:
        raise UsageError(f"{place} gives fewer sessions after 'to' than after 'from'; correct one of them.")
    return Sessions(fewest=fewest, most=most)


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
