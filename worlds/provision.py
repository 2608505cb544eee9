"""What is on offer, where and when? The directory, venues and travel. Nothing here depends on people.

The directory changes every quarter. In a disruption there are fewer places and longer waits and, if the
world says so, delivery goes online.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np
import polars as pl

from features.contract import REGIONS, TABLES
from worlds.draws import Bools, Draws, Floats, Ints
from worlds.interventions import Arms
from worlds.people import pdu_codes
from worlds.settings import WorldSettings

EPOCH = date(1970, 1, 1)
VENUES_PER_PDU = 3
FORMATS = TABLES["directory"].column("format").allowed
NO_PLACE_WAIT = 20.0  # weeks that a referral waits where the directory lists nothing
PROVIDERS = ("Northway", "Harbour Trust", "New Leaf", "Bridgework")  # of commissioned services; invented
PUBLIC_PROVIDER = "Probation Service"
CUSTODY_WAIT = 6.0  # weeks, in every prison; assumption
_NORMAL = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])


def day(of: date) -> int:
    """Days since 1970-01-01."""
    return (of - EPOCH).days


@dataclass(frozen=True, slots=True)
class Provision:
    """What the directory says: arrays of quarter by unit by arm, unless a comment says otherwise."""

    quarter_start: Ints
    available: Bools
    waiting_weeks: Floats
    minutes: Floats  # each way, to the venue used
    form: Ints
    venue: Ints  # index within the region's venues
    remote: Bools  # quarter
    travel: Floats  # unit by venue of its region
    women_only: Bools  # unit by arm
    women_in_group: Floats  # unit by arm
    next_start: Ints

    def quarter(self, days: Ints) -> Ints:
        """The quarter each day falls in (days before the first count as the first)."""
        return np.clip(
            np.searchsorted(self.quarter_start, days, side="right") - 1, 0, len(self.quarter_start) - 1
        )


def quarters(start: date, end: date) -> list[date]:
    """First days of the quarters from the one that holds `start` to the one that holds `end`."""
    first, found = date(start.year, 3 * ((start.month - 1) // 3) + 1, 1), []
    while first <= end:
        found.append(first)
        first = (
            date(first.year + first.month // 12, first.month % 12 + 3, 1)
            if first.month < 10
            else date(first.year + 1, 1, 1)
        )
    return found


def make_provision(*, world: WorldSettings, arms: Arms, seed: int, start: date, end: date) -> Provision:
    """The provision of a world."""
    n_pdu, n_arm = len(REGIONS) * world.pdus_per_region, len(arms)
    firsts = quarters(start, end)
    starts = np.array([day(first) for first in firsts], dtype=np.int64)
    units = Draws(seed=seed, people=np.arange(n_pdu))
    only_there = np.array(
        ["greater-manchester" in one for one in arms.ids]
    )  # commissioned there, for all of it
    share = np.where(only_there, 1.0, np.clip(arms.provision * world.provision, 0.0, 1.0))
    available = np.repeat((units.uniform("available", width=n_arm) < share)[None], len(starts), axis=0)
    available &= ~arms.custodial_only[None, None, :]
    region = np.arange(n_pdu) // world.pdus_per_region
    available &= ~(only_there[None, None, :] & (region != REGIONS.index("L"))[None, :, None])
    usual = np.exp(np.log(5.0) + 0.55 * _NORMAL(_evenly(units, "waiting", n_arm, np.zeros(n_pdu))))
    waiting = np.clip(usual, 1, 18)[None].repeat(len(starts), 0)
    remote = np.zeros(len(starts), dtype=np.bool_)
    for index in range(len(starts)):
        churn = units.uniform("churn", index, width=n_arm)
        waiting[index] = np.clip(np.round(waiting[index] * (0.75 + 0.5 * churn)), 1, 20)
        available[index] &= churn > 0.03
        if (
            world.disruption_from
            and world.disruption_to
            and world.disruption_from <= firsts[index] <= world.disruption_to
        ):
            available[index] &= units.uniform("disrupted", width=n_arm) < world.disruption_places
            waiting[index] = np.clip(waiting[index] + world.disruption_waiting_weeks, 1, 24)
            remote[index] = world.disruption_remote
    travel = _travel(world, units)
    place = np.arange(n_pdu) % world.pdus_per_region
    number = (units.uniform("venue", width=n_arm) * VENUES_PER_PDU).astype(np.int64)
    venue = place[:, None] * VENUES_PER_PDU + number
    shared = _evenly(units, "shared venue", n_arm, place) < 0.2  # delivered in the next unit
    n_venues = world.pdus_per_region * VENUES_PER_PDU
    venue = np.where(shared, (venue + VENUES_PER_PDU) % n_venues, venue)[None].repeat(len(starts), 0)
    one_to_one = np.array(
        [one in {"TOOLKIT", "TREATMENT_REQUIREMENT"} for one in arms.types]
    ) | arms.of_family("accommodation")
    online = (units.uniform("online", width=n_arm) < 0.08)[None].repeat(len(starts), 0)
    host = _hosts(units=units, arms=arms, available=available)
    venue, online, waiting = (np.take_along_axis(each, host, axis=2) for each in (venue, online, waiting))
    apart = _women_only(arms) & (_evenly(units, "planted apart", n_arm, place) < _planted_apart(world))
    further = ((place[:, None] + 1) * VENUES_PER_PDU + number) % n_venues
    venue = np.where(apart[None], further[None], venue)
    form = np.where(online | remote[:, None, None], 2, np.where(one_to_one, 1, 0)[None, None, :])
    waiting = np.where(available, waiting, NO_PLACE_WAIT)
    minutes = np.where(form == 2, 0.0, np.take_along_axis(travel[None], venue, axis=2))
    return Provision(
        quarter_start=starts,
        available=available,
        waiting_weeks=waiting,
        minutes=minutes,
        form=form,
        venue=venue,
        remote=remote,
        travel=travel,
        women_only=_women_only(arms)[None].repeat(n_pdu, 0),
        women_in_group=np.round(10 * np.clip(0.12 + 0.1 * units.normal("women", width=n_arm), 0, 0.5)),
        next_start=starts[:, None, None]
        + (units.uniform("next start", width=n_arm) * 42).astype(np.int64)[None],
    )


def _planted_apart(world: WorldSettings) -> float:
    """The share of units whose women-only provision lies in the next unit, because the world plants it."""
    return max((one.size for one in world.planted_of("TRAVEL") if "FEMALE" in one.groups), default=0.0)


def _evenly(units: Draws, stream: str, width: int, strata: Floats | Ints) -> Floats:
    """Uniform draws, unit by arm, that fill the unit interval evenly over the units of each stratum.

    So a rare thing, such as a venue far away, is equally rare for every arm.
    """
    u, within = units.uniform(stream, width=width), units.uniform(f"{stream} within", width=width)
    for stratum in np.unique(strata):
        at = np.flatnonzero(strata == stratum)
        within[at] = (u[at].argsort(axis=0).argsort(axis=0) + within[at]) / len(at)
    return within


def _women_only(arms: Arms) -> Bools:
    return np.array(["women" in one for one in arms.ids])


def _hosts(*, units: Draws, arms: Arms, available: Bools) -> Ints:
    """Whose venue and wait does each arm use, by quarter and unit? Its own; women-only provision uses a host's.

    Women are mostly referred to one or two services. If these had venues of their own, chance alone would
    make travel differ by sex in every world. So each shares the venue and wait of something that the unit
    offers to everybody, another every quarter. Travel and waits then differ by sex only if a world plants it
    (docs/decisions/0306).
    """
    women = _women_only(arms)
    weight = np.where(women | arms.custodial_only, 0.0, np.exp(arms.popularity))
    until = np.cumsum(weight * available, axis=2)
    own = np.arange(len(arms))
    host = np.broadcast_to(own, available.shape).copy()
    for quarter in range(len(host)):
        drawn = units.uniform("host", quarter, width=len(arms)) * until[quarter, :, -1:]
        for arm in own[women]:
            found = (until[quarter] <= drawn[:, [arm]]).sum(axis=1)
            host[quarter, :, arm] = np.where(until[quarter, :, -1] > 0, found, arm)
    return host


def _travel(world: WorldSettings, units: Draws) -> Floats:
    """Minutes from each unit to each venue of its region; the first unit of a region is the remote one."""
    n_venues = world.pdus_per_region * VENUES_PER_PDU
    own = np.arange(len(units)) % world.pdus_per_region
    apart = np.abs(own[:, None] - (np.arange(n_venues) // VENUES_PER_PDU)[None, :])
    base = 16 + 20 * units.uniform("travel", width=n_venues) + 22 * np.minimum(apart, 3)
    return np.asarray(np.round(base + 24.0 * (own == 0)[:, None]), dtype=np.float64)


def venue_names(world: WorldSettings) -> list[str]:
    """Names of venues, region by region."""
    return [f"{unit}-V{number}" for unit in pdu_codes(world) for number in range(1, VENUES_PER_PDU + 1)]


def venues_used(
    *, provision: Provision, world: WorldSettings, quarter: Ints, pdu: Ints, arm: Ints
) -> pl.Series:
    """The name of the venue that each unit uses for an arm in a quarter."""
    first = pdu // world.pdus_per_region * world.pdus_per_region * VENUES_PER_PDU  # of the unit's region
    return pl.Series(venue_names(world)).gather(pl.Series(first + provision.venue[quarter, pdu, arm]))


def directory_frame(*, provision: Provision, world: WorldSettings, arms: Arms) -> pl.DataFrame:
    """The table `directory`: a row for each intervention, unit and quarter on offer, then what only prisons deliver."""
    return pl.concat(
        [
            _outside(provision=provision, world=world, arms=arms),
            _inside(provision=provision, world=world, arms=arms),
        ]
    )


def _inside(*, provision: Provision, world: WorldSettings, arms: Arms) -> pl.DataFrame:
    """What only prisons deliver: a row for each region and quarter, without a delivery unit."""
    starts = provision.quarter_start
    until = np.append(starts[1:], starts[-1] + 92)
    shape = (len(starts), len(REGIONS), int(arms.custodial_only.sum()))
    quarter, region, which = (index.ravel() for index in np.indices(shape))
    arm = np.flatnonzero(arms.custodial_only)[which]
    unit = region * world.pdus_per_region  # the draws of the region's first unit stand for its prisons
    return pl.DataFrame(
        {
            "intervention_id": pl.Series(arms.ids).gather(pl.Series(arm)),
            "region": pl.Series(REGIONS).gather(pl.Series(region)),
            "pdu": pl.Series([None] * len(arm), dtype=pl.String),
            "venue": pl.Series([f"{one}-HMP" for one in REGIONS]).gather(pl.Series(region)),
            "format": pl.Series(["GROUP"] * len(arm)),
            "women_only": np.zeros(len(arm), dtype=np.bool_),
            "women_in_group": pl.Series([None] * len(arm), dtype=pl.Float64),  # prisons hold one sex
            "next_start_on": provision.next_start[quarter, unit, arm],
            "sessions_per_week": arms.per_week[arm].astype(np.float64),
            "weekly_places": np.round(2 + 10 * arms.provision[arm]),
            "waiting_weeks": np.full(len(arm), CUSTODY_WAIT),
            "valid_from": starts[quarter],
            "valid_to": until[quarter],
        }
    )


def _outside(*, provision: Provision, world: WorldSettings, arms: Arms) -> pl.DataFrame:
    quarter, pdu, arm = np.nonzero(provision.available)
    region = pdu // world.pdus_per_region
    starts = provision.quarter_start
    until = np.append(starts[1:], starts[-1] + 92)
    return pl.DataFrame(
        {
            "intervention_id": pl.Series(arms.ids).gather(pl.Series(arm)),
            "region": pl.Series(REGIONS).gather(pl.Series(region)),
            "pdu": pl.Series(pdu_codes(world)).gather(pl.Series(pdu)),
            "venue": venues_used(provision=provision, world=world, quarter=quarter, pdu=pdu, arm=arm),
            "format": pl.Series(FORMATS).gather(pl.Series(provision.form[quarter, pdu, arm])),
            "women_only": provision.women_only[pdu, arm],
            "women_in_group": provision.women_in_group[pdu, arm],
            "next_start_on": provision.next_start[quarter, pdu, arm],
            "sessions_per_week": arms.per_week[arm].astype(np.float64),
            "weekly_places": np.round(2 + 10 * arms.provision[arm]),
            "waiting_weeks": provision.waiting_weeks[quarter, pdu, arm],
            "valid_from": starts[quarter],
            "valid_to": until[quarter],
        }
    )


def travel_frame(*, provision: Provision, world: WorldSettings) -> pl.DataFrame:
    """The table `travel`: each unit to each venue of its region."""
    names, codes = venue_names(world), pdu_codes(world)
    each = provision.travel.shape[1]
    rows = [
        (code, names[pdu // world.pdus_per_region * each + venue], float(provision.travel[pdu, venue]))
        for pdu, code in enumerate(codes)
        for venue in range(each)
    ]
    return pl.DataFrame(
        rows, schema={"pdu": pl.String, "venue": pl.String, "minutes": pl.Float64}, orient="row"
    )
