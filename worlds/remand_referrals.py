"""Who is referred to a service while on remand, before the first sentence of their history?

Such a referral comes before any decision point, so it is nobody's arm. It ends with the sentence at the
latest, and does not change needs.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from catalogue.fields import SETTINGS
from features.contract import SENTENCE_TYPES
from worlds import delivery
from worlds.columns import codes, numbered
from worlds.draws import Ints, whole
from worlds.interventions import Arms
from worlds.needs import ACCOMMODATION, FINANCE, over_threshold
from worlds.people import strictness
from worlds.provision import PROVIDERS
from worlds.referral_records import Referred
from worlds.sentencing import CUSTODIAL
from worlds.settings import WorldSettings
from worlds.state import NEVER, State, WrittenTables
from worlds.true_chances import COMPLETED

STEP = 900  # keeps the draws of a referral on remand apart from those of the arms
REFERRED = 0.45  # share of people on remand with such a need who are referred; assumption
WAIT = 1.0  # weeks; assumption
_PRE_SENTENCE = SENTENCE_TYPES.index("PRE_SENTENCE")
# Tried in this order: the need, and the service that it leads to.
_SERVICES = (
    (ACCOMMODATION, "accommodation-services-crs"),
    (FINANCE, "finance-benefit-and-debt-services-crs"),
)


def remanded_on(state: State) -> Ints:
    """The day each person was remanded, NEVER for those who were not."""
    held = (state.recent_sentences.kind == _PRE_SENTENCE) & (state.disposal == CUSTODIAL)[:, None]
    return whole(np.where(held, state.recent_sentences.starts, NEVER).min(axis=1))


def refer_on_remand(*, state: State, arms: Arms, world: WorldSettings, written: WrittenTables) -> None:
    """Make and carry out the referrals of people on remand, and remember what ended and was completed."""
    since = remanded_on(state)
    people, need = state.people, over_threshold(state.needs)
    arm = np.full(len(people), -1, dtype=np.int64)
    for section, service in _SERVICES:
        if service in arms.ids:
            arm = np.where((arm < 0) & need[:, section], arms.ids.index(service), arm)
    draws = people.draws
    referred = since + draws.days("referred on remand", 4, 20)
    made = np.flatnonzero((since < NEVER) & (arm >= 0) & draws.chance("on remand", REFERRED))
    if not len(made):
        return
    arm, crn = arm[made], people.crn.gather(pl.Series(made))
    local, until = draws.take(made), state.sentenced[made]
    start = delivery.start_days(referred[made], np.full(len(made), WAIT))
    ended = delivery.deliver(
        referred=Referred(
            referral_id=numbered("R{}M", crn),
            crn=crn,
            draws=local,
            decided=referred[made] - 1,
            referred=referred[made],
            arm=arm,
            event=np.ones(len(made), dtype=np.int64),  # the first of the history
            setting=np.full(len(made), SETTINGS.index("REMAND"), dtype=np.int64),
            custody=np.ones(len(made), dtype=np.bool_),
            ordered=np.zeros(len(made), dtype=np.bool_),
            licence=np.zeros(len(made), dtype=np.bool_),
            wait=np.full(len(made), WAIT),
            available=np.ones(len(made), dtype=np.bool_),
            remote=np.zeros(len(made), dtype=np.bool_),
            form=np.ones(len(made), dtype=np.int64),
            venue=codes((), np.full(len(made), -1)),
            provider=codes(PROVIDERS, np.ones(len(made), dtype=np.int64)),
            commence=np.full(len(made), 0.75),
            eta=2.4 + 0.5 * people.engagement[made],
            strictness=strictness(people, made),
            fits=start + 7 * arms.weeks[arm] <= until,
            until=until,
        ),
        arms=arms,
        path=delivery.drift(local, STEP),
        world=world,
        step=STEP,
        written=written,
    )
    state.open_arm[made] = arm
    state.open_known_until[made] = ended.known
    done = ended.outcome == COMPLETED
    state.note_completed(made[done], arm[done], ended.known[done])
