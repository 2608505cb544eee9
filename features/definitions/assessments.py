"""Needs, risk and responsivity, from the latest assessment known, and how they have moved."""

from __future__ import annotations

from catalogue.fields import CRIMINOGENIC, NEED_THRESHOLDS
from features.contract import LINKS
from features.expressions import Answered, Measure, Reaching, Recorded, Total, Trues, Value
from features.spec import Aggregator, Direction, Feature

ANSWERED_AT_LEAST = 5
"""Sections that must be answered before their total says anything (data contract, progress)."""

NEED_TOTAL = Total(CRIMINOGENIC, answered=ANSWERED_AT_LEAST)
HINDERS = Direction.HIGHER_HINDERS
HELPS = Direction.HIGHER_HELPS


def _latest(
    column: str, label: str, why: str, *, unit: str = "points", direction: Direction | None = None
) -> Feature:
    return Feature(
        name=column,
        label=label,
        why=why,
        stream="assessments",
        aggregator=Aggregator.LAST,
        value=Value(column),
        unit=unit,
        direction=direction,
    )


def _item(name: str, item: str, label: str, why: str) -> Feature:
    return Feature(
        name=name,
        label=f"{label} (item {item.removeprefix('q').replace('_', '.')}, 0 to 2)",
        why=why,
        stream="assessments",
        aggregator=Aggregator.LAST,
        value=Value(item),
        unit="points",
        direction=HINDERS,
    )


def _made(name: str, label: str, why: str, aggregator: Aggregator, value: Measure, **more: object) -> Feature:
    return Feature(
        name=name,
        label=label,
        why=why,
        stream="assessments",
        aggregator=aggregator,
        value=value,
        **more,  # type: ignore[arg-type]  # optional parts, checked by Feature itself
    )


SECTION_SCORES = (
    _latest(
        "s3_accommodation",
        "Accommodation score",
        "Without a settled address people miss first appointments.",
        direction=HINDERS,
    ),
    _latest(
        "s4_ete",
        "Education, training and employability score",
        "Work both structures a week and clashes with sessions.",
    ),
    _latest(
        "s5_finance",
        "Finance score",
        "Fares and debt stand between people and sessions; the need of finance services.",
    ),
    _latest("s6_relationships", "Relationships score", "Need that relationship programmes answer."),
    _latest(
        "s7_lifestyle",
        "Lifestyle and associates score",
        "The most common need in the community.",
        direction=HINDERS,
    ),
    _latest(
        "s8_drugs",
        "Drug misuse score",
        "Drug use is among the commonest reasons for dropping out.",
        direction=HINDERS,
    ),
    _latest(
        "s9_alcohol",
        "Alcohol misuse score",
        "Drinking clashes with attendance and is what treatment answers.",
        direction=HINDERS,
    ),
    _latest(
        "s10_emotional",
        "Emotional wellbeing score",
        "Distress affects readiness; the need of wellbeing services.",
    ),
    _latest(
        "s11_thinking",
        "Thinking and behaviour score",
        "Impulsivity and poor planning predict non-completion.",
        direction=HINDERS,
    ),
    _latest(
        "s12_attitudes", "Attitudes score", "Attitudes to supervision show in attendance.", direction=HINDERS
    ),
)

TOTALS = (
    _made(
        "need_total",
        "Total criminogenic need",
        "One measure of how much there is to work on; the outcome is its fall.",
        Aggregator.LAST,
        NEED_TOTAL,
        unit="points",
    ),
    _made(
        "needs_over_threshold",
        "Criminogenic needs present",
        "Effects are larger where there is need.",
        Aggregator.LAST,
        Reaching(tuple((section, NEED_THRESHOLDS[section]) for section in CRIMINOGENIC)),
        unit="needs",
    ),
    _made(
        "needs_linked_to_offending",
        "Needs linked to reoffending or harm",
        "A linked need is what an intervention has to match.",
        Aggregator.LAST,
        Trues(LINKS),
        unit="links",
    ),
    _made(
        "sections_answered",
        "Sections answered in the latest assessment",
        "An incomplete assessment is itself a sign, and a limit on what is known.",
        Aggregator.LAST,
        Answered(CRIMINOGENIC),
        unit="sections",
    ),
)

ITEMS = (
    _item(
        "impulsivity",
        "q11_2",
        "Impulsive",
        "Impulsivity predicted non-completion beyond risk (Palmer and Humphries 2015).",
    ),
    _item(
        "temper_control", "q11_4", "Poor temper control", "Behaviour in sessions is a reason for deselection."
    ),
    _item("problem_solving", "q11_6", "Poor problem solving", "What thinking-skills work addresses."),
    _item(
        "consequences", "q11_7", "Unaware of consequences", "Non-planning impulsivity predicts dropping out."
    ),
    _item(
        "activities",
        "q7_2",
        "Activities that encourage offending",
        "Competing routines pull against attendance.",
    ),
    _item(
        "easily_influenced",
        "q7_3",
        "Easily influenced",
        "Group formats work differently with people who are easily led.",
    ),
    _item(
        "pro_criminal_attitudes", "q12_1", "Pro-criminal attitudes", "Attitude is a reason for deselection."
    ),
    _item(
        "partner_relationship",
        "q6_6",
        "Difficult past close relationships",
        "Need that relationship programmes answer.",
    ),
)

PREDICTORS = (
    _latest(
        "ogrs_2yr",
        "General reoffending predictor, two years (OGRS3 or ARP)",
        "Higher reconviction risk predicts non-completion; effects differ by risk. Contains age and sex.",
        unit="%",
        direction=HINDERS,
    ),
    _latest(
        "ogp_2yr",
        "General reoffending with needs, two years (OGP)",
        "Adds dynamic need to the static predictor. Contains age and sex.",
        unit="%",
        direction=HINDERS,
    ),
    _latest(
        "ovp_2yr",
        "Violent reoffending predictor, two years (OVP or VRP)",
        "Effects on violence differ from general effects. Contains age and sex.",
        unit="%",
        direction=HINDERS,
    ),
    _latest(
        "rsr",
        "Serious reoffending predictor (RSR or CSRP)",
        "Priority for places follows it. Contains age and sex.",
        unit="%",
    ),
    _latest(
        "predictor_generation",
        "Generation of the predictors",
        "The same percentage means different things in OGRS3 and OGRS4.",
        unit="",
    ),
    _latest("rosh", "Risk of serious harm", "Places and supervision follow it.", unit=""),
    _latest("osp_dc", "Sexual reoffending predictor, contact", "Decides which programmes are open.", unit=""),
    _latest("osp_iic", "Sexual reoffending predictor, images", "Decides which programmes are open.", unit=""),
    _latest(
        "sara_partner",
        "Spousal assault risk, partner",
        "Decides which relationship programmes are open.",
        unit="",
    ),
    _latest(
        "sara_other",
        "Spousal assault risk, others",
        "Decides which relationship programmes are open.",
        unit="",
    ),
    _latest("erg", "Extremism risk guidance", "Decides whether identity work is open."),
)

RESPONSIVITY = (
    _latest("motivation", "Motivation (0 to 2)", "Readiness decides whether people start.", direction=HELPS),
    _latest(
        "substance_stable",
        "Substance use is stable",
        "Programmes ask for stability before a start.",
        unit="",
        direction=HELPS,
    ),
    _latest(
        "dependence", "Dependence assessed", "Treatment comes before skills work.", unit="", direction=HINDERS
    ),
    _latest(
        "gang_identification", "Gang identification", "Group mixes and travel are limited by it.", unit=""
    ),
)

MOVEMENT = (
    Feature(
        name="assessment_age_days",
        label="Days since the latest assessment",
        why="Old scores say less; an assessment counts for 55 weeks.",
        stream="assessments",
        aggregator=Aggregator.DAYS_SINCE,
        unit="days",
    ),
    Feature(
        name="assessments_known",
        label="Assessments so far",
        why="How long and how closely somebody has been supervised.",
        stream="assessments",
        aggregator=Aggregator.COUNT,
        unit="assessments",
    ),
    _latest("layer", "Layer of the latest assessment", "Layer 1 leaves most needs unscored.", unit="layer"),
    _made(
        "need_total_first",
        "Total need at the first assessment known",
        "Where the person started from.",
        Aggregator.FIRST,
        NEED_TOTAL,
        unit="points",
    ),
    _made(
        "need_total_change",
        "Change in total need against six months before",
        "Direction of travel before the decision.",
        Aggregator.CHANGE_SINCE,
        NEED_TOTAL,
        since=182,
        unit="points",
        direction=HINDERS,
    ),
    _made(
        "need_total_trend",
        "Trend of total need a year, over three years",
        "Slow movement that two assessments do not show.",
        Aggregator.TREND,
        NEED_TOTAL,
        window=3 * 365,
        unit="points a year",
        direction=HINDERS,
    ),
    _made(
        "ogrs_change",
        "Change in the general predictor against a year before",
        "Rising risk shows new convictions.",
        Aggregator.CHANGE_SINCE,
        Value("ogrs_2yr"),
        since=365,
        unit="points",
        direction=HINDERS,
    ),
    _made(
        "motivation_change",
        "Change in motivation against six months before",
        "Falling motivation goes before withdrawal.",
        Aggregator.CHANGE_SINCE,
        Value("motivation"),
        since=182,
        unit="points",
        direction=HELPS,
    ),
    _made(
        "drugs_change",
        "Change in drug misuse against six months before",
        "Relapse goes before absence.",
        Aggregator.CHANGE_SINCE,
        Value("s8_drugs"),
        since=182,
        unit="points",
        direction=HINDERS,
    ),
    _made(
        "motivation_mean",
        "Mean motivation over two years",
        "Steadier than the latest answer.",
        Aggregator.MEAN,
        Value("motivation"),
        window=2 * 365,
        where=Recorded("motivation"),
        unit="points",
        direction=HELPS,
    ),
    _made(
        "drugs_highest",
        "Highest drug misuse score in three years",
        "A history of heavier use than today's.",
        Aggregator.MAX,
        Value("s8_drugs"),
        window=3 * 365,
        unit="points",
        direction=HINDERS,
    ),
)

ASSESSMENTS = (*SECTION_SCORES, *TOTALS, *ITEMS, *PREDICTORS, *RESPONSIVITY, *MOVEMENT)
