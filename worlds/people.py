"""Who are the people? Latent traits, characteristics, where they live, and their criminal record so far.

Traits are standard normal unless a comment says otherwise. `engagement` and `risk` are latent: no table holds
them. All that happens later follows from them and from what is done.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.contract import REGIONS
from worlds.columns import blank
from worlds.draws import Bools, Draws, Floats, Ints, whole
from worlds.protected_characteristics import ETHNICITIES, MINORITIES
from worlds.settings import PlantedDisparity, WorldSettings

# Outstanding unpaid-work hours by region, November 2023 (parliamentary answer by E. Argar),
# in the order of the region codes: North East, North West, Yorkshire and the Humber, Wales, West Midlands,
# East Midlands, South West, South Central, East of England, London, Kent Surrey Sussex, Greater Manchester.
REGION_WEIGHTS = (
    182048,
    340021,
    456228,
    155132,
    370286,
    271848,
    280126,
    301545,
    446167,
    630995,
    272131,
    272324,
)
LONDON = REGIONS.index("J")
WOMEN = 0.10  # HMI Probation evidence base
CASELOAD = 40  # people a practitioner; assumption
TEAM_SIZE = 6  # practitioners a team; assumption


@dataclass(slots=True)
class People:
    """One row a person. Days are days since 1970-01-01."""

    number: Ints
    draws: Draws
    crn: pl.Series
    male: Bools
    born: Ints
    region: Ints
    pdu: Ints
    practitioner: Ints
    team: Ints
    ethnicity: Ints
    engagement: Floats
    risk: Floats
    needy: Floats
    entry: Ints
    first_age: Ints
    previous: Ints
    violent_previous: Ints
    psychiatric: Bools
    learning: Bools
    interpreter: Bools
    reads: Bools
    enforcement_factor: Floats
    offer_penalty: Floats
    recording_penalty: Floats

    def __len__(self) -> int:
        return len(self.number)


def crns(numbers: Ints) -> pl.Series:
    """Case reference numbers of synthetic people: Z, Y, X … and six digits.

    The first million are Z numbers. They stand for nobody.
    """
    letters = pl.Series(
        "letter", [chr(ord("Z") - int(block)) for block in range(int(numbers.max()) // 1_000_000 + 1)]
    )
    frame = pl.DataFrame({"number": numbers})
    return frame.select(
        (
            letters.gather(pl.Series(numbers // 1_000_000))
            + (pl.col("number") % 1_000_000).cast(pl.String).str.zfill(6)
        ).alias("crn")
    ).to_series()


def make_people(*, world: WorldSettings, draws: Draws, numbers: Ints, start: int, end: int) -> People:
    """The people of these numbers, as they are when their first sentence in the history begins."""
    n = len(numbers)
    male = ~draws.chance("sex", WOMEN)
    region = draws.choice("region", REGION_WEIGHTS)
    ethnicity = _ethnicity(world, draws, region)
    risk, needy = draws.normal("risk"), draws.normal("need")
    stock = draws.chance("stock", world.supervised_at_start)
    entry = np.where(
        stock, start - draws.days("entry", 0, 540), start + draws.days("entry", 0, max(end - start - 30, 0))
    )
    age = _age(draws, risk)
    born = entry - np.floor(age * 365.25).astype(np.int64)
    first_age = np.minimum(_first_age(draws, risk), np.floor(age).astype(np.int64))
    previous = _previous(draws, risk, np.floor(age).astype(np.int64) - first_age)
    violent_share = np.clip(0.22 + 0.08 * draws.normal("violent share"), 0.02, 0.7)
    pdu = _pdu(world, draws, region, male, ethnicity)
    weight = (
        np.asarray(REGION_WEIGHTS, dtype=np.float64)[region] / sum(REGION_WEIGHTS) / world.pdus_per_region
    )
    practitioner = np.floor(numbers * weight / CASELOAD).astype(np.int64)
    return People(
        number=numbers,
        draws=draws,
        crn=crns(numbers),
        male=male,
        born=born,
        region=region,
        pdu=pdu,
        practitioner=practitioner,
        team=practitioner // TEAM_SIZE,
        ethnicity=ethnicity,
        engagement=draws.normal("engagement") * 0.95 - 0.3 * risk * 0.95,
        risk=risk,
        needy=0.45 * risk + np.sqrt(1 - 0.45**2) * needy,
        entry=entry,
        first_age=first_age,
        previous=previous,
        violent_previous=np.floor(previous * violent_share + draws.uniform("violent previous"))
        .astype(np.int64)
        .clip(0, previous),
        psychiatric=draws.chance("psychiatric", 0.16),
        learning=draws.chance("learning", 0.12),
        interpreter=draws.chance("interpreter", np.where(ethnicity > 0, 0.12, 0.002)),
        reads=~draws.chance("reading", np.where(ethnicity > 0, 0.09, 0.05)),
        enforcement_factor=_factor(
            world.planted_of("ENFORCEMENT"), male, ethnicity, np.ones(n), multiply=True
        ),
        offer_penalty=_factor(world.planted_of("OFFER"), male, ethnicity, np.zeros(n), multiply=False),
        recording_penalty=_factor(
            world.planted_of("RECORDING"), male, ethnicity, np.zeros(n), multiply=False
        ),
    )


def _in_groups(planted: PlantedDisparity, male: Bools, ethnicity: Ints) -> Bools:
    if planted.characteristic == "sex":
        return np.isin(np.where(male, "MALE", "FEMALE"), planted.groups)
    return np.isin(ethnicity, [i for i, code in enumerate(ETHNICITIES) if code in planted.groups])


def _factor(
    planted: tuple[PlantedDisparity, ...], male: Bools, ethnicity: Ints, base: Floats, *, multiply: bool
) -> Floats:
    for one in planted:
        member = _in_groups(one, male, ethnicity)
        base = np.where(member, base * one.size if multiply else base + one.size, base)
    return base


def _ethnicity(world: WorldSettings, draws: Draws, region: Ints) -> Ints:
    minority = draws.chance(
        "minority", np.where(region == LONDON, world.minority_london, world.minority_elsewhere)
    )
    which = draws.choice("ethnicity", list(MINORITIES.values()))
    return np.where(minority, 1 + which, 0)


def _age(draws: Draws, risk: Floats) -> Floats:
    """Age at entry, 18 to 80, with a median of about 34: an assumption, for no ages of the caseload are published."""
    return np.clip(18.0 + np.exp(2.68 + 0.68 * draws.normal("age") - 0.08 * risk), 18.0, 80.0)


def _first_age(draws: Draws, risk: Floats) -> Ints:
    return whole(np.clip(10 + np.exp(2.15 + 0.65 * draws.normal("first age") - 0.42 * risk), 10, 75))


def _previous(draws: Draws, risk: Floats, years: Ints) -> Ints:
    """Sanctions before the current one: they grow with risk and with years since the first."""
    expected = np.exp(0.25 + 0.85 * risk + 0.55 * draws.normal("previous")) * np.sqrt(1.0 + years)
    return whole(np.where(years == 0, np.minimum(expected / 3, 2), np.clip(expected, 0, 90)))


def _pdu(world: WorldSettings, draws: Draws, region: Ints, male: Bools, ethnicity: Ints) -> Ints:
    """The unit within the region; unit 0 is the one furthest from services, where TRAVEL places a group."""
    within = draws.days("pdu", 0, world.pdus_per_region - 1)
    for one in world.planted_of("TRAVEL"):
        moved = _in_groups(one, male, ethnicity) & draws.chance("planted travel", one.size)
        within = np.where(moved, 0, within)
    return region * world.pdus_per_region + within


def strictness(people: People, rows: Ints) -> Ints:
    """How strictly does each person's team enforce? An index: 0 lenient, 1 usual, 2 strict."""
    team = people.pdu[rows] * 10_000 + people.team[rows]
    return Draws(seed=people.draws.seed, people=team).choice("strictness", (0.3, 0.45, 0.25))


def pdu_codes(world: WorldSettings) -> list[str]:
    """Codes of the delivery units, region by region."""
    return [f"{region}{unit:02d}" for region in REGIONS for unit in range(1, world.pdus_per_region + 1)]


def people_frame(people: People, world: WorldSettings) -> pl.DataFrame:
    """The table `people`."""
    codes = pl.Series(pdu_codes(world)).gather(pl.Series(people.pdu))
    draws = people.draws
    limited = draws.chance("limited access", 0.004)
    frame = pl.DataFrame(
        {
            "crn": people.crn,
            "date_of_birth": people.born,
            "male": people.male,
            "region": pl.Series(REGIONS).gather(pl.Series(people.region)),
            "pdu": codes,
            "practitioner_number": people.practitioner,
            "team_number": people.team,
            "needs_interpreter": people.interpreter,
            "reads_simple_sentences": blank(people.reads, draws.chance("reading missing", 0.04)),
            "limited": limited,
            "known_on": people.entry + draws.days("person known", 0, 3),
        }
    )
    none = pl.lit([], dtype=pl.List(pl.String))
    someone = pl.concat_list(pl.format("user-{}", pl.col("practitioner_number") % 7 + 1))
    return frame.with_columns(
        sex=pl.when("male").then(pl.lit("MALE")).otherwise(pl.lit("FEMALE")),
        practitioner=pl.format("{}-P{}", "pdu", pl.col("practitioner_number").cast(pl.String).str.zfill(4)),
        team=pl.format("{}-T{}", "pdu", pl.col("team_number").cast(pl.String).str.zfill(3)),
        excluded_users=pl.when("limited").then(someone).otherwise(none),
        restricted_to_users=none,
    )
