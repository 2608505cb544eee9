"""Which protected characteristics are recorded of each person? The table `protected`."""

from __future__ import annotations

import numpy as np
import polars as pl

from worlds.columns import blank
from worlds.draws import Draws, Floats, Ints
from worlds.people import People
from worlds.protected_characteristics import ETHNICITIES, MARITAL, ORIENTATIONS, RELIGIONS
from worlds.settings import WorldSettings


def protected_frame(people: People, world: WorldSettings) -> pl.DataFrame:
    """The table `protected`: each characteristic is recorded, declined or not recorded."""
    draws = people.draws

    def coded(stream: str, weights: dict[str, float], missing: float, declined: float) -> pl.Series:
        values = pl.Series([*weights, "PREFER_NOT_TO_SAY", None], dtype=pl.String)
        chosen = draws.choice(stream, list(weights.values()))
        return values.gather(
            pl.Series(
                _unrecorded(
                    draws=draws,
                    stream=stream,
                    chosen=chosen,
                    codes=len(weights),
                    missing=missing,
                    declined=declined,
                )
            )
        )

    def flag(stream: str, p: Floats | float, missing: float) -> pl.Series:
        return blank(draws.chance(stream, p), draws.chance(f"{stream} missing", missing))

    other = world.protected_missing
    muslim = np.isin(
        people.ethnicity, [ETHNICITIES.index(c) for c in ("ASIAN_PAKISTANI", "ASIAN_BANGLADESHI", "ARAB")]
    )
    religions = pl.Series([*RELIGIONS, "PREFER_NOT_TO_SAY", None], dtype=pl.String)
    religion = np.where(
        muslim & draws.chance("religion by group", 0.9),
        list(RELIGIONS).index("MUSLIM"),
        draws.choice("religion", list(RELIGIONS.values())),
    )
    religion = _unrecorded(
        draws=draws,
        stream="religion",
        chosen=religion,
        codes=len(RELIGIONS),
        missing=world.religion_missing,
        declined=0.03,
    )
    ethnicities = pl.Series([*ETHNICITIES, "PREFER_NOT_TO_SAY", None], dtype=pl.String)
    ethnicity = _unrecorded(
        draws=draws,
        stream="ethnicity",
        chosen=people.ethnicity,
        codes=len(ETHNICITIES),
        missing=world.ethnicity_missing,
        declined=0.01,
    )
    disabled = draws.chance("disability", np.where(people.psychiatric, 0.75, 0.28))
    kinds = ["MENTAL_HEALTH", "LEARNING_DISABILITY", "MOBILITY", "HEARING", "NEURODIVERSITY", "OTHER"]
    first = np.where(people.psychiatric, 0, np.where(people.learning, 1, draws.days("disability type", 2, 5)))
    unknown = draws.chance("disability missing", other * 0.6)
    types = pl.DataFrame({"kind": pl.Series(kinds).gather(pl.Series(first)), "disabled": disabled}).select(
        pl.when("disabled")
        .then(pl.concat_list("kind"))
        .otherwise(pl.lit([], dtype=pl.List(pl.String)))
        .alias("t")
    )["t"]
    foreign = draws.chance("nationality", np.where(people.ethnicity > 0, 0.28, 0.01))
    return pl.DataFrame(
        {
            "crn": people.crn,
            "ethnicity": ethnicities.gather(pl.Series(ethnicity)),
            "religion": religions.gather(pl.Series(religion)),
            "disability": blank(disabled, unknown),
            "disability_types": blank(types, unknown),
            "sexual_orientation": coded("orientation", ORIENTATIONS, other, 0.05),
            "gender_differs_from_sex": flag("gender", 0.006, other),
            "marital_status": coded("marital", MARITAL, other * 0.6, 0.01),
            "pregnancy_or_maternity": flag("pregnancy", np.where(people.male, 0.0, 0.04), other),
            "nationality_group": pl.Series(["BRITISH", "NON_EU", None]).gather(
                pl.Series(
                    np.where(draws.chance("nationality missing", other * 0.4), 2, foreign.astype(np.int64))
                )
            ),
            "care_experienced": flag("care", np.where(people.risk > 0.5, 0.33, 0.18), other),
            "ex_armed_forces": flag("armed forces", np.where(people.male, 0.04, 0.005), other * 0.6),
            "known_on": people.entry + draws.days("protected known", 0, 60),
        }
    )


def _unrecorded(
    *, draws: Draws, stream: str, chosen: Ints, codes: int, missing: float, declined: float
) -> Ints:
    """The chosen indices, some replaced by `codes` (declined) or `codes + 1` (not recorded), with these chances."""
    u = draws.uniform(f"{stream} recorded")
    return np.where(u < missing, codes + 1, np.where(u < missing + declined, codes, chosen))
