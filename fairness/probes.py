"""Does the bundle itself stay blind? Flip, leakage and proxy tests, through the code that serves.

* **Flip**: change only the recorded characteristics of some people and score them again. Every score,
  flag and reason must be the same.
* **Leakage**: take away every record that was not yet known on a past day, or add further ones, and
  score that day again. Flags and suggestions must be the same.
* **Proxy**: how well do the features that score give a characteristic away, which do most, and how
  much does each move the scores? Proxies are not forbidden, but the report shows them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from catalogue import load
from fairness.characteristics import APART, Characteristic
from fairness.evidence import Grid, GridRows, Test
from fairness.narrowing import of_people
from features.contract import TABLES
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.inflight.from_histories import flag_all, open_at
from scoring.inflight.landmarks import LABELS
from scoring.national import suggest_all

PEOPLE, LEAKAGE_PEOPLE = 200, 150
PROXY_ROWS = 20_000
"""Open referrals among which proxies are looked for, evenly spread: an AUC is then sure to a hundredth."""
PERSONAL, MARK = ("crn", "referral_id", "assessment_id"), "~"
"""What says whose a row is; in a copy of the records each begins with the copy's number."""
KEPT = frozenset({"crn", "event_number", "referral_id", "assessment_id", "known_on"})
"""What a later row has in common with the one it is made from: whose it is."""
FLIPPED: Mapping[str, pl.Expr] = {
    "ethnicity": pl.col("ethnicity").replace_strict(
        {"WHITE_BRITISH": "BLACK_CARIBBEAN"}, default="WHITE_BRITISH"
    ),
    "religion": pl.col("religion").replace_strict({"NO_RELIGION": "MUSLIM"}, default="NO_RELIGION"),
    "disability": ~pl.col("disability").fill_null(value=False),
    "sexual_orientation": pl.col("sexual_orientation").replace_strict(
        {"HETEROSEXUAL": "BISEXUAL"}, default="HETEROSEXUAL"
    ),
    "gender_differs_from_sex": ~pl.col("gender_differs_from_sex").fill_null(value=False),
    "marital_status": pl.col("marital_status").replace_strict({"SINGLE": "MARRIED"}, default="SINGLE"),
    "pregnancy_or_maternity": ~pl.col("pregnancy_or_maternity").fill_null(value=False),
    "nationality_group": pl.col("nationality_group").replace_strict({"BRITISH": "OTHER"}, default="BRITISH"),
}
"""Changes each characteristic into another value."""
RULED: Mapping[str, pl.Expr] = {
    "sex": pl.col("sex").replace_strict({"MALE": "FEMALE", "FEMALE": "MALE"}, default=None),
    "date_of_birth": pl.when(pl.col("date_of_birth") < date(1985, 1, 1))
    .then(pl.col("date_of_birth").dt.offset_by("20y"))
    .otherwise(pl.col("date_of_birth").dt.offset_by("-25y")),
}
"""The same for what rules of eligibility may read: sex, and the age, made decades younger or older."""


def sample(histories: Histories, *, people: int = PEOPLE, days: Sequence[date] = ()) -> Histories:
    """Some people with all their records, chosen by a hash of the crn; those with an open referral first."""
    crns = histories.crns()
    open_now: set[str] = set()
    for day in days:
        open_now.update(open_at(histories, day)["referral_id"].to_list())
    owners = histories.table("referrals").select("crn", "referral_id").collect()
    first = set(owners.filter(pl.col("referral_id").is_in(sorted(open_now)))["crn"].to_list())
    chosen = sorted(crns, key=lambda crn: (crn not in first, hashlib.sha256(crn.encode()).digest()))[:people]
    return of_people(histories, chosen)


def changed(histories: Histories, **tables: pl.LazyFrame) -> Histories:
    """The same histories with some tables replaced."""
    return Histories.of({name: tables.get(name, histories.table(name)) for name in TABLES})


Changes = Mapping[str, Mapping[str, pl.Expr]]
"""What each copy of the records says otherwise: by table, by column."""


def copies(histories: Histories, changes: Sequence[Changes]) -> Histories:
    """The records as they are, and one copy for each change, with separate people in each: answered in one pass.

    A pass has a fixed cost that is larger than that of a few hundred people. Copy 0 is the records as they are.
    """
    tables = {}
    for name, table in TABLES.items():
        frame = histories.collect(name)
        keys = [key for key in PERSONAL if key in table.names]
        if keys:
            frame = pl.concat(
                frame.with_columns(**change.get(name, {})).with_columns(
                    pl.concat_str(pl.lit(f"{number}{MARK}"), key).alias(key) for key in keys
                )
                for number, change in enumerate([{}, *changes])
            )
        tables[name] = frame
    return Histories.of(tables)


def of_copy(answers: pl.DataFrame, number: int) -> pl.DataFrame:
    """The answers about one copy, under the people's own names; order as it was."""
    keys = [key for key in PERSONAL if key in answers.columns]
    mine = answers.filter(pl.col(keys[0]).str.starts_with(f"{number}{MARK}"))
    return mine.with_columns(pl.col(key).str.strip_prefix(f"{number}{MARK}") for key in keys)


def flip(histories: Histories, bundle: Bundle, *, as_of: date) -> list[Test]:
    """Score some people, change only one recorded characteristic, and score them again."""
    changes: dict[str, Changes] = {name: {"protected": {name: each}} for name, each in FLIPPED.items()}
    changes |= {name: {"people": {name: each}} for name, each in RULED.items()}
    answers = flag_all(copies(histories, list(changes.values())), bundle=bundle, as_of=as_of)
    before = of_copy(answers, 0)
    return [
        _flip_test(name, before, of_copy(answers, number)) for number, name in enumerate(changes, start=1)
    ]


def flip_suggestions(histories: Histories, bundle: Bundle, *, as_of: date) -> list[Test]:
    """Suggest for some people, change every protected record at once, then sex, then age, and suggest again.

    Sex and age stay rules of eligibility, and sex of place (services for women, never the only woman in a
    group), so with them the chances, effects and support of what is possible both times are compared;
    with the rest, every column of every row.
    """
    changes: list[Changes] = [
        {"protected": FLIPPED},
        *({"people": {name: each}} for name, each in RULED.items()),
    ]
    answers = _suggested(copies(histories, changes), bundle, as_of=as_of)
    before, after = of_copy(answers, 0), of_copy(answers, 1)
    same = before.equals(after)
    verdict = "nothing changed" if same else f"{_rows_that_differ(before, after):,} answers changed"
    tests = [
        Test(
            name="flip:suggestions",
            holds=same,
            sentence=f"Changing every protected record at once: of {len(before):,} answers on interventions, {verdict}.",
        )
    ]
    tests.extend(
        _ruled_test(name, before, of_copy(answers, number)) for number, name in enumerate(RULED, start=2)
    )
    return tests


def _suggested(histories: Histories, bundle: Bundle, *, as_of: date) -> pl.DataFrame:
    return suggest_all(histories, bundle=bundle, catalogue=load(), as_of=as_of)


def _ruled_test(name: str, before: pl.DataFrame, after: pl.DataFrame) -> Test:
    """Did any score move, of interventions that are possible (not ruled out) both times?"""
    numbers = ["p_commence", "p_complete", "effect", "effect_lower", "effect_upper", "support"]
    possible = pl.col("eligibility") != "NOT_ELIGIBLE"
    both = before.filter(possible).join(
        after.filter(possible), on=["crn", "intervention_id"], suffix="_again"
    )
    moved = both.filter(
        ~pl.all_horizontal(pl.col(each).eq_missing(pl.col(f"{each}_again")) for each in numbers)
    )
    words = "no chance, effect or support changed" if moved.is_empty() else f"{len(moved):,} changed"
    return Test(
        name=f"flip:suggestions:{name}",
        holds=moved.is_empty(),
        sentence=f"Changing only {name.replace('_', ' ')}: of {len(both):,} interventions possible both times, {words}.",
    )


def _flip_test(name: str, before: pl.DataFrame, after: pl.DataFrame) -> Test:
    same = before.equals(after)
    words = name.replace("_", " ")
    differing = 0 if same else _rows_that_differ(before, after)
    verdict = (
        "no score, flag, band or reason changed"
        if same
        else f"{differing:,} of {len(before):,} flags changed"
    )
    return Test(
        name=f"flip:{name}",
        holds=same,
        sentence=f"Changing only {words}: {verdict} ({len(before):,} open referrals).",
    )


def _rows_that_differ(before: pl.DataFrame, after: pl.DataFrame) -> int:
    if before.columns != after.columns or len(before) != len(after):
        return len(before)
    matching = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_again")) for name in before.columns)
    both = pl.concat([before, after.rename(lambda name: f"{name}_again")], how="horizontal")
    return len(both.filter(~matching))


def leakage(histories: Histories, bundle: Bundle, *, on: date) -> list[Test]:
    """Score a past day with all records, with only those known by then, and with further later ones.

    First the flags of open referrals, then the suggestions for some of the people.
    """
    some = sample(histories, people=LEAKAGE_PEOPLE, days=[on])
    return [
        _leakage_test(
            "leakage",
            [flag_all(each, bundle=bundle, as_of=on) for each in _by_what_is_known(histories, on)],
            "open referrals",
        ),
        _leakage_test(
            "leakage:suggestions",
            [_suggested(each, bundle, as_of=on) for each in _by_what_is_known(some, on)],
            "answers on interventions",
        ),
    ]


def _leakage_test(name: str, answers: Sequence[pl.DataFrame], counted: str) -> Test:
    whole, *others = answers
    differing = max(0 if whole.equals(each) else max(1, _rows_that_differ(whole, each)) for each in others)
    verdict = f"{differing:,} answers differ" if differing else "the answers are the same"
    return Test(
        name=name,
        holds=differing == 0,
        sentence=f"Scoring an earlier day with and without what became known later: {verdict} ({len(whole):,} {counted}).",
    )


def _by_what_is_known(histories: Histories, on: date) -> tuple[Histories, Histories, Histories]:
    """All records; those known before the day; and those with the same number again that become known on the day itself.

    A later row is a known one with all it says exchanged for what another row says: a correction where
    the key is the same, a further record where it is not.
    """
    known = {
        name: histories.table(name).filter(pl.col("known_on") < on).collect()
        for name, table in TABLES.items()
        if table.dated
    }
    more = {
        name: pl.concat(
            [
                frame,
                frame.with_columns(
                    *(pl.col(each).reverse() for each in frame.columns if each not in KEPT), known_on=pl.lit(on)
                ),
            ]
        ).lazy()
        for name, frame in known.items()
    }  # fmt: skip
    then = changed(histories, **{name: frame.lazy() for name, frame in known.items()})
    return histories, then, changed(histories, **more)


def proxies(
    frame: pl.DataFrame, features: Sequence[str], characteristics: Sequence[Characteristic], bundle: Bundle
) -> Grid:
    """How well do the scored features predict each characteristic, and which do it most?

    `frame` holds one row an open referral with the features and the groups. AUC of telling a
    characteristic's comparison group from the rest, out of fold; 0.5 is a coin.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    frame = frame.gather_every(-(-len(frame) // PROXY_ROWS))
    matrix = design(frame, features)
    rows: GridRows = []
    weight = _influence(frame, bundle)
    for each in characteristics:
        kept = ~frame[each.name].is_in(list(APART)).fill_null(value=True)
        kept &= frame[each.name].is_not_null()
        mask = kept.to_numpy()
        target = (frame[each.name].fill_null("") != each.reference).to_numpy()[mask]
        if min(target.sum(), (~target).sum()) < 50:
            rows.append([each.title, _about(mask.sum()), None, "too few to test", None])
            continue
        X = matrix[mask]
        predicted = np.zeros(len(target))
        for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(X, target):
            model = HistGradientBoostingClassifier(max_iter=25, max_leaf_nodes=8, random_state=0)
            predicted[test] = model.fit(X[train], target[train]).predict_proba(X[test])[:, 1]
        single = [(_auc(X[:, place], target), name) for place, name in enumerate(features)]
        strength, top = max(single)
        rows.append(
            [
                each.title,
                _about(mask.sum()),
                round(float(roc_auc_score(target, predicted)), 3),
                f"{LABELS.get(top, top)} ({strength:.2f} alone)",
                None if top not in weight else round(weight[top], 3),
            ]
        )
    columns = [
        "Characteristic", "Open referrals (about)", "All scored features together (0.5 is a coin)",
        "Strongest single feature", "How much that feature moves the score (log-odds, on average)",
    ]  # fmt: skip
    return Grid(
        name="proxies",
        title="How well scored features give a characteristic away",
        columns=columns,
        rows=rows,
    )


def _about(number: int) -> int:
    """To the nearest ten: that of two characteristics gives those who are not recorded by subtraction."""
    return int(round(float(number), -1))


def _auc(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], target: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(np.nan_to_num(values, nan=-1e9))
    positives = int(target.sum())
    area = (ranks[target].sum() - positives * (positives + 1) / 2) / (positives * (len(target) - positives))
    return float(max(area, 1 - area))


def design(frame: pl.DataFrame, features: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Features as numbers: codes as ranks, missing as missing."""
    columns = []
    for name in features:
        series = frame[name]
        if series.dtype == pl.String or series.dtype in (pl.Categorical, pl.Enum):
            series = series.cast(pl.String).rank("dense")
        columns.append(series.cast(pl.Float64).to_numpy())
    return np.column_stack(columns) if columns else np.zeros((len(frame), 0))


def _influence(frame: pl.DataFrame, bundle: Bundle) -> dict[str, float]:
    """Mean absolute contribution of each feature's own term to the in-flight score."""
    head = bundle.inflight
    rows = frame.select(head.feature_names).head(500).to_dicts()
    totals: dict[str, float] = {}
    for row in rows:
        for term, value in head.explain(row).items():
            totals[term] = totals.get(term, 0.0) + abs(value) / len(rows)
    return totals
