"""The order of choice by rules alone: what comes first, what stands in, what goes beside.

Source: the operating model, part two. Accredited programmes and treatment requirements are the interventions of
choice for those eligible; structured interventions follow for those who are not, or who cannot reach one;
commissioned services meet need that those do not meet, or bring stability first; toolkits go beside. What a court has
ordered is carried out. People at low risk gain nothing from intensive work, and may be harmed by it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from catalogue import messages, pni, tier
from catalogue.eligibility import Eligibility, Status
from catalogue.fields import NEED_THRESHOLDS, SECTIONS, Subject, linked_field
from catalogue.intervention import Intensity, Intervention, InterventionType
from catalogue.loading import Catalogue


class Step(IntEnum):
    """The place of an intervention in the order of choice."""

    FIRST_CHOICE = 1
    IN_ITS_PLACE = 2
    FOR_OTHER_NEED = 3
    BESIDE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An intervention's place in the order, why it stands there, and the needs it would meet.

    ``code`` and ``text`` say why; ``needs_met`` are sections in which the person has a need; ``not_advised`` is the
    sentence against it, where there is one.
    """

    intervention_id: str
    step: Step
    code: str
    text: str
    needs_met: tuple[str, ...]
    not_advised: str | None


# Sections that wrap-around services steady before other work can take hold (operating model, part two:
# "addressing the need leads to stabilisation to enable other interventions to take place").
STABILISING: Final = frozenset({"s3_accommodation", "s8_drugs", "s9_alcohol", "s10_emotional"})
_LOW_TIERS: Final = frozenset("EFG")
_HIGH_TIERS: Final = frozenset("AB")
_ERG_RAISED: Final = 22
_ORDERED: Final = frozenset({InterventionType.UNPAID_WORK, InterventionType.ATTENDANCE_CENTRE})
_PROGRAMMES: Final = frozenset({InterventionType.ACP, InterventionType.TREATMENT_REQUIREMENT})
_JUDGED: Final = frozenset({InterventionType.ACP, InterventionType.SI})


def needs_of(subject: Subject) -> tuple[str, ...]:
    """In which sections does the person have a need: a score at its threshold, or a link to reoffending?"""
    found = []
    for section, threshold in NEED_THRESHOLDS.items():
        score = subject.get(section)
        if (isinstance(score, int | float) and score >= threshold) or subject.get(
            linked_field(section)
        ) is True:
            found.append(section)
    return tuple(found)


def low_risk(subject: Subject) -> bool | None:
    """Is the person at low risk, by the identifier's bands and the tier? ``None`` where what is recorded leaves it open.

    A raised extremism score or a high risk of serious harm is not low risk, whatever the other scores.
    """
    erg = subject.get("erg")
    if subject.get("rosh") in {"HIGH", "VERY_HIGH"} or (isinstance(erg, int | float) and erg >= _ERG_RAISED):
        return False
    recorded, worst = pni.risk(subject)
    if recorded != "LOW":
        return False
    if worst != "LOW":
        return None
    case = tier_of(subject)
    return True if case is None else case in _LOW_TIERS


def tier_of(subject: Subject) -> str | None:
    """Which tier do the predictors of this person give? ``None`` where one is not recorded."""
    arp, csrp = subject.get("ogrs_2yr"), subject.get("rsr")
    if not isinstance(arp, int | float) or not isinstance(csrp, int | float):
        return None
    rosh = subject.get("rosh")
    return tier.tier(arp=arp, csrp=csrp, rosh=rosh if isinstance(rosh, str) else None).tier


def intensity_fit(subject: Subject, intervention: Intervention) -> str | None:
    """Does the intervention ask more (OVER) or less (UNDER) than the case calls for, or does it fit (FITS)?

    Only work on behaviour is judged: accredited programmes and structured interventions. ``None`` where it is not
    judged or the risk is not known. Under-intensity is a structured intervention in a case of tier A or B.
    """
    return _fit(intervention, low=low_risk(subject), case=tier_of(subject))


def asks_too_much_at_low_risk(intervention: Intervention) -> bool:
    """Is this work on behaviour of more than low intensity, from which people at low risk gain nothing?"""
    return intervention.type in _JUDGED and intervention.intensity is not Intensity.LOW


def covers(intervention: Intervention) -> bool:
    """Does this, where it can be had, meet its needs, so that no commissioned service is wanted for them?"""
    return intervention.type in _PROGRAMMES or intervention.type is InterventionType.SI


def _fit(intervention: Intervention, *, low: bool | None, case: str | None) -> str | None:
    if low is None or intervention.type not in _JUDGED:
        return None
    if low and asks_too_much_at_low_risk(intervention):
        return "OVER"
    if intervention.intensity is Intensity.LOW and case in _HIGH_TIERS:
        return "UNDER"
    return "FITS"


def order(
    subject: Subject,
    eligibilities: Sequence[Eligibility],
    catalogue: Catalogue,
    *,
    reachable: Collection[str] | None = None,
) -> tuple[Choice, ...]:
    """In which order would the operating model have a practitioner consider what this person is eligible for?

    Only ELIGIBLE interventions stand in it. ``reachable`` lists those that can be attended (``None``: all); a programme
    that cannot be reached gives way to a structured intervention. Within a step, more needs met come first, then
    catalogue order; what is not advised comes last of its step.
    """
    eligible = [
        catalogue.by_id(each.intervention_id) for each in eligibilities if each.status is Status.ELIGIBLE
    ]
    needs = needs_of(subject)
    low = low_risk(subject)
    case = tier_of(subject)
    over = {each.id for each in eligible if _fit(each, low=low, case=case) == "OVER"}
    can = [each for each in eligible if reachable is None or each.id in reachable]
    advised = [each for each in can if each.id not in over]
    programme = any(each.type is InterventionType.ACP for each in advised)
    covered = {need for each in advised if covers(each) for need in each.needs}
    unsteady = subject.get("substance_stable") is False or subject.get("acute_mental_health") is True
    chosen = [
        _choice(
            each,
            needs=needs,
            covered=covered,
            programme=programme,
            unsteady=unsteady,
            over=each.id in over,
        )
        for each in eligible
    ]
    return tuple(
        sorted(
            chosen,
            key=lambda each: (
                each.step,
                each.not_advised is not None,
                -len(each.needs_met),
                each.intervention_id,
            ),
        )
    )


def _choice(
    intervention: Intervention,
    *,
    needs: tuple[str, ...],
    covered: set[str],
    programme: bool,
    unsteady: bool,
    over: bool,
) -> Choice:
    met = tuple(need for need in needs if need in intervention.needs)
    step, code = _place(intervention, met=met, covered=covered, programme=programme, unsteady=unsteady)
    texts = messages.load()
    # Of the needs, those that the sentence is about.
    about = [need for need in met if code != "STABILITY_FIRST" or need in STABILISING]
    return Choice(
        intervention_id=intervention.id,
        step=step,
        code=code,
        text=messages.naming(
            texts.phrases[code], "needs", tuple([SECTIONS[need][0] for need in about]) or ("",)
        ),
        needs_met=met,
        not_advised=texts.phrase("NOT_ADVISED_LOW_RISK") if over else None,
    )


def _place(
    intervention: Intervention, *, met: tuple[str, ...], covered: set[str], programme: bool, unsteady: bool
) -> tuple[Step, str]:
    match intervention.type:
        case InterventionType.ACP:
            return Step.FIRST_CHOICE, "PROGRAMME_OF_CHOICE"
        case InterventionType.TREATMENT_REQUIREMENT:
            return Step.FIRST_CHOICE, "TREATMENT_OF_CHOICE"
        case InterventionType.SI:
            return Step.IN_ITS_PLACE, "AFTER_PROGRAMME" if programme else "INSTEAD_OF_PROGRAMME"
        case InterventionType.CRS:
            return _service(met, covered=covered, unsteady=unsteady)
        case _:
            ordered = intervention.type in _ORDERED
            return Step.BESIDE, "ORDERED_BY_COURT" if ordered else "TOOLKIT_BESIDE"


def _service(met: tuple[str, ...], *, covered: set[str], unsteady: bool) -> tuple[Step, str]:
    if unsteady and STABILISING & set(met):
        return Step.FIRST_CHOICE, "STABILITY_FIRST"
    if set(met) - covered:
        return Step.FOR_OTHER_NEED, "NEED_NOT_MET_OTHERWISE"
    return Step.BESIDE, "NEED_MET_OTHERWISE"
