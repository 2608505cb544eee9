"""The Programme Needs Identifier: which intensity of programme do need and risk point to?

Source: ``PNI`` in docs/sources.md, the OASys reading where implementations differ. Four domains of
items give a need band; predictors give a risk band; a matrix and two trumps give the pathway. A missing
answer counts as nothing towards the result and as the worst towards the *projected* result; where the two
differ the outcome is an omission, not a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from catalogue.errors import UsageError
from catalogue.fields import OSP_BANDS, SARA_BANDS, Value

Level: TypeAlias = Literal["HIGH", "MODERATE", "ALTERNATIVE", "OMISSION"]
Band: TypeAlias = Literal["LOW", "MEDIUM", "HIGH"]

BANDS: Final[tuple[Band, Band, Band]] = ("LOW", "MEDIUM", "HIGH")
LOW, MEDIUM, HIGH = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Items that are summed, and the sums from which the domain scores 1 and 2.

    ``trump`` is the item whose 2 scores the domain 2 by itself; ``projected`` is what a missing item
    counts for in the projection (2 unless named).
    """

    items: tuple[str, ...]
    one_from: int
    two_from: int
    trump: str | None = None
    projected: Mapping[str, int] = field(default_factory=dict)


DOMAINS: Final[Mapping[str, Domain]] = MappingProxyType(
    {
        "sex": Domain(
            items=("q11_11", "q11_12", "q6_12"),
            one_from=2,
            two_from=4,
            trump="q11_12",
            projected={"q11_12": 6},
        ),
        "thinking": Domain(
            items=("q12_1", "q12_9"), one_from=1, two_from=3, trump="q12_1", projected={"q12_1": 4}
        ),
        "relationships": Domain(items=("q6_1", "q6_6", "q7_3", "q11_3"), one_from=2, two_from=5),
        "self-management": Domain(items=("q11_2", "q11_4", "q11_6", "q10_1"), one_from=2, two_from=5),
    }
)
SEX_GATE: Final = ("q1_30", "q6_11")
PREDICTORS: Final = ("ogrs_2yr", "ovp_2yr", "rsr", "osp_dc", "osp_iic")
SARA: Final = ("sara_partner", "sara_other")
FIELDS_USED: Final = (
    "sex",
    "setting",
    *SEX_GATE,
    *(item for domain in DOMAINS.values() for item in domain.items),
    *PREDICTORS,
    *SARA,
)

# Overall need from the sum of the four domain scores.
NEED_MEDIUM_FROM: Final = 3
NEED_HIGH_FROM: Final = 6
LAYER_NEEDED: Final = 3
TOP_SCORE: Final = 2
# Overall risk from the predictors, in per cent (step 4).
MEDIUM_OGRS, HIGH_OGRS = 50, 75
MEDIUM_OVP, HIGH_OVP = 30, 60
MEDIUM_RSR, HIGH_RSR = 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pathway:
    """Where the identifier leads, and what it rests on.

    ``level`` is the pathway; ``need`` and ``risk`` are bands of the recorded answers; ``domain_scores`` maps
    each domain to 0, 1 or 2; ``missing`` names the unanswered fields that the projection counted as the worst.
    """

    level: Level
    need: Band
    risk: Band
    domain_scores: Mapping[str, int]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlook:
    """Recorded and projected bands, and what trumps them."""

    need: int
    projected_need: int
    risk: int
    projected_risk: int
    very_high: bool
    possibly_very_high: bool
    sara_raised: bool
    scores: Mapping[str, int]
    missing: tuple[str, ...]


def pathway(assessment: Mapping[str, Value] | object, *, sex: str | None, setting: str | None) -> Pathway:
    """Which pathway does this assessment lead to?

    ``assessment`` holds the contract's columns, by key or as attributes; ``sex`` is MALE or FEMALE (OSP is ignored for women);
    ``setting`` is COMMUNITY, or CUSTODY, REMAND or PRE_RELEASE, where high intensity can run. An assessment
    that says it is below layer 3 has no pathway: every answer counts as missing. Raises ``UsageError`` for another sex or setting.
    """
    if sex not in {"MALE", "FEMALE"}:
        raise UsageError("The Programme Needs Identifier needs the sex; give MALE or FEMALE.")
    custody = _in_custody(setting)
    if custody is None:
        raise UsageError(
            "The Programme Needs Identifier needs the setting; give COMMUNITY, CUSTODY, REMAND or PRE_RELEASE."
        )
    layer = _answer(assessment, "layer")
    layer = _answer(assessment, "assessment_layer") if layer is None else layer
    answers = _plain(assessment) if layer is None or layer == LAYER_NEEDED else {}
    outlook = _outlook(answers, female=sex == "FEMALE")
    return Pathway(
        level=_level(outlook, custody=custody),
        need=BANDS[outlook.need],
        risk=BANDS[outlook.risk],
        domain_scores=outlook.scores,
        missing=outlook.missing,
    )


def _plain(assessment: object) -> dict[str, Value]:
    return {name: _answer(assessment, name) for name in FIELDS_USED}


def _answer(assessment: object, name: str) -> Value:
    """An answer in plain Python: a row of a data frame holds the frame's own numbers, and NaN where nothing is recorded."""
    value = assessment.get(name) if hasattr(assessment, "get") else getattr(assessment, name, None)
    unwrap = getattr(value, "item", None)
    plain: Value = value if unwrap is None else unwrap()
    return None if plain != plain else plain  # noqa: PLR0124  only NaN differs from itself


def reachable(subject: Mapping[str, Value]) -> frozenset[str]:
    """Which pathways could still result once the missing answers are in? One, when they cannot matter.

    An eligibility rule asks this rather than ``pathway``: an omission that every answer would settle alike is
    no missing information. A SARA that was not done counts as low, as in the identifier itself. That the assessment
    is a full one is a rule of its own wherever a pathway is asked for (``catalogue.intervention_reader``).
    """
    sex, setting = subject.get("sex"), subject.get("setting")
    women = (False, True) if sex is None else (sex == "FEMALE",)
    custody = _in_custody(setting if isinstance(setting, str) else None)
    places = (False, True) if custody is None else (custody,)
    outlooks = [_outlook(subject, female=female, widest=True) for female in women]
    return frozenset(
        LEVELS[need, risk, place, trump, outlook.sara_raised]
        for outlook in outlooks
        for place in places
        for need in range(outlook.need, outlook.projected_need + 1)
        for risk in range(outlook.risk, outlook.projected_risk + 1)
        for trump in ({outlook.very_high, outlook.possibly_very_high} if risk == HIGH else {False})
    )


def risk(subject: Mapping[str, Value]) -> tuple[Band, Band]:
    """Between which risk bands does the person lie, as recorded and at worst? The same where nothing is missing."""
    recorded, projected, _ = _risk(subject, female=subject.get("sex") == "FEMALE")
    return BANDS[recorded], BANDS[projected]


def unanswered(subject: Mapping[str, Value]) -> tuple[str, ...]:
    """Which unanswered fields does the identifier want for this person?"""
    personal = tuple(name for name in ("sex", "setting") if subject.get(name) is None)
    return personal + _outlook(subject, female=subject.get("sex") == "FEMALE", widest=True).missing


def matrix(need: int, risk: int, *, custody: bool, very_high: bool, sara_raised: bool) -> str:
    """Which pathway do need, risk and the trumps give, by steps 5 and 6 of the table?

    ``very_high``: OGRS of 75 or more with OVP of 60 or more or a high SARA; ``sara_raised``: a SARA of medium or high.
    """
    top = "HIGH" if custody else "MODERATE"
    if very_high or (need == HIGH and risk == HIGH):
        return top
    if sara_raised or (need >= MEDIUM and risk >= MEDIUM):
        return "MODERATE"
    return "ALTERNATIVE"


LEVELS: Final[Mapping[tuple[int, int, bool, bool, bool], str]] = MappingProxyType(
    {
        (need, risk, custody, very_high, sara_raised): matrix(
            need, risk, custody=custody, very_high=very_high, sara_raised=sara_raised
        )
        for need, risk, custody, very_high, sara_raised in product(
            range(3), range(3), (False, True), (False, True), (False, True)
        )
    }
)


def _in_custody(setting: str | None) -> bool | None:
    return {"COMMUNITY": False, "CUSTODY": True, "REMAND": True, "PRE_RELEASE": True}.get(setting or "")


def _level(outlook: _Outlook, *, custody: bool) -> Level:
    interim: Level = LEVELS[outlook.need, outlook.risk, custody, outlook.very_high, outlook.sara_raised]  # type: ignore[assignment]  # the table holds levels only
    projected = LEVELS[
        outlook.projected_need,
        outlook.projected_risk,
        custody,
        outlook.very_high,
        outlook.sara_raised,
    ]
    if outlook.very_high or (outlook.sara_raised and not custody):
        return interim  # a trump that ends the calculation
    if projected == "ALTERNATIVE":
        return "ALTERNATIVE"
    if outlook.need != outlook.projected_need or outlook.risk != outlook.projected_risk:
        return "OMISSION"
    return interim


def _outlook(answers: Mapping[str, Value], *, female: bool, widest: bool = False) -> _Outlook:
    scores: dict[str, int] = {}
    projected: dict[str, int] = {}
    missing: list[str] = []
    for name, domain in DOMAINS.items():
        applies, may_apply, gate_missing = (
            _sex_gate(answers, widest=widest) if name == "sex" else (True, True, [])
        )
        scores[name] = _score(domain, answers, unanswered=False) if applies else 0
        projected[name] = _score(domain, answers, unanswered=True) if may_apply else 0
        if may_apply and not applies and not widest:
            projected[name] = TOP_SCORE  # 1.30 missing projects the whole domain, whatever its items say
        missing += gate_missing
        if may_apply:
            missing += [item for item in domain.items if answers.get(item) is None]
    risk, projected_risk, risk_missing = _risk(answers, female=female)
    missing += risk_missing
    ogrs, ovp = _number(answers, "ogrs_2yr"), _number(answers, "ovp_2yr")
    sara = max(_sara(answers, name) for name in SARA)
    very_high = (ogrs or 0) >= HIGH_OGRS and ((ovp or 0) >= HIGH_OVP or sara == HIGH)
    possibly = (ogrs is None or ogrs >= HIGH_OGRS) and (ovp is None or ovp >= HIGH_OVP or sara == HIGH)
    if widest and possibly != very_high:
        missing += [name for name in ("ogrs_2yr", "ovp_2yr") if answers.get(name) is None]
    return _Outlook(
        need=_need(sum(scores.values())),
        projected_need=_need(sum(projected.values())),
        risk=risk,
        projected_risk=projected_risk,
        very_high=very_high,
        possibly_very_high=possibly,
        sara_raised=sara >= MEDIUM,
        scores=MappingProxyType(scores),
        missing=tuple(dict.fromkeys(missing)),
    )


def _sex_gate(answers: Mapping[str, Value], *, widest: bool) -> tuple[bool, bool, list[str]]:
    """Does the sex domain count, could it, and which gate answers are wanting?

    The identifier projects the domain only when 1.30 is missing; at its ``widest`` any missing gate answer could open it.
    """
    ever, questions = (_yes(answers, name) for name in SEX_GATE)
    if ever or questions:
        return True, True, []
    wanting = [name for name in SEX_GATE if answers.get(name) is None]
    return False, bool(wanting) if widest else ever is None, wanting if widest or ever is None else []


def _score(domain: Domain, answers: Mapping[str, Value], *, unanswered: bool) -> int:
    total = 0
    for item in domain.items:
        value = _number(answers, item)
        if value is None:
            total += domain.projected.get(item, 2) if unanswered else 0
        elif item == domain.trump and value >= 2:
            return 2
        else:
            total += int(value)
    return (total >= domain.one_from) + (total >= domain.two_from)


def _need(total: int) -> int:
    return (total >= NEED_MEDIUM_FROM) + (total >= NEED_HIGH_FROM)


def _risk(answers: Mapping[str, Value], *, female: bool) -> tuple[int, int, list[str]]:
    """The risk band of what is recorded, the projected band, and the missing predictors behind the difference."""
    ogrs, ovp = _number(answers, "ogrs_2yr"), _number(answers, "ovp_2yr")
    bands = [
        _cut(ogrs, MEDIUM_OGRS, HIGH_OGRS),
        _cut(ovp, MEDIUM_OVP, HIGH_OVP),
        *(_sara(answers, name) for name in SARA),
    ]
    missing = [name for name in ("ogrs_2yr", "ovp_2yr") if answers.get(name) is None]
    osp = ["NOT_APPLICABLE" if female else answers.get(name) for name in ("osp_dc", "osp_iic")]
    if not female:
        missing += [name for name in ("osp_dc", "osp_iic") if answers.get(name) is None]
        bands += [_osp(band) for band in osp]
    if all(band == "NOT_APPLICABLE" for band in osp):
        rsr = _number(answers, "rsr")
        bands.append(_cut(rsr, MEDIUM_RSR, HIGH_RSR))
        missing += ["rsr"] if rsr is None else []
    risk = max(bands)
    if risk == HIGH:
        missing = []
    return risk, HIGH if missing else risk, missing


def _cut(value: float | None, medium: float, high: float) -> int:
    return LOW if value is None else (value >= medium) + (value >= high)


def _osp(band: Value) -> int:
    if band is None:
        return LOW
    if not isinstance(band, str) or band not in OSP_BANDS:
        raise UsageError(f"An OSP score is outside its scale; use one of {', '.join(OSP_BANDS)}.")
    return (band in {"MEDIUM", "HIGH", "VERY_HIGH"}) + (band in {"HIGH", "VERY_HIGH"})


def _yes(answers: Mapping[str, Value], name: str) -> bool | None:
    """A yes or no, which some extracts write out in words."""
    answer = answers.get(name)
    if answer is None or isinstance(answer, bool):
        return answer
    if isinstance(answer, int | float) and answer in {0, 1}:
        return answer == 1
    if isinstance(answer, str) and answer.upper() in {"YES", "NO"}:
        return answer.upper() == "YES"
    raise UsageError(
        f"The field '{name}' is a yes or no and holds something else; correct it in the assessment."
    )


def _sara(answers: Mapping[str, Value], name: str) -> int:
    band = answers.get(name)
    if band is None:
        return LOW
    if band not in SARA_BANDS:
        raise UsageError(f"The field '{name}' is outside its scale; use one of {', '.join(SARA_BANDS)}.")
    return SARA_BANDS.index(str(band))


def _number(answers: Mapping[str, Value], name: str) -> float | None:
    value = answers.get(name)
    if value is None or isinstance(value, int | float):
        return value
    raise UsageError(f"The field '{name}' holds text where a number belongs; correct it in the assessment.")
