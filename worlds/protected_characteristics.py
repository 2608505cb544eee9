"""Which protected characteristics do worlds record, and how common is each code?

Ethnicity has the 19 codes of the harmonised list of 2021 (Office for National Statistics).
"""

from __future__ import annotations

# Groups other than White British, and their shares among these. Of court orders, White people have 84 in 100, Black 6,
# Asian 5, Mixed 3, Other 1 (see comparison/figures.csv). The split inside each follows the 2021 census: an assumption.
MINORITIES = {
    "WHITE_IRISH": 2.0,
    "WHITE_GYPSY_OR_IRISH_TRAVELLER": 3.0,
    "WHITE_ROMA": 1.0,
    "WHITE_OTHER": 16.0,
    "MIXED_WHITE_AND_BLACK_CARIBBEAN": 8.0,
    "MIXED_WHITE_AND_BLACK_AFRICAN": 2.5,
    "MIXED_WHITE_AND_ASIAN": 2.0,
    "MIXED_OTHER": 3.5,
    "ASIAN_INDIAN": 5.0,
    "ASIAN_PAKISTANI": 10.0,
    "ASIAN_BANGLADESHI": 4.0,
    "ASIAN_CHINESE": 0.7,
    "ASIAN_OTHER": 6.0,
    "BLACK_AFRICAN": 11.0,
    "BLACK_CARIBBEAN": 13.0,
    "BLACK_OTHER": 6.0,
    "ARAB": 1.8,
    "OTHER": 4.5,
}
ETHNICITIES = ("WHITE_BRITISH", *MINORITIES)
RELIGIONS = {
    "NO_RELIGION": 47.0,
    "CHRISTIAN": 36.0,
    "MUSLIM": 12.0,
    "HINDU": 0.5,
    "SIKH": 1.0,
    "JEWISH": 0.4,
    "BUDDHIST": 1.2,
    "OTHER": 1.9,
}
ORIENTATIONS = {"HETEROSEXUAL": 96.0, "GAY_OR_LESBIAN": 1.5, "BISEXUAL": 2.0, "OTHER": 0.5}
MARITAL = {
    "SINGLE": 68.0,
    "MARRIED": 10.0,
    "CIVIL_PARTNERSHIP": 0.4,
    "COHABITING": 11.0,
    "SEPARATED": 4.0,
    "DIVORCED": 5.6,
    "WIDOWED": 1.0,
}
