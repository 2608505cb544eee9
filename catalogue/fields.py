"""The facts a criterion may ask about: their kinds, scales and plain names.

A *subject* is a mapping from these names to values, one person on one day; ``None`` or absence means
not recorded. Names of assessment fields are the columns of the contract's ``assessments`` table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None
Subject: TypeAlias = Mapping[str, Value]


class FieldKind(StrEnum):
    """How a field's values compare."""

    NUMBER = "NUMBER"
    BAND = "BAND"
    CODE = "CODE"
    FLAG = "FLAG"
    CODES = "CODES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a fact is: its kind, its scale, its plain name, and where it comes from.

    ``scale`` holds the codes of a band (lowest first), code or list of codes; ``lowest`` and ``highest``
    bound a number (``None``: unbounded). ``codes_open`` marks codes that no list here closes.
    ``characteristic`` names the protected characteristic that the field records, if it records one; ``bears_on`` one that it
    says something about, so that a rule on the field turns on it too.
    """

    name: str
    kind: FieldKind
    label: str
    scale: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    codes_open: bool = False
    assessed: bool = False
    characteristic: str | None = None
    bears_on: str | None = None


SEX: Final = ("MALE", "FEMALE")
SETTINGS: Final = ("COMMUNITY", "CUSTODY", "REMAND", "PRE_RELEASE")
SENTENCE_TYPES: Final = (
    "COMMUNITY_ORDER",
    "SUSPENDED_SENTENCE_ORDER",
    "LICENCE",
    "POST_SENTENCE_SUPERVISION",
    "CUSTODY",
    "PRE_SENTENCE",
)
OFFENCE_TYPES: Final = (
    "ACQUISITIVE",
    "GENERAL_VIOLENCE",
    "INTIMATE_PARTNER_VIOLENCE",
    "DOMESTIC_ABUSE",
    "SEXUAL",
    "SEXUAL_INTERNET_ONLY",
    "DRIVING",
    "DRINK_OR_DRUG_DRIVING",
    "SUBSTANCE",
    "GANG",
    "EXTREMISM",
)
REQUIREMENT_TYPES: Final = (
    "RAR",
    "UNPAID_WORK",
    "ACCREDITED_PROGRAMME",
    "DRUG_REHABILITATION",
    "ALCOHOL_TREATMENT",
    "MENTAL_HEALTH_TREATMENT",
    "ALCOHOL_ABSTINENCE",
    "CURFEW",
    "EXCLUSION",
    "RESIDENCE",
    "ATTENDANCE_CENTRE",
    "OTHER",
)
RISK_BANDS: Final = ("LOW", "MEDIUM", "HIGH", "VERY_HIGH")
OSP_BANDS: Final = ("NOT_APPLICABLE", *RISK_BANDS)
SARA_BANDS: Final = ("LOW", "MEDIUM", "HIGH")

# Highest score of each section: OASYS_NEEDS in docs/sources.md. Sections 5 and 10 are not scored there;
# they are bounded by the longest of the others.
SECTIONS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "s3_accommodation": ("accommodation", 8),
        "s4_ete": ("education, training and work", 8),
        "s5_finance": ("money", 10),
        "s6_relationships": ("relationships", 6),
        "s7_lifestyle": ("lifestyle and associates", 6),
        "s8_drugs": ("drug misuse", 10),
        "s9_alcohol": ("alcohol misuse", 8),
        "s10_emotional": ("emotional wellbeing", 10),
        "s11_thinking": ("thinking and behaviour", 8),
        "s12_attitudes": ("attitudes", 8),
    }
)

# The score from which a section is a need: OASYS_NEEDS in docs/sources.md. That table scores
# neither section 5 nor 10; decision 0104 chose 2, the commonest threshold of the others.
NEED_THRESHOLDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "s3_accommodation": 2,
        "s4_ete": 3,
        "s5_finance": 2,
        "s6_relationships": 2,
        "s7_lifestyle": 2,
        "s8_drugs": 2,
        "s9_alcohol": 4,
        "s10_emotional": 2,
        "s11_thinking": 4,
        "s12_attitudes": 2,
    }
)

# The sections whose scores make up criminogenic need (OASYS_NEEDS in docs/sources.md).
CRIMINOGENIC: Final = (
    "s3_accommodation",
    "s4_ete",
    "s6_relationships",
    "s7_lifestyle",
    "s8_drugs",
    "s9_alcohol",
    "s11_thinking",
    "s12_attitudes",
)
# The sections that can be a need, in the order in which needs that press alike are named.
NEEDS: Final = tuple(sorted(NEED_THRESHOLDS))

# "Thinking total": seven items of 0, 1 or 2 (FIND_AND_REFER in docs/sources.md).
TOTALS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"thinking_total": ("q2_6", "q7_2", "q11_4", "q11_6", "q11_7", "q11_9", "q12_1")}
)
ITEM_MAXIMUM: Final = 2
# No source here names the top of these. The extremism guidance scores 22 factors 0, 1 or 2; the learning screen is bounded
# as the longest section is; a lifetime bounds days. They only keep impossible thresholds out of rules.
LONGEST_DAYS: Final = 100 * 365
ERG_HIGHEST: Final = 44
# Half of it: from here the risk counts as raised (decision 0106).
ERG_RAISED: Final = 22
LEARNING_SCREEN_HIGHEST: Final = 10

# Requirements that a court counts in hours, and the field that holds how many it ordered.
ORDERED_HOURS: Final[Mapping[str, str]] = MappingProxyType(
    {"UNPAID_WORK": "unpaid_work_hours", "ATTENDANCE_CENTRE": "attendance_centre_hours"}
)

# Lowest percentage of each band, two-year scores; the same cuts in both generations
# (RISK_ACTUARIAL in docs/sources.md).
PREDICTOR_BANDS: Final[Mapping[str, tuple[float, float, float, float]]] = MappingProxyType(
    {
        "ogrs_2yr": (0, 50, 75, 90),
        "ovp_2yr": (0, 30, 60, 80),
        "ogp_2yr": (0, 34, 67, 85),
        "rsr": (0, 1, 3, 6.9),
    }
)

_ITEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "q2_6": "if they see the impact of the offence (2.6)",
        "q6_1": "close family (6.1)",
        "q6_6": "past close ties (6.6)",
        "q6_12": "feeling close to children (6.12)",
        "q7_2": "daily life that leads to crime (7.2)",
        "q7_3": "being easily led by others (7.3)",
        "q10_1": "how they cope (10.1)",
        "q11_2": "acting on impulse (11.2)",
        "q11_3": "use of force or control (11.3)",
        "q11_4": "temper control (11.4)",
        "q11_6": "how they solve problems (11.6)",
        "q11_7": "if they think of what may follow (11.7)",
        "q11_9": "if they see how others feel (11.9)",
        "q11_11": "how much they dwell on sex (11.11)",
        "q11_12": "if their sexual interests lead to crime (11.12)",
        "q12_1": "views that support crime (12.1)",
        "q12_9": "hostile views (12.9)",
    }
)
# The scored items, in the order of the contract's columns.
ITEMS: Final = tuple(_ITEMS)
_ASSESSED_FLAGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "q1_30": "if there was ever a sexual offence (1.30)",
        "q6_11": "if the sex offending questions apply (6.11)",
        "q2_3d_domestic_abuse": "domestic abuse in this offence (2.3d)",
        "q6_7_domestic_abuse_past": "domestic abuse in the past (6.7)",
        "maturity_flag": "the maturity screen",
        "acute_mental_health": "acute mental illness",
        "substance_stable": "being stable in drug and alcohol use",
        "gang_identification": "if they identify with a gang or group",
        "dependence": "drug or alcohol dependence",
    }
)


def _assessed() -> list[Field]:
    fields = [
        Field(
            name=name,
            kind=FieldKind.NUMBER,
            label=f"the score for {label}",
            lowest=0,
            highest=highest,
            assessed=True,
        )
        for name, (label, highest) in SECTIONS.items()
    ]
    fields += [
        Field(name=name, kind=FieldKind.NUMBER, label=label, lowest=0, highest=ITEM_MAXIMUM, assessed=True)
        for name, label in _ITEMS.items()
    ]
    fields += [
        Field(
            name=name,
            kind=FieldKind.FLAG,
            label=label,
            assessed=True,
            bears_on="disability" if name == "acute_mental_health" else None,
        )
        for name, label in _ASSESSED_FLAGS.items()
    ]
    fields += [
        Field(
            name=f"{name.split('_')[0]}_linked_reoffending",
            kind=FieldKind.FLAG,
            label=f"how {label} links to crime",
            assessed=True,
        )
        for name, (label, _) in SECTIONS.items()
    ]
    fields += [
        Field(
            name="s11_linked_harm",
            kind=FieldKind.FLAG,
            label="how thinking links to serious harm",
            assessed=True,
        ),
        Field(
            name="s12_linked_harm",
            kind=FieldKind.FLAG,
            label="how attitudes link to serious harm",
            assessed=True,
        ),
    ]
    percentages = {
        "ogrs_2yr": "the OGRS score",
        "ogp_2yr": "the OGP score",
        "ovp_2yr": "the OVP score",
        "rsr": "the RSR score",
    }
    fields += [
        Field(name=name, kind=FieldKind.NUMBER, label=label, lowest=0, highest=100, assessed=True)
        for name, label in percentages.items()
    ]
    bands = {
        "osp_dc": ("the OSP score for direct contact", OSP_BANDS),
        "osp_iic": ("the OSP score for indecent images", OSP_BANDS),
        "rosh": ("the risk of serious harm", RISK_BANDS),
        "sara_partner": ("the SARA risk to a partner", SARA_BANDS),
        "sara_other": ("the SARA risk to others", SARA_BANDS),
    }
    fields += [
        Field(name=name, kind=FieldKind.BAND, label=label, scale=scale, assessed=True)
        for name, (label, scale) in bands.items()
    ]
    fields += [
        Field(
            name="predictor_generation",
            kind=FieldKind.CODE,
            label="which set of risk scores is used",
            scale=("OGRS3", "OGRS4"),
            assessed=True,
        ),
        Field(
            name="erg",
            kind=FieldKind.NUMBER,
            label="the extremism risk score (ERG)",
            lowest=0,
            highest=ERG_HIGHEST,
            assessed=True,
        ),
        Field(
            name="learning_screen_subtotal",
            kind=FieldKind.NUMBER,
            label="the learning screen",
            lowest=0,
            highest=LEARNING_SCREEN_HIGHEST,
            assessed=True,
            bears_on="disability",
        ),
        Field(
            name="motivation", kind=FieldKind.NUMBER, label="motivation", lowest=0, highest=2, assessed=True
        ),
    ]
    return fields


_PERSON: Final = (
    Field(name="sex", kind=FieldKind.CODE, label="sex", scale=SEX, characteristic="sex"),
    Field(name="age", kind=FieldKind.NUMBER, label="age", lowest=10, highest=120, characteristic="age"),
    Field(name="setting", kind=FieldKind.CODE, label="the setting", scale=SETTINGS),
    Field(name="region", kind=FieldKind.CODE, label="the probation region", codes_open=True),
    Field(name="pdu", kind=FieldKind.CODE, label="the probation delivery unit", codes_open=True),
    Field(name="sentence_type", kind=FieldKind.CODE, label="the type of sentence", scale=SENTENCE_TYPES),
    Field(
        name="days_left",
        kind=FieldKind.NUMBER,
        label="the end date of the sentence",
        lowest=-LONGEST_DAYS,
        highest=LONGEST_DAYS,
    ),
    Field(
        name="sentence_length_days",
        kind=FieldKind.NUMBER,
        label="the length of the sentence",
        lowest=0,
        highest=LONGEST_DAYS,
    ),
    Field(name="rar_days", kind=FieldKind.NUMBER, label="the number of RAR days", lowest=0, highest=365),
    Field(
        name="previous_sanctions", kind=FieldKind.NUMBER, label="earlier sanctions", lowest=0, highest=1000
    ),
    Field(name="offence_types", kind=FieldKind.CODES, label="the kind of offence", scale=OFFENCE_TYPES),
    Field(
        name="past_offence_types",
        kind=FieldKind.CODES,
        label="the kinds of past offence",
        scale=OFFENCE_TYPES,
    ),
    Field(name="requirement_types", kind=FieldKind.CODES, label="the requirements", scale=REQUIREMENT_TYPES),
    Field(
        name="unpaid_work_hours",
        kind=FieldKind.NUMBER,
        label="the hours of unpaid work",
        lowest=0,
        highest=1000,
    ),
    Field(
        name="attendance_centre_hours",
        kind=FieldKind.NUMBER,
        label="the hours at an attendance centre",
        lowest=0,
        highest=1000,
    ),
    Field(name="needs_interpreter", kind=FieldKind.FLAG, label="if they need an interpreter"),
    Field(name="reads_simple_sentences", kind=FieldKind.FLAG, label="if they read simple sentences"),
    Field(
        name="completed_interventions",
        kind=FieldKind.CODES,
        label="what work was done before",
        codes_open=True,
    ),
    Field(name="open_interventions", kind=FieldKind.CODES, label="what work is under way", codes_open=True),
    Field(
        name="assessment_age_days",
        kind=FieldKind.NUMBER,
        label="the date of the assessment",
        lowest=0,
        highest=LONGEST_DAYS,
    ),
    Field(
        name="assessment_layer",
        kind=FieldKind.NUMBER,
        label="if the assessment is full (layer 3)",
        lowest=1,
        highest=3,
    ),
)

FIELDS: Final[Mapping[str, Field]] = MappingProxyType({f.name: f for f in (*_PERSON, *_assessed())})

# An assessment counts for 55 weeks (the data contract, `assessments`).
ASSESSMENT_LIFE_DAYS: Final = 55 * 7


def linked_field(section: str) -> str:
    """Which field says whether a section is linked to reoffending?"""
    return f"{section.split('_', maxsplit=1)[0]}_linked_reoffending"
