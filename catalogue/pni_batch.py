"""The Programme Needs Identifier for everyone at once: ``catalogue.pni`` as expressions.

Bands are ranks, as ``catalogue.batch`` prepares them. Tests hold this to the identifier itself, person by person.
"""

from collections.abc import Iterable
from functools import reduce
from operator import add, and_, or_
from typing import Final

import polars as pl

from catalogue import pni
from catalogue.fields import ITEM_MAXIMUM, OSP_BANDS, SARA_BANDS

# Bands are columns of their own: as sub-expressions they would be spelt out once for each cell of the matrix.
_NEED, _PROJECTED_NEED = "__need", "__projected_need"
_RISK: Final = {False: "__risk_men", True: "__risk_women"}
_PROJECTED_RISK: Final = {False: "__projected_risk_men", True: "__projected_risk_women"}
_VERY_HIGH, _POSSIBLY_VERY_HIGH, _RAISED = "__very_high", "__possibly_very_high", "__sara_raised"


def columns() -> list[pl.Expr]:
    """The bands and trumps of the identifier, recorded and projected, for men and for women."""
    need, projected_need = _need_bands()
    very_high, possibly = _trumps()
    columns = [
        need.alias(_NEED),
        projected_need.alias(_PROJECTED_NEED),
        very_high.alias(_VERY_HIGH),
        possibly.alias(_POSSIBLY_VERY_HIGH),
        (_sara() >= pni.MEDIUM).alias(_RAISED),
    ]
    for female in (False, True):
        risk, projected_risk = _risk_bands(female=female)
        columns += [risk.alias(_RISK[female]), projected_risk.alias(_PROJECTED_RISK[female])]
    return columns


def on_pathway(wanted: set[str]) -> pl.Expr:
    """Does the identifier lead to one of these pathways, whatever the missing answers are? ``criteria.OnPathway``."""
    men, women = (_reachable(wanted, female=female) for female in (False, True))
    inside, outside = (
        pl.when(pl.col("sex").is_null())
        .then(for_men | for_women)
        .when(pl.col("sex") == "FEMALE")
        .then(for_women)
        .otherwise(for_men)
        for for_men, for_women in zip(men, women, strict=True)
    )
    return pl.when(~outside).then(pl.lit(value=True)).when(~inside).then(pl.lit(value=False))


def _reachable(wanted: set[str], *, female: bool) -> tuple[pl.Expr, pl.Expr]:
    """Can a pathway inside ``wanted`` still result, and one outside? ``pni.reachable`` as expressions."""
    custody = pl.col("setting").is_in(["CUSTODY", "REMAND", "PRE_RELEASE"])
    community = pl.col("setting") == "COMMUNITY"
    place = {True: custody.fill_null(value=True), False: community.fill_null(value=True)}
    trumped = {True: pl.col(_POSSIBLY_VERY_HIGH), False: ~pl.col(_VERY_HIGH)}
    inside, outside = pl.lit(value=False), pl.lit(value=False)
    for (need, risk, in_custody, trump, sara_raised), level in pni.LEVELS.items():
        if trump and risk != pni.HIGH:
            continue
        here = (
            (pl.col(_NEED) <= need)
            & (pl.col(_PROJECTED_NEED) >= need)
            & (pl.col(_RISK[female]) <= risk)
            & (pl.col(_PROJECTED_RISK[female]) >= risk)
            & place[in_custody]
            & (pl.col(_RAISED) == sara_raised)
        )
        if risk == pni.HIGH:
            here = here & trumped[trump]
        if level in wanted:
            inside = inside | here
        else:
            outside = outside | here
    return inside, outside


def _domain(domain: pni.Domain, *, unanswered: bool) -> pl.Expr:
    total = reduce(
        add,
        (
            pl.col(item).fill_null(domain.projected.get(item, ITEM_MAXIMUM) if unanswered else 0)
            for item in domain.items
        ),
    )
    score = (total >= domain.one_from).cast(pl.Int8) + (total >= domain.two_from).cast(pl.Int8)
    if domain.trump is None:
        return score
    trumped = (pl.col(domain.trump) >= ITEM_MAXIMUM).fill_null(value=False)
    return pl.when(trumped).then(pl.lit(2, pl.Int8)).otherwise(score)


def _gate() -> tuple[pl.Expr, pl.Expr]:
    """Does the sex domain count, and could it?"""
    gates = [pl.col(name) for name in pni.SEX_GATE]
    applies = _any_of(gate.fill_null(value=False) for gate in gates)
    return applies, applies | _any_of(gate.is_null() for gate in gates)


def _need_bands() -> tuple[pl.Expr, pl.Expr]:
    applies, may_apply = _gate()
    bands = []
    for unanswered, gate in ((False, applies), (True, may_apply)):
        total = reduce(
            add,
            (
                _domain(domain, unanswered=unanswered) * (gate.cast(pl.Int8) if name == "sex" else 1)
                for name, domain in pni.DOMAINS.items()
            ),
        )
        bands.append(
            (total >= pni.NEED_MEDIUM_FROM).cast(pl.Int8) + (total >= pni.NEED_HIGH_FROM).cast(pl.Int8)
        )
    return bands[0], bands[1]


def _cut(name: str, medium: float, high: float) -> pl.Expr:
    value = pl.col(name).fill_null(0)
    return (value >= medium).cast(pl.Int8) + (value >= high).cast(pl.Int8)


def _sara() -> pl.Expr:
    return pl.max_horizontal(*(pl.col(name).fill_null(SARA_BANDS.index("LOW")) for name in pni.SARA))


_OSP: Final = ("osp_dc", "osp_iic")


def _osp_all_inapplicable(*, female: bool) -> pl.Expr:
    if female:
        return pl.lit(value=True)
    return reduce(and_, ((pl.col(name) == 0).fill_null(value=False) for name in _OSP))


def _risk_bands(*, female: bool) -> tuple[pl.Expr, pl.Expr]:
    inapplicable = _osp_all_inapplicable(female=female)
    bands = [
        _cut("ogrs_2yr", pni.MEDIUM_OGRS, pni.HIGH_OGRS),
        _cut("ovp_2yr", pni.MEDIUM_OVP, pni.HIGH_OVP),
        _sara(),
        _cut("rsr", pni.MEDIUM_RSR, pni.HIGH_RSR) * inapplicable.cast(pl.Int8),
    ]
    lacking = pl.col("ogrs_2yr").is_null() | pl.col("ovp_2yr").is_null()
    lacking = lacking | (inapplicable & pl.col("rsr").is_null())
    if not female:
        medium, high = OSP_BANDS.index("MEDIUM"), OSP_BANDS.index("HIGH")
        bands += [_cut(name, medium, high) for name in _OSP]
        lacking = lacking | _any_of(pl.col(name).is_null() for name in _OSP)
    risk = pl.max_horizontal(*bands)
    return risk, pl.when(lacking).then(pl.lit(pni.HIGH, pl.Int8)).otherwise(risk)


def _trumps() -> tuple[pl.Expr, pl.Expr]:
    """Do OGRS with OVP or SARA trump, and could they?"""
    sara = _sara() == SARA_BANDS.index("HIGH")
    ogrs, ovp = pl.col("ogrs_2yr") >= pni.HIGH_OGRS, pl.col("ovp_2yr") >= pni.HIGH_OVP
    surely = ogrs.fill_null(value=False) & (ovp.fill_null(value=False) | sara)
    possibly = ogrs.fill_null(value=True) & (ovp.fill_null(value=True) | sara)
    return surely, possibly


def wanting() -> dict[str, pl.Expr]:
    """For each field of the identifier, whether ``pni.unanswered`` would name it."""
    female = (pl.col("sex") == "FEMALE").fill_null(value=False)
    applies, may_apply = _gate()
    risk = pl.when(female).then(pl.col(_RISK[True])).otherwise(pl.col(_RISK[False]))
    inapplicable = female | _osp_all_inapplicable(female=False)
    very_high, possibly = pl.col(_VERY_HIGH), pl.col(_POSSIBLY_VERY_HIGH)
    below_high = risk < pni.HIGH
    found = {name: pl.col(name).is_null() for name in ("sex", "setting")}
    found |= {name: pl.col(name).is_null() & ~applies for name in pni.SEX_GATE}
    for domain_name, domain in pni.DOMAINS.items():
        for item in domain.items:
            unanswered = pl.col(item).is_null()
            found[item] = unanswered & may_apply if domain_name == "sex" else unanswered
    for name in ("ogrs_2yr", "ovp_2yr"):
        found[name] = pl.col(name).is_null() & (below_high | (possibly != very_high))
    for name in _OSP:
        found[name] = pl.col(name).is_null() & ~female & below_high
    found["rsr"] = pl.col("rsr").is_null() & inapplicable & below_high
    return found


def _any_of(expressions: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(or_, expressions)
