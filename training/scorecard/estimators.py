"""Scorecards: boosted trees under a pair constraint, turned into tables without loss.

The model is the sum of its tables: its explanation is the model, not an estimate of it. The method, and
what it costs in accuracy, are in ``docs/scorecard.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from scoring.scorecard import Factor, Scorecard, ScorecardError, Term
from scoring.scorecard.calibration import sigmoid
from training.scorecard.boosting import BoostingSettings, Objective
from training.scorecard.cells import Division, divide, weigh
from training.scorecard.columns import ColumnValues, read_columns, refuse_numbers
from training.scorecard.fitting import Problem, fit_tables
from training.scorecard.page import to_html
from training.scorecard.points import PointsCard, to_points
from training.scorecard.rows import records
from training.scorecard.sql import Dialect, to_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

ANY = "*"
"""In a banned pair: every other column."""
FEW_ROWS = 3_000
"""Training rows below which ``random_cuts`` are drawn without being asked for."""
LEAF_ROWS, FINE_LEAF_ROWS = 20, 3
"""The fewest rows of a leaf where nothing is asked for; the second where a number is predicted with drawn cuts."""
LEAST_GAIN = 1e-4
"""The least gain that counts where nothing is asked for and a yes or no is predicted."""
MIN_HELD_OUT = 2
"""Rows of the rarer class (or rows in all) that each fold must be able to hold."""


class _Scorecard(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor share.

    Args:
        max_pairs: the most pairs of features that may interact; 0 for none. Pairs are kept only if they
            gain on held-out rows.
        monotone: feature name to +1 (the score may only rise with it) or -1 (only fall), or one number for
            each column, 0 for free.
        banned: names of columns that must not be used, and pairs of names that must not interact;
            ``(name, "*")`` keeps a column out of every pair. A name that is not a column is banned already.
        random_state: decides how rows are dealt to folds. The same data and state give the same model.
        categorical: names of columns to be read as categories though they hold numbers.
        bags: how many folds, each held out once to stop and judge the fit on the others; the fits are
            averaged into one set of tables.
        learning_rate: how much of each tree is added.
        factor_share: the share of factors that a tree of single factors may choose between, drawn again for
            each tree. Less than all keeps the strongest factor from taking every tree, as taking turns would.
        max_rounds: the most trees in each fit.
        early_stopping: whether to stop a fit where its held-out fold stops gaining. Without it,
            one fit of ``max_rounds`` trees is made on all rows, and pairs are kept as screened.
        early_stopping_rounds: how long to wait for a gain.
        early_stopping_gain: the least gain that counts, as a share of the loss that a stage of trees begins
            with. Where classes can be told apart without error, loss falls slowly for thousands of rounds
            that change nothing. ``auto``: 0.0001, or none where a number is predicted.
        max_leaves: the most leaves of a tree of one factor; a pair's trees have at least three.
        min_leaf_rows: the fewest training rows of a leaf (a tenth of all rows, where that is less). ``auto``:
            20, or 3 where a number is predicted with drawn cuts.
        l2: the ridge on a leaf's value.
        max_bins: the most cells of a feature.
        pair_bins: the most cells of a feature that is in a pair.
        n_jobs: threads.
        random_cuts: whether trees of single factors draw the cuts that they choose between, one a feature.
            Curves become smoother and few rows are overfitted less. ``auto``: with early stopping and fewer
            than 3,000 rows.

    Attributes:
        scorecard_: the fitted ``scoring.scorecard.Scorecard``.
        terms_: its terms with their lookup tables.
        intercept_: the score of the average training row.
        pairs_: the names of the pairs kept.
        held_out_loss_: mean held-out loss of the additive model and of the model with pairs, where judged.
        n_features_in_, feature_names_in_, n_iter_: as scikit-learn has them.
    """

    _objective: Objective
    _link: Literal["logit", "identity"]
    _offset: float

    def __init__(
        self,
        *,
        max_pairs: int = 20,
        monotone: Mapping[str, int] | Sequence[int] | None = None,
        banned: Collection[str | tuple[str, str]] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        categorical: Collection[str] | None = None,
        bags: int = 5,
        learning_rate: float = 0.1,
        max_rounds: int = 2000,
        early_stopping: bool = True,
        early_stopping_rounds: int = 50,
        max_leaves: int = 2,
        min_leaf_rows: int | Literal["auto"] = "auto",
        l2: float = 1.0,
        max_bins: int = 250,
        pair_bins: int = 64,
        n_jobs: int = 2,
        random_cuts: bool | Literal["auto"] = "auto",
        early_stopping_gain: float | Literal["auto"] = "auto",
        factor_share: float = 0.3,
    ) -> None:
        self.max_pairs = max_pairs
        self.monotone = monotone
        self.banned = banned
        self.random_state = random_state
        self.categorical = categorical
        self.bags = bags
        self.learning_rate = learning_rate
        self.max_rounds = max_rounds
        self.early_stopping = early_stopping
        self.early_stopping_rounds = early_stopping_rounds
        self.max_leaves = max_leaves
        self.min_leaf_rows = min_leaf_rows
        self.l2 = l2
        self.max_bins = max_bins
        self.pair_bins = pair_bins
        self.n_jobs = n_jobs
        self.random_cuts = random_cuts
        self.early_stopping_gain = early_stopping_gain
        self.factor_share = factor_share

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    # ---- asking

    @property
    def terms_(self) -> tuple[Term, ...]:
        """The fitted terms, each with its lookup table."""
        return self._card().terms

    @property
    def intercept_(self) -> float:
        """The raw score of the average training row."""
        return self._card().intercept

    def explain(self, X: object) -> pd.DataFrame:
        """Answer: what does each term add to each row's raw score?

        Returns:
            A frame of one column a term; each row's sum plus ``intercept_`` is its raw score.
        """
        import pandas as pd

        card = self._card()
        table = self._read(X)
        return pd.DataFrame(
            card.explain_many(table), columns=list(card.term_names), index=getattr(X, "index", None)
        )

    def to_json(self, path: str | Path) -> None:
        """Write the scorecard to a file; ``from_json`` and ``scoring.scorecard`` read it without loss."""
        self._card().to_json(path)

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """Make an estimator from a written scorecard: it predicts and explains as the one that wrote it.

        Raises:
            ScorecardError: when the file is not a scorecard, or one of the other kind (classifier, regressor).
        """
        card = Scorecard.from_json(Path(path))
        if card.link != cls._link:
            raise ScorecardError(
                f"The scorecard has the link {card.link!r} and cannot be read as a {cls.__name__}."
            )
        estimator = cls()
        estimator._adopt(card)
        return estimator

    def to_sql(self, *, dialect: Dialect = "duckdb", probability: bool = False) -> str:
        """Answer: which SQL expression over the feature columns gives the score? See ``training.scorecard.sql``."""
        return to_sql(self._card(), dialect=dialect, probability=probability)

    def to_points(self, *, points_to_double: float = 20.0) -> PointsCard:
        """Answer: how does the scorecard read as whole points? Print what it gives; see ``training.scorecard.points``."""
        return to_points(self._card(), points_to_double=points_to_double)

    def to_html(
        self,
        path: str | Path | None = None,
        *,
        title: str = "Scorecard",
        outcome: str = "the outcome",
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Give the whole model as one page for a reader who is not a specialist, and write it to a file if asked."""
        page = to_html(self._card(), title=title, outcome=outcome, labels=labels)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def raw_score_of_trees(self, X: object) -> Floats:
        """Answer: what raw score does LightGBM itself give these rows? The tables must agree with it.

        Raises:
            ScorecardError: when the estimator was read from JSON, which holds the tables only.
        """
        card = self._card()
        cells = self._cells_of(X)
        if self._ensemble is None:
            return np.full(len(cells), card.intercept)
        return self._offset + self._ensemble.raw(cells)

    def _raw(self, X: object) -> Floats:
        return self._card().score_many(self._read(X))

    def _card(self) -> Scorecard:
        check_is_fitted(self, "scorecard_")
        return self.scorecard_

    def _read(self, X: object) -> dict[str, NDArray[Any]]:
        return {column.name: column.data for column in self._columns(X)}

    def _columns(self, X: object) -> tuple[ColumnValues, ...]:
        """Read rows to be asked about: columns of the kinds that fitting found."""
        card = self._card()
        columns = read_columns(self, X, kinds={feature.name: feature.kind for feature in card.features})
        texts = {
            axis.feature
            for term in card.terms
            for axis in term.axes
            if axis.categories and all(isinstance(category, str) for category in axis.categories)
        }
        for column in columns:
            refuse_numbers(column, texts)
        return columns

    def _cells_of(self, X: object) -> NDArray[np.int16]:
        if not hasattr(self, "_divisions"):
            raise ScorecardError("A scorecard read from JSON has no trees; fit it to compare with them.")
        return _cells(self._columns(X), self._divisions)

    def _adopt(self, card: Scorecard) -> None:
        self.scorecard_ = card
        self.n_features_in_ = len(card.features)
        names = np.array(card.feature_names, dtype=object)
        if list(names) != [f"x{place}" for place in range(len(names))]:
            self.feature_names_in_ = names
        self.pairs_ = tuple(term.features for term in card.terms if len(term.axes) == 2)
        if self._objective == "binary":
            self.classes_ = np.array(card.classes)

    # ---- fitting

    def _fit(
        self, columns: tuple[ColumnValues, ...], target: Floats, weight: Floats, groups: NDArray[Any] | None
    ) -> None:
        names = [column.name for column in columns]
        banned, banned_pairs = self._bans(names)
        divisions = [divide(column, weight, max_bins=self.max_bins) for column in columns]
        cells = _cells(columns, divisions)
        seed, drawn = _seed(self.random_state), self._draws_cuts(weight)
        problem = Problem(
            rows=records(
                cells,
                target,
                weight,
                folds=self._folds(target, weight, groups),
                stratify=self._objective == "binary",
                groups=groups,
                seed=seed,
            ),
            divisions=divisions,
            held=[
                weigh(cells[:, place], weight, size=division.axis.cells)
                for place, division in enumerate(divisions)
            ],
            usable=[place for place, d in enumerate(divisions) if d.varies and place not in banned],
            directions=self._directions(columns),
            banned_pairs=banned_pairs,
            pair_bins=self.pair_bins,
            settings=BoostingSettings(
                objective=self._objective,
                learning_rate=self.learning_rate,
                max_rounds=self.max_rounds,
                early_stopping=self.early_stopping,
                early_stopping_rounds=self.early_stopping_rounds,
                early_stopping_gain=self._least_gain(),
                max_leaves=self.max_leaves,
                factor_share=self.factor_share,
                random_cuts=drawn,
                min_leaf_rows=self._leaf_rows(drawn=drawn),
                l2=self.l2,
                seed=seed,
                n_jobs=self.n_jobs,
            ),
        )
        fitted = fit_tables(problem, max_pairs=self.max_pairs)
        self._divisions, self._ensemble = divisions, fitted.ensemble
        self.held_out_loss_, self.n_iter_ = fitted.losses, fitted.rounds
        classes = self.classes_.tolist() if self._objective == "binary" else ()
        self._adopt(
            Scorecard(
                features=tuple(map(_feature, divisions)),
                terms=fitted.terms,
                intercept=self._offset + fitted.constant,
                link=self._link,
                classes=tuple(classes),
            )
        )

    def _least_gain(self) -> float:
        """The gain that counts as one: as asked, or by itself."""
        if self.early_stopping_gain != "auto":
            return float(self.early_stopping_gain)
        return LEAST_GAIN if self._objective == "binary" else 0.0

    def _leaf_rows(self, *, drawn: bool) -> int:
        """The fewest rows of a leaf: as asked, or by itself."""
        if self.min_leaf_rows != "auto":
            return self.min_leaf_rows
        return FINE_LEAF_ROWS if drawn and self._objective == "regression" else LEAF_ROWS

    def _check_settings(self) -> None:
        """Refuse settings that cannot be meant, naming each."""
        least: dict[str, float] = {
            "max_pairs": 0,
            "bags": 1,
            "max_rounds": 1,
            "early_stopping_rounds": 1,
            "early_stopping_gain": 0,
            "max_leaves": 2,
            "min_leaf_rows": 1,
            "l2": 0,
            "max_bins": 2,
            "pair_bins": 2,
            "n_jobs": 1,
        }
        for name, bound in least.items():
            value = getattr(self, name)
            if value == "auto" and name in {"min_leaf_rows", "early_stopping_gain"}:
                continue
            if name not in {"l2", "early_stopping_gain"} and not isinstance(value, Integral):
                raise ScorecardError(f"The setting {name} of a scorecard must be a whole number.")
            if not value >= bound:
                raise ScorecardError(f"The setting {name} of a scorecard must be at least {bound:g}.")
        if self.random_cuts not in (True, False, "auto"):
            raise ScorecardError("The setting random_cuts of a scorecard must be true, false or 'auto'.")
        if not 0 < self.learning_rate <= 1:
            raise ScorecardError("The setting learning_rate of a scorecard must lie above 0 and not above 1.")
        if not 0 < self.factor_share <= 1:
            raise ScorecardError("The setting factor_share of a scorecard must lie above 0 and not above 1.")
        if self.max_bins > 30_000:
            raise ScorecardError("The setting max_bins of a scorecard must be at most 30000.")

    def _draws_cuts(self, weight: Floats) -> bool:
        """Whether the trees draw cuts: as asked, or by itself where rows are few and a fit may take the trees it needs."""
        if self.random_cuts != "auto":
            return bool(self.random_cuts)
        whole = bool((weight == np.round(weight)).all())
        return self.early_stopping and float(weight.sum() if whole else len(weight)) < FEW_ROWS

    def _folds(self, target: Floats, weight: Floats, groups: NDArray[Any] | None) -> int:
        """How many folds the data can bear: each must hold out a few rows, of both classes."""
        if not self.early_stopping:
            return 1
        whole = bool((weight == np.round(weight)).all())
        count = weight if whole else np.ones_like(weight)
        if self._objective == "binary":
            scarce = min(float(count[target == label].sum()) for label in (0.0, 1.0))
        else:
            scarce = float(count.sum())
        if groups is not None:
            scarce = min(scarce, MIN_HELD_OUT * len(np.unique(groups)))
        bearable = int(scarce // MIN_HELD_OUT)
        # One bag still holds a fold out: two folds are the least that can.
        return min(max(self.bags, 2), bearable) if bearable >= 2 else 1

    def _bans(self, names: Sequence[str]) -> tuple[frozenset[int], frozenset[frozenset[int]]]:
        place = {name: index for index, name in enumerate(names)}
        columns: set[int] = set()
        pairs: set[frozenset[int]] = set()
        if isinstance(self.banned, str):
            raise ScorecardError(
                "The bans of a scorecard are a list of names and pairs; put the name into a list."
            )
        for ban in self.banned or ():
            if isinstance(ban, str):
                columns |= {place[ban]} if ban in place else set()
                continue
            if not isinstance(ban, Collection) or len(ban) != 2 or not all(isinstance(n, str) for n in ban):
                raise ScorecardError("A ban of a scorecard is a column's name or a pair of names.")
            one, two = ban
            firsts = names if one == ANY else [one]
            seconds = names if two == ANY else [two]
            pairs |= {
                frozenset((place[a], place[b]))
                for a in firsts
                for b in seconds
                if a in place and b in place and a != b
            }
        return frozenset(columns), frozenset(pairs)

    def _directions(self, columns: Sequence[ColumnValues]) -> dict[int, int]:
        if self.monotone is None:
            return {}
        place = {column.name: index for index, column in enumerate(columns)}
        if isinstance(self.monotone, Mapping):
            if unknown := sorted(set(self.monotone) - set(place)):
                raise ScorecardError(f"The monotone columns {unknown} are not among the columns of X.")
            given = {place[name]: sign for name, sign in self.monotone.items()}
        else:
            if len(self.monotone) != len(columns):
                raise ScorecardError(
                    "The monotone list of a scorecard must have one number for each column of X."
                )
            given = dict(enumerate(self.monotone))
        for index, sign in given.items():
            if sign not in {-1, 0, 1}:
                raise ScorecardError("A monotone direction of a scorecard is -1, 0 or +1.")
            if sign and columns[index].kind == "category":
                raise ScorecardError(
                    f"The column {columns[index].name!r} is a category: it has no order to be monotone in."
                )
        return {index: int(sign) for index, sign in given.items() if sign}


class ScorecardClassifier(ClassifierMixin, _Scorecard):  # type: ignore[misc]
    """A scorecard for a yes or no: raw scores are log-odds of the second of ``classes_``.

    Parameters and attributes are those of ``_Scorecard``.
    """

    _objective = "binary"
    _link = "logit"
    _offset = 0.0

    def fit(
        self,
        X: object,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit to rows and their outcomes.

        Args:
            X: ``[rows, features]``: a pandas or polars frame, or an array.
            y: ``[rows]``: two distinct outcomes.
            sample_weight: ``[rows]``, not negative. Whole numbers count rows; others weigh them.
            groups: ``[rows]``: rows of one group (a person) are held out together.

        Raises:
            ScorecardError: for settings or columns that cannot be used, and for a single class.
            ValueError: scikit-learn's own, for input of the wrong shape.
        """
        self._check_settings()
        columns = read_columns(self, X, kinds=None, categorical=tuple(self.categorical or ()))
        outcome = _outcome(y)
        check_classification_targets(outcome)
        kind = type_of_target(outcome, input_name="y", raise_unknown=True)
        if kind != "binary" and len(np.unique(outcome)) > 1:
            raise ScorecardError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        columns, outcome, weight, group = _kept(columns, outcome, sample_weight, groups)
        self.classes_ = np.unique(outcome)
        if len(self.classes_) < 2:
            raise ScorecardError("A scorecard needs rows of both classes; y holds one class only.")
        self._fit(columns, (outcome == self.classes_[1]).astype(np.float64), weight, group)
        return self

    def decision_function(self, X: object) -> Floats:
        """Answer: what is each row's raw score, the log-odds of the second class? ``[rows]``."""
        return self._raw(X)

    def predict_proba(self, X: object) -> Floats:
        """Answer: what is the chance of each class? ``[rows, 2]``."""
        chance = sigmoid(self._raw(X))
        return np.stack((1.0 - chance, chance), axis=1)

    def predict(self, X: object) -> NDArray[Any]:
        """Answer: which class is the likelier? ``[rows]``."""
        second = (self._raw(X) > 0).astype(int)
        return np.asarray(self.classes_[second])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class ScorecardRegressor(RegressorMixin, _Scorecard):  # type: ignore[misc]
    """A scorecard for a number: the raw score is the prediction.

    Parameters and attributes are those of ``_Scorecard``.
    """

    _objective = "regression"
    _link = "identity"

    def fit(
        self,
        X: object,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit to rows and their outcomes; arguments and errors as ``ScorecardClassifier.fit``, y numeric."""
        self._check_settings()
        columns = read_columns(self, X, kinds=None, categorical=tuple(self.categorical or ()))
        outcome = check_array(_outcome(y), ensure_2d=False, dtype=np.float64, input_name="y")
        columns, outcome, weight, group = _kept(columns, outcome, sample_weight, groups)
        # The trees see outcomes about their mean, so that 32-bit labels lose nothing that matters.
        self._offset = float(np.average(outcome, weights=weight))
        self._fit(columns, outcome - self._offset, weight, group)
        return self

    def predict(self, X: object) -> Floats:
        """Answer: what is the prediction for each row? ``[rows]``."""
        return self._raw(X)


def _outcome(y: ArrayLike | None) -> NDArray[Any]:
    if y is None:
        raise ValueError("The estimator requires y to be passed, but the target y is None.")
    outcome = np.asarray(column_or_1d(np.asarray(y), warn=True))
    if outcome.dtype.kind == "f" and not np.isfinite(outcome).all():
        what = "NaN" if np.isnan(outcome).any() else "infinity or a value too large"
        raise ScorecardError(f"Input y contains {what}; every row needs an outcome.")
    return outcome


def _kept(
    columns: tuple[ColumnValues, ...],
    outcome: NDArray[Any],
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None,
) -> tuple[tuple[ColumnValues, ...], NDArray[Any], Floats, NDArray[Any] | None]:
    """Check lengths and weights, and leave out rows without weight."""
    size = len(columns[0].data)
    if size != len(outcome):
        check_consistent_length(columns[0].data, outcome)
    if size < 2:
        raise ScorecardError(f"A scorecard cannot be fitted on n_samples={size}; give at least 2 rows.")
    weight = _check_sample_weight(sample_weight, columns[0].data.reshape(-1, 1), dtype=np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ScorecardError("The sample weights of a scorecard must be finite and not negative.")
    group = None if groups is None else column_or_1d(np.asarray(groups))
    check_consistent_length(outcome, group)
    kept = weight > 0
    if not kept.any():
        raise ScorecardError("The sample weights of a scorecard are all zero; no class and no row is left.")
    if kept.all():
        return columns, outcome, weight, group
    columns = tuple(replace(column, data=column.data[kept]) for column in columns)
    return columns, outcome[kept], weight[kept], None if group is None else group[kept]


def _cells(columns: Sequence[ColumnValues], divisions: Sequence[Division]) -> NDArray[np.int16]:
    out = np.empty((len(columns[0].data), len(columns)), dtype=np.int16)
    for place, (column, division) in enumerate(zip(columns, divisions, strict=True)):
        out[:, place] = division.cells_of(column.data)
    return out


def _feature(division: Division) -> Factor:
    return Factor(
        name=division.axis.feature,
        kind=division.axis.kind,
        low=division.low,
        high=division.high,
        missing_seen=division.missing_seen,
        other_seen=division.other_seen,
        usual=division.axis.labels[division.usual],
    )


def _seed(random_state: int | np.random.RandomState | None) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state) % 2**31
    return int(check_random_state(random_state).randint(2**31 - 1))
