"""The Programme Needs Identifier: which intensity of programme do need and risk point to?

Source: ``PNI`` in docs/sources.md, the OASys reading where implementations differ. Four domains of
items give a need band; predictors give a risk band; a matrix and two trumps give the pathway. A missing
answer counts as nothing towards the result and as the worst towards the *projected* result; where the two
differ the outcome is an omission, not a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import product
from operator import and_, or_
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError
from catalogue.fields import ITEM_MAXIMUM, OSP_BANDS, PREDICTOR_BANDS, SARA_BANDS, SETTINGS, SEX, Value
from catalogue.subjects import NOT_RECORDED, NUMBER_ROW, Bools, Floats, Ints, Subjects

Level: TypeAlias = Literal["HIGH", "MODERATE", "ALTERNATIVE", "OMISSION"]
Band: TypeAlias = Literal["LOW", "MEDIUM", "HIGH"]
LevelBits = npt.NDArray[np.uint8]

BANDS: Final[tuple[Band, Band, Band]] = ("LOW", "MEDIUM", "HIGH")
LOW, MEDIUM, HIGH = range(3)
PATHWAYS: Final = ("HIGH", "MODERATE", "ALTERNATIVE")


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
OSP: Final = ("osp_dc", "osp_iic")
SARA: Final = ("sara_partner", "sara_other")
PERSONAL: Final = ("sex", "setting")
_ITEMS: Final = tuple(item for domain in DOMAINS.values() for item in domain.items)
WANTED: Final = (*PERSONAL, *SEX_GATE, *_ITEMS, "ogrs_2yr", "ovp_2yr", *OSP, "rsr")
"""The fields whose answers can be missing. A SARA that was not done counts as low."""
FIELDS_USED: Final = (*WANTED, *SARA)

# Overall need from the sum of the four domain scores.
NEED_MEDIUM_FROM: Final = 3
NEED_HIGH_FROM: Final = 6
LAYER_NEEDED: Final = 3
TOP_SCORE: Final = 2
# Overall risk from the predictors, in per cent (step 4): the medium and the high band of each.
_, MEDIUM_OGRS, HIGH_OGRS, _ = PREDICTOR_BANDS["ogrs_2yr"]
_, MEDIUM_OVP, HIGH_OVP, _ = PREDICTOR_BANDS["ovp_2yr"]
_, MEDIUM_RSR, HIGH_RSR, _ = PREDICTOR_BANDS["rsr"]


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
class Risk:
    """The risk bands of some people, recorded and projected, and what is missing behind the difference; arrays [people]."""

    recorded: Ints
    projected: Ints
    missing: Mapping[str, Bools]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlook:
    """Recorded and projected need, the trumps, and which unanswered fields count; arrays [people]."""

    need: Ints
    projected_need: Ints
    very_high: Bools
    possibly_very_high: Bools
    sara_raised: Bools
    scores: Mapping[str, Ints]
    missing: Mapping[str, Bools]


# -------------------------------------------------------------------------------------------- what rules ask


def reachable(subjects: Subjects) -> LevelBits:
    """Which pathways could still result once the missing answers are in? One bit a pathway of ``PATHWAYS``, [people].

    An eligibility rule asks this rather than ``pathway``: an omission that every answer would settle alike is
    no missing information. A SARA that was not done counts as low, as in the identifier itself. That the assessment
    is a full one is a separate rule for every entry that asks for a pathway (``catalogue.intervention_reader``).
    """
    outlook = _outlook(subjects, widest=True)
    setting = subjects.code("setting")
    place = np.where(setting == NOT_RECORDED, _EITHER, setting != SETTINGS.index("COMMUNITY"))
    both = risk(subjects, female=np.array([[False], [True]]))
    men, women = _reachable_from()[
        outlook.need,
        outlook.projected_need,
        both.recorded,
        both.projected,
        place,
        outlook.very_high.astype(np.intp),
        outlook.possibly_very_high.astype(np.intp),
        outlook.sara_raised.astype(np.intp),
    ]
    sex = subjects.code("sex")
    known = np.where(sex == SEX.index("FEMALE"), women, men)
    found: LevelBits = np.where(sex == NOT_RECORDED, men | women, known).astype(np.uint8)
    return found


def bits(levels: tuple[str, ...]) -> int:
    """Pathways as bits, as ``reachable`` gives them."""
    return sum(1 << PATHWAYS.index(level) for level in levels)


def missing(subjects: Subjects) -> Mapping[str, Bools]:
    """Which unanswered fields does the identifier need, for which people? Arrays [people] by field, in the order of ``WANTED``."""
    outlook = _outlook(subjects, widest=True)
    band = risk(subjects, female=subjects.is_code("sex", "FEMALE"))
    found = {name: ~subjects.recorded(name) for name in PERSONAL} | dict(outlook.missing)
    for name, wanted in band.missing.items():
        found[name] = found[name] | wanted if name in found else wanted
    return {name: found[name] for name in WANTED}


def risk(subjects: Subjects, *, female: Bools) -> Risk:
    """Which risk bands do the predictors give, as recorded and at worst? The OSP scores do not count for ``female``."""
    ogrs, ovp, rsr = (subjects.number(name) for name in ("ogrs_2yr", "ovp_2yr", "rsr"))
    osp = [subjects.code(name) for name in OSP]
    inapplicable = female | reduce(and_, (each == OSP_BANDS.index("NOT_APPLICABLE") for each in osp))
    men = ~female
    bands = (
        _band(ogrs, MEDIUM_OGRS, HIGH_OGRS),
        _band(ovp, MEDIUM_OVP, HIGH_OVP),
        _sara(subjects),
        *(_band(each, OSP_BANDS.index("MEDIUM"), OSP_BANDS.index("HIGH")) * men for each in osp),
        _band(rsr, MEDIUM_RSR, HIGH_RSR) * inapplicable,
    )
    recorded = reduce(np.maximum, bands)
    below = recorded < HIGH
    wanted = {
        "ogrs_2yr": np.isnan(ogrs) & below,
        "ovp_2yr": np.isnan(ovp) & below,
        **{name: (each == NOT_RECORDED) & men & below for name, each in zip(OSP, osp, strict=True)},
        "rsr": np.isnan(rsr) & inapplicable & below,
    }
    return Risk(
        recorded=recorded, projected=np.where(reduce(or_, wanted.values()), HIGH, recorded), missing=wanted
    )


# -------------------------------------------------------------------------------- the identifier's own answer


def pathway(assessment: Mapping[str, Value] | object, *, sex: str | None, setting: str | None) -> Pathway:
    """Which pathway does this assessment lead to?

    ``assessment`` holds the contract's columns, by key or as attributes; ``sex`` is MALE or FEMALE (OSP is ignored for women);
    ``setting`` is COMMUNITY, or CUSTODY, REMAND or PRE_RELEASE, where high intensity can run. An assessment
    that says it is below layer 3 has no pathway: every answer counts as missing. Raises ``UsageError`` for another sex or setting.
    """
    if sex not in SEX:
        raise UsageError("The Programme Needs Identifier needs the sex; give MALE or FEMALE.")
    if setting not in SETTINGS:
        raise UsageError(
            "The Programme Needs Identifier needs the setting; give COMMUNITY, CUSTODY, REMAND or PRE_RELEASE."
        )
    layer = _answer(assessment, "layer")
    layer = _answer(assessment, "assessment_layer") if layer is None else layer
    full = layer is None or layer == LAYER_NEEDED
    answers = {name: _answer(assessment, name) for name in FIELDS_USED} if full else {}
    subject = Subjects.of([{**answers, "sex": sex, "setting": setting}])
    outlook = _outlook(subject, widest=False)
    band = risk(subject, female=np.array([sex == "FEMALE"]))
    wanted = {**outlook.missing, **band.missing}
    return Pathway(
        level=_level(outlook, band, custody=setting != "COMMUNITY"),
        need=BANDS[int(outlook.need[0])],
        risk=BANDS[int(band.recorded[0])],
        domain_scores=MappingProxyType({name: int(score[0]) for name, score in outlook.scores.items()}),
        missing=tuple(name for name in WANTED if name in wanted and wanted[name][0]),
    )


_IN_WORDS: Final = {"YES": True, "NO": False}  # some extracts write a yes or no out


def _answer(assessment: object, name: str) -> Value:
    value = assessment.get(name) if hasattr(assessment, "get") else getattr(assessment, name, None)
    if name in SEX_GATE and isinstance(value, str):
        return _IN_WORDS.get(value.upper(), value)
    return value


def _level(outlook: _Outlook, band: Risk, *, custody: bool) -> Level:
    need, projected_need = int(outlook.need[0]), int(outlook.projected_need[0])
    risk_now, projected_risk = int(band.recorded[0]), int(band.projected[0])
    very_high, raised = bool(outlook.very_high[0]), bool(outlook.sara_raised[0])
    interim = matrix(need, risk_now, custody=custody, very_high=very_high, sara_raised=raised)
    projected = matrix(
        projected_need, projected_risk, custody=custody, very_high=very_high, sara_raised=raised
    )
    if very_high or (raised and not custody):
        return interim  # a trump that ends the calculation
    if projected == "ALTERNATIVE":
        return "ALTERNATIVE"
    if need != projected_need or risk_now != projected_risk:
        return "OMISSION"
    return interim


def matrix(need: int, risk: int, *, custody: bool, very_high: bool, sara_raised: bool) -> Level:
    """Which pathway do need, risk and the trumps give, by steps 5 and 6 of the table?

    ``very_high``: OGRS of 75 or more with OVP of 60 or more or a high SARA; ``sara_raised``: a SARA of medium or high.
    """
    top: Level = "HIGH" if custody else "MODERATE"
    if very_high or (need == HIGH and risk == HIGH):
        return top
    if sara_raised or (need >= MEDIUM and risk >= MEDIUM):
        return "MODERATE"
    return "ALTERNATIVE"


_EITHER: Final = 2
_PLACES: Final = {0: (False,), 1: (True,), _EITHER: (False, True)}


@cache
def _reachable_from() -> LevelBits:
    """The pathways that could result, by lowest and highest need and risk, place, and what trumps surely and possibly."""
    table = np.zeros((3, 3, 3, 3, 3, 2, 2, 2), dtype=np.uint8)
    for need, top_need, band, top_band, place, surely, possibly, raised in np.ndindex(table.shape):
        found = 0
        for one, other, custody in product(
            range(need, top_need + 1), range(band, top_band + 1), _PLACES[place]
        ):
            for trump in {bool(surely), bool(possibly)} if other == HIGH else {False}:
                level = matrix(one, other, custody=custody, very_high=trump, sara_raised=bool(raised))
                found |= 1 << PATHWAYS.index(level)
        table[need, top_need, band, top_band, place, surely, possibly, raised] = found
    return table


# ------------------------------------------------------------------------------------------------- its parts


def _outlook(subjects: Subjects, *, widest: bool) -> _Outlook:
    applies, may_apply, gate_missing = _sex_gate(subjects, widest=widest)
    items = subjects.numbers[_ITEM_ROWS]
    blank = np.isnan(items)
    scores = _scores(np.where(blank, 0.0, items))
    projected = _scores(np.where(blank, _WORST, items))
    scores[_SEX] *= applies
    # 1.30 missing projects the whole sex domain and ignores its items; a rule lets its answers speak
    opened = may_apply if widest else applies
    projected[_SEX] = np.where(opened, projected[_SEX], TOP_SCORE * may_apply)
    ogrs, ovp = subjects.number("ogrs_2yr"), subjects.number("ovp_2yr")
    sara = _sara(subjects)
    very_high = (ogrs >= HIGH_OGRS) & ((ovp >= HIGH_OVP) | (sara == HIGH))
    possibly = ~(ogrs < HIGH_OGRS) & (~(ovp < HIGH_OVP) | (sara == HIGH))
    blank[_SEX_ITEMS] &= may_apply
    wanted = gate_missing | dict(zip(_ITEMS, blank, strict=True))
    if widest:
        open_still = possibly != very_high
        wanted |= {"ogrs_2yr": open_still & np.isnan(ogrs), "ovp_2yr": open_still & np.isnan(ovp)}
    return _Outlook(
        need=_need(scores.sum(axis=0)),
        projected_need=_need(projected.sum(axis=0)),
        very_high=very_high,
        possibly_very_high=possibly,
        sara_raised=sara >= MEDIUM,
        scores=dict(zip(DOMAINS, scores, strict=True)),
        missing=wanted,
    )


def _sex_gate(subjects: Subjects, *, widest: bool) -> tuple[Bools, Bools, dict[str, Bools]]:
    """Does the sex domain count, could it, and which gate answers are wanting?

    The identifier projects the domain only when 1.30 is missing; at its ``widest`` any missing gate answer could open it.
    """
    gates = {name: subjects.code(name) for name in SEX_GATE}
    applies = reduce(or_, (gate == 1 for gate in gates.values()))
    blank = {name: gate == NOT_RECORDED for name, gate in gates.items()}
    could_open = reduce(or_, blank.values()) if widest else blank[SEX_GATE[0]]
    wanting = {name: each & ~applies & could_open for name, each in blank.items()}
    return applies, applies | could_open, wanting


# Where the items of the domains stand among the numbers, what a missing one counts for at worst, and where each domain's begin.
_ITEM_ROWS: Final = np.array([NUMBER_ROW[item] for item in _ITEMS])
_WORST: Final = np.array(
    [[domain.projected.get(item, ITEM_MAXIMUM)] for domain in DOMAINS.values() for item in domain.items]
)
_STARTS: Final = np.cumsum([0, *(len(domain.items) for domain in DOMAINS.values())])[:-1]
_FROM: Final = np.array([[domain.one_from, domain.two_from] for domain in DOMAINS.values()])
_TRUMPED: Final = np.array([place for place, domain in enumerate(DOMAINS.values()) if domain.trump])
_TRUMPS: Final = np.array([_ITEMS.index(domain.trump) for domain in DOMAINS.values() if domain.trump])
_SEX: Final = list(DOMAINS).index("sex")
_SEX_ITEMS: Final = slice(_STARTS[_SEX], _STARTS[_SEX] + len(DOMAINS["sex"].items))


def _scores(items: Floats) -> Ints:
    """The scores of the domains [domains, people], from their items [items, people]."""
    total = np.add.reduceat(items, _STARTS, axis=0)
    scores = (total >= _FROM[:, :1]).astype(np.int64) + (total >= _FROM[:, 1:])
    # A missing trump counts for more than 2 at worst, which scores its domain 2 by the sum as well.
    scores[_TRUMPED] = np.where(items[_TRUMPS] >= ITEM_MAXIMUM, TOP_SCORE, scores[_TRUMPED])
    return scores


def _need(total: Ints) -> Ints:
    return (total >= NEED_MEDIUM_FROM).astype(np.int64) + (total >= NEED_HIGH_FROM)


def _band(value: npt.NDArray[np.floating] | npt.NDArray[np.integer], medium: float, high: float) -> Ints:
    """The band of a number; low where it is not recorded."""
    return (value >= medium).astype(np.int64) + (value >= high)


def _sara(subjects: Subjects) -> Ints:
    """The higher of the two SARA bands; low where none was done."""
    low = SARA_BANDS.index("LOW")
    highest = reduce(np.maximum, (subjects.code(name) for name in SARA))
    return np.maximum(highest, low).astype(np.int64)
