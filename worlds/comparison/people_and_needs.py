"""Who is in a world, what were they sentenced to, and what do they need? The figures of people and needs."""

from __future__ import annotations

import polars as pl

from catalogue.fields import NEED_THRESHOLDS, PREDICTOR_BANDS
from features.contract import REGIONS
from worlds.comparison.values import Tables, Value, share
from worlds.sentencing import ORDERS

_SECTIONS = {
    "lifestyle": "s7_lifestyle",
    "accommodation": "s3_accommodation",
    "alcohol": "s9_alcohol",
}
_MORE_SECTIONS = {
    "drugs": "s8_drugs",
    "thinking": "s11_thinking",
    "attitudes": "s12_attitudes",
}


# The five groups of the published table, in which Irish, Gypsy or Irish Traveller and Roma people are White.
_GROUPS = ("WHITE", "BLACK", "ASIAN", "MIXED", "OTHER")
_MIX = {
    "mix_rar": ("RAR",),
    "mix_unpaid_work": ("UNPAID_WORK",),
    "mix_programme": ("ACCREDITED_PROGRAMME",),
    "mix_curfew": ("CURFEW",),
    "mix_drug": ("DRUG_REHABILITATION",),
    "mix_alcohol": ("ALCOHOL_TREATMENT",),
    "mix_abstinence": ("ALCOHOL_ABSTINENCE",),
    "mix_mental_health": ("MENTAL_HEALTH_TREATMENT",),
    "mix_rest": ("EXCLUSION", "RESIDENCE", "ATTENDANCE_CENTRE", "OTHER"),
}
_CASELOAD = {
    "caseload_orders": ORDERS,
    "caseload_before_release": ("CUSTODY",),
    "caseload_after_release": ("LICENCE", "POST_SENTENCE_SUPERVISION"),
}


def people(tables: Tables) -> dict[str, Value]:
    """Sex, ethnicity, region, orientation, and what is not recorded."""
    persons, protected = tables["people"], tables["protected"]
    told = protected.filter(pl.col("ethnicity") != "PREFER_NOT_TO_SAY")
    region = persons["region"].value_counts(normalize=True)
    shares = dict(zip(region["region"].to_list(), region["proportion"].to_list(), strict=True))
    custody = tables["sentences"].filter(sentence_type="CUSTODY").join(persons, on="crn")
    court = tables["sentences"].filter(pl.col("sentence_type").is_in(ORDERS)).join(told, on="crn")
    group = court["ethnicity"].str.split("_").list.first().replace({"ARAB": "OTHER"})
    declared = protected["sexual_orientation"].drop_nulls()
    return {
        "women": share(persons["sex"] == "FEMALE"),
        "women_custody": share(custody["sex"] == "FEMALE"),
        "minority": share(told["ethnicity"] != "WHITE_BRITISH"),
        **{f"orders_{one.lower()}": share(group == one) for one in _GROUPS},
        **{f"region_{code}": (float(shares.get(code, 0.0)), persons.height) for code in REGIONS},
        "unrecorded": share(protected["ethnicity"].is_null() | protected["religion"].is_null()),
        "heterosexual": share(declared.filter(declared != "PREFER_NOT_TO_SAY") == "HETEROSEXUAL"),
    }


def sentencing(tables: Tables) -> dict[str, Value]:
    """Requirements of orders, and the caseload in the middle of the world."""
    sentences = tables["sentences"]
    orders = sentences.filter(pl.col("sentence_type").is_in(ORDERS)).select("crn", "event_number")
    carried = tables["requirements"].join(orders, on=["crn", "event_number"], how="semi")
    given = sentences.filter(pl.col("sentence_type").is_in([*ORDERS, "CUSTODY"]))["sentence_type"]
    hours = carried.filter(unit="HOURS")["length"]
    begun, last = tables["contacts"]["scheduled_on"].min(), sentences["known_on"].max()
    middle = sentences.select(pl.lit(begun) + (pl.lit(last) - pl.lit(begun)) / 2).to_series().cast(pl.Date)[0]
    running = sentences.filter(
        (pl.col("sentence_type") != "PRE_SENTENCE")
        & (pl.col("starts_on") <= middle)
        & (pl.col("ends_on") >= middle)
    )
    supervised = running["crn"].n_unique()
    found: dict[str, Value] = {
        figure: (
            running.filter(pl.col("sentence_type").is_in(kinds))["crn"].n_unique() / max(supervised, 1),
            supervised,
        )
        for figure, kinds in _CASELOAD.items()
    }
    found |= {
        figure: (carried.filter(requirement_type=name).height / max(orders.height, 1), orders.height)
        for figure, name in (("rar", "RAR"), ("unpaid_work", "UNPAID_WORK"))
    }
    found |= {figure: share(carried["requirement_type"].is_in(kinds)) for figure, kinds in _MIX.items()}
    return found | {
        "custodial": share(given == "CUSTODY"),
        "unpaid_work_hours": share(hours.is_between(40, 300)),
    }


def _assessed_in(tables: Tables, *, custody: bool) -> pl.DataFrame:
    """Layer-3 assessments made while a sentence of that kind ran."""
    kinds = ("CUSTODY",) if custody else (*ORDERS, "LICENCE", "POST_SENTENCE_SUPERVISION")
    ran = (
        tables["sentences"].filter(pl.col("sentence_type").is_in(kinds)).select("crn", "starts_on", "ends_on")
    )
    full = tables["assessments"].filter(layer=3)
    during = (
        full.select("crn", "assessment_id", "completed_on")
        .join(ran, on="crn")
        .filter(pl.col("completed_on").is_between("starts_on", "ends_on"))
    )
    return full.join(during, on="assessment_id", how="semi")


def needs(tables: Tables) -> dict[str, Value]:
    """Needs over their threshold outside and inside, bands of risk, and homes on release."""
    outside, inside = _assessed_in(tables, custody=False), _assessed_in(tables, custody=True)
    found = {
        f"need_{name}": share(outside[section] >= NEED_THRESHOLDS[section])
        for name, section in (_SECTIONS | _MORE_SECTIONS).items()
    }
    found |= {
        f"need_{name}_custody": share(inside[section] >= NEED_THRESHOLDS[section])
        for name, section in _SECTIONS.items()
    }
    _, medium, high, _ = PREDICTOR_BANDS["ogrs_2yr"]
    licence = tables["sentences"].filter(sentence_type="LICENCE").select("crn", "starts_on")
    home = (
        tables["circumstances"]
        .filter(kind="ACCOMMODATION")
        .unique(["crn", "observed_on"], keep="first", maintain_order=True)
    )
    first = (
        licence.join(home, on="crn")
        .filter((pl.col("observed_on") - pl.col("starts_on")).dt.total_days().is_between(0, 30))
        .sort("crn", "starts_on", "observed_on")
        .unique(["crn", "starts_on"], keep="first", maintain_order=True)
    )
    return found | {
        "ogrs_low": share(outside["ogrs_2yr"] < medium),
        "ogrs_high": share(outside["ogrs_2yr"] >= high),
        "homeless_on_release": share(first["value"] == "NO_FIXED_ABODE"),
    }
