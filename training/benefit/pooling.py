"""How far may each effect stand apart from the others? Partial pooling, estimated from the data.

Effects theta[j, a] (function j of the modifiers, arm a; j = 0 is the arm's average effect) are a
common part, a part for each family it belongs to (a kind of intervention, say, and a family
within it) and the arm's own part, each normal with a variance of its own for
every modifier. The variances are found by maximising the marginal likelihood (the Fellner-Schall
fixed point: Wood and Fasiolo 2017, Biometrics 73), so that individual effects shrink to their
arm's average, arms to their family's and families to the common effect exactly as far as the
data are thin; where nothing differs, the variances go to zero and no difference is claimed.

In addition every arm has one more coefficient, pooled in the same way, for the people who have a need it is
meant for (`met`), so that "it helps where there is the need" is learned over all arms; and arms' averages,
and these coefficients, may depend on a fact about each arm (`practice`), with one coefficient for all arms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.linalg

from training.frames import Floats, Ints

ITERATIONS: Final = 16
FLOOR: Final = 1e-7
"""Smallest variance of an arm's own part, in units of the outcome's variance."""
COMMON_AVERAGE: Final = 1.0
"""Variance of the common average effect, in the same units: in practice unpooled."""
FIRST_GUESS: Final = 0.02
"""First guess of an average effect's spread, in standard deviations of the outcome: for a chance of three in
ten about one point, as published effects of programmes differ (odds ratios around 0.9)."""
MEANT_GUESS: Final = 0.5
"""The guess of the spread of what having the need adds, against that of the averages."""
MODIFIER_GUESSES: Final = (0.05, 0.5)
"""The same of a modifier's: very little, or much. The likelihood is flat near zero and has a top on either
side, so both are climbed and the higher one is taken."""
PSEUDO: Final = 1.0
"""How many pseudo-observations hold a modifier's variance near that of all modifiers."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sufficient statistics of the residual-on-residual regression.

    The index is j * arms + a, then what practice tells; j runs over the functions, then comes what having the
    need adds, if there are needs.
    """

    gram: Floats
    cross: Floats
    square: float
    weight: float

    def minus(self, other: "Moments") -> "Moments":
        """Those of the rows that are not in `other`."""
        return Moments(
            gram=self.gram - other.gram,
            cross=self.cross - other.cross,
            square=self.square - other.square,
            weight=self.weight - other.weight,
        )


def total(parts: Sequence[Moments]) -> Moments:
    """Moments of all rows from those of the parts."""
    return Moments(
        gram=np.sum([p.gram for p in parts], axis=0),
        cross=np.sum([p.cross for p in parts], axis=0),
        square=sum(p.square for p in parts),
        weight=sum(p.weight for p in parts),
    )


def moments(
    *,
    residual: Floats,
    openness: Floats,
    design: Floats,
    met: npt.NDArray[np.float32] | None,
    practice: Floats | None,
    weight: Floats,
    chunk: int = 4096,
) -> Moments:
    """Sum the moments of rows: `openness` [rows, arms] is taken minus propensity, `design` [rows, functions].

    `met` [rows, arms] tells who has a need of an arm (None: no arm has any), `practice` [arms] is a fact
    about each arm (None: none is known). Rows are walked in chunks, in single precision, and summed in
    double.
    """
    arms, functions = openness.shape[1], design.shape[1]
    columns = functions * arms
    first = columns + (met is not None) * arms
    size = first + (practice is not None) * (1 + (met is not None))
    gram, cross = np.zeros((size, size)), np.zeros(size)
    for start in range(0, len(residual), chunk):
        rows = slice(start, start + chunk)
        product = np.empty((len(residual[rows]), size), dtype=np.float32)
        product[:, :columns] = (design[rows, :, None] * openness[rows, None, :]).reshape(-1, columns)
        if met is not None:
            product[:, columns:first] = met[rows] * openness[rows]
        if practice is not None:
            product[:, first] = product[:, :arms] @ practice
            if met is not None:
                product[:, first + 1] = product[:, columns:first] @ practice
        weighted = product * np.sqrt(weight[rows]).astype(np.float32)[:, None]
        gram += weighted.T @ weighted
        cross += product.T @ (weight[rows] * residual[rows]).astype(np.float32)
    square = float((weight * residual**2).sum())
    return Moments(gram=gram, cross=cross, square=square, weight=float(weight.sum()))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Variances of the common part, the levels of families and the own part, one a block, and of the matches.

    Block 0 is the averages, then come the modifiers and, if there are needs, what they add; `families` go
    from the widest level to the narrowest.
    """

    common: Floats
    families: tuple[Floats, ...]
    own: Floats
    match: float


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The posterior: `flat` and `covariance` are indexed as the moments are.

    `evidence` is the log of the marginal likelihood, up to a constant. An arm's coefficients are those of the
    functions and, with `has_needs`, last what having the need adds; what `practice` tells is part of both.
    """

    flat: Floats
    covariance: Floats
    arms: int
    functions: int
    has_needs: bool
    practice: Floats | None
    spread: Spread
    noise: float
    evidence: float

    @cached_property
    def mean(self) -> Floats:
        """The effects' coefficients [functions (and the need's), arms]."""
        return np.column_stack([self._to(arm) @ self.flat[self._rows(arm)] for arm in range(self.arms)])

    def arm_covariance(self, arm: int) -> Floats:
        """Covariance of one arm's coefficients."""
        rows, to = self._rows(arm), self._to(arm)
        return np.asarray(to @ self.covariance[np.ix_(rows, rows)] @ to.T)

    def effect(self, design: Floats, met: npt.NDArray[np.float32] | None) -> Floats:
        """The effects of rows [rows, arms], from their functions and the needs they have."""
        out = design @ self.mean[: self.functions]
        return np.asarray(out if met is None else out + met * self.mean[self.functions])

    def mean_of(self, weights: Floats) -> tuple[float, float]:
        """Value and standard deviation of the sum of all arms' coefficients times `weights` (shaped as `mean`)."""
        along = np.zeros(len(self.flat))
        for arm in range(self.arms):
            along[self._rows(arm)] += self._to(arm).T @ weights[:, arm]
        variance = float(along @ self.covariance @ along)
        return float(along @ self.flat), max(variance, 0.0) ** 0.5

    def _rows(self, arm: int) -> Ints:
        """Which of `flat` make up one arm's coefficients."""
        own = self.functions + self.has_needs
        return np.concatenate(
            [np.arange(own) * self.arms + arm, np.arange(own * self.arms, len(self.flat))]
        ).astype(np.int64)

    def _to(self, arm: int) -> Floats:
        """How they do."""
        own = self.functions + self.has_needs
        out = np.eye(own, own + len(self.flat) - own * self.arms)
        if self.practice is not None:
            out[0, own] = self.practice[arm]
            if self.has_needs:
                out[own - 1, own + 1] = self.practice[arm]
        return out


def pool(
    data: Moments,
    *,
    blocks: Ints,
    families: Sequence[Ints],
    has_needs: bool,
    practice: Floats | None,
    scale: float,
    inflation: float,
    spread: Spread | None = None,
    noise: float | None = None,
) -> Pooled:
    """Estimate the effects, and how far they are pooled unless `spread` and `noise` are given.

    `blocks` is the block of each function (0 for the average, then 1… a modifier), `families` hold for each
    level, from wide to narrow, the family of each arm [arms], `scale` the outcome's variance, `inflation` by
    how much persons with several rows and uneven weights make the noise larger than it looks.
    """
    functions = len(blocks)
    blocks = np.append(blocks, blocks.max() + 1) if has_needs else blocks
    layout = _Layout(
        blocks=blocks,
        families=tuple(families),
        has_needs=has_needs,
        matches=0 if practice is None else 1 + has_needs,
        scale=scale,
    )
    if spread is not None and noise is not None:
        flat, covariance, evidence = _posterior(data, layout=layout, spread=spread, noise=noise * inflation)
    else:
        starts = MODIFIER_GUESSES if functions > 1 else MODIFIER_GUESSES[:1]
        found = [_climb(data, layout=layout, inflation=inflation, guess=guess) for guess in starts]
        spread, noise, flat, covariance, evidence = max(found, key=lambda one: one[-1])
    return Pooled(
        flat=flat,
        covariance=covariance,
        arms=layout.arms,
        functions=functions,
        has_needs=has_needs,
        practice=practice,
        spread=spread,
        noise=noise,
        evidence=evidence,
    )


def _climb(
    data: Moments, *, layout: "_Layout", inflation: float, guess: float
) -> tuple[Spread, float, Floats, Floats, float]:
    """The variances, the noise and the posterior that one first guess of modifiers' parts leads to, and its evidence."""
    spread = layout.first_guess(guess)
    noise = data.square / data.weight
    for _ in range(ITERATIONS):
        flat, covariance, _ = _posterior(data, layout=layout, spread=spread, noise=noise * inflation)
        spread = _update(layout, spread=spread, flat=flat, covariance=covariance)
        misfit = data.square - 2 * data.cross @ flat + flat @ data.gram @ flat
        noise = float((misfit + np.vdot(data.gram, covariance)) / data.weight)
    flat, covariance, evidence = _posterior(data, layout=layout, spread=spread, noise=noise * inflation)
    return spread, noise, flat, covariance, evidence


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """What belongs together, and which parts can be told apart at all."""

    blocks: Ints
    families: tuple[Ints, ...]
    has_needs: bool
    matches: int
    scale: float

    @property
    def arms(self) -> int:
        return len(self.families[0])

    @cached_property
    def levels(self) -> tuple[Floats, ...]:
        """Membership [arms, families] of 0 and 1 at each level that can be told from the others.

        Families differ from arms and from the whole only when there are several, and some are shared.
        """
        found = [np.eye(int(level.max()) + 1)[level] for level in self.families]
        return tuple(level for level in found if 1 < level.shape[1] < self.arms)

    @property
    def has_own(self) -> bool:
        """One arm alone has nothing to stand apart from."""
        return self.arms > 1

    def first_guess(self, of_modifiers: float) -> Spread:
        count = int(self.blocks.max()) + 1
        guess = np.full(count, self.scale * FIRST_GUESS**2)
        guess[1:] *= of_modifiers**2
        if self.has_needs:
            guess[-1] = self.scale * (FIRST_GUESS * MEANT_GUESS) ** 2
        common = guess.copy()
        common[0] = self.scale * COMMON_AVERAGE
        own = guess if self.has_own else np.full(count, self.scale * FLOOR)
        families = tuple(guess / 2 for _ in self.levels)
        return Spread(common=common, families=families, own=own, match=float(guess[0]))

    def prior(self, spread: Spread, block: int) -> Floats:
        """Covariance between arms [arms, arms] of a function of this block."""
        own = max(spread.own[block], self.scale * FLOOR)
        covariance = spread.common[block] + own * np.eye(self.arms)
        for level, variance in zip(self.levels, spread.families, strict=True):
            covariance += variance[block] * (level @ level.T)
        return np.asarray(covariance)


def _posterior(
    data: Moments, *, layout: _Layout, spread: Spread, noise: float
) -> tuple[Floats, Floats, float]:
    """Mean and covariance of all coefficients, and the log of the marginal likelihood (up to a constant)."""
    k = layout.arms
    precision = data.gram / noise
    known = layout.matches * np.log(1 / spread.match)
    for block in range(int(layout.blocks.max()) + 1):
        inverse = np.linalg.inv(layout.prior(spread, block))
        known += int((layout.blocks == block).sum()) * np.linalg.slogdet(inverse)[1]
        for j in np.flatnonzero(layout.blocks == block):
            precision[j * k : (j + 1) * k, j * k : (j + 1) * k] += inverse
    for m in range(len(data.cross) - layout.matches, len(data.cross)):
        precision[m, m] += 1 / spread.match
    factor, _ = scipy.linalg.lapack.dpotrf(precision, lower=1, overwrite_a=0)
    covariance, _ = scipy.linalg.lapack.dpotri(factor, lower=1)
    covariance = np.tril(covariance) + np.tril(covariance, -1).T
    mean = covariance @ data.cross / noise
    fit = (data.square - data.cross @ mean) / noise + data.weight * np.log(noise)
    evidence = 0.5 * float(known - 2 * np.log(np.diag(factor)).sum() - fit)
    return np.asarray(mean), np.asarray(covariance), evidence


def _update(layout: _Layout, *, spread: Spread, flat: Floats, covariance: Floats) -> Spread:
    """One Fellner-Schall step of every variance; each modifier's is held near that of them all."""
    count, k = int(layout.blocks.max()) + 1, layout.arms
    end = len(layout.blocks) * k
    mean = flat[:end].reshape(-1, k)
    parts = [np.ones((k, 1)), np.eye(k), *layout.levels]
    pull = [np.zeros((count, 2)) for _ in parts]
    for block in range(count):
        inverse = np.linalg.inv(layout.prior(spread, block))
        for j in np.flatnonzero(layout.blocks == block):
            here = slice(j * k, (j + 1) * k)
            left = inverse - inverse @ covariance[here, here] @ inverse
            for found, part in zip(pull, parts, strict=True):
                score = part.T @ inverse @ mean[j]
                found[block] += score @ score, np.einsum("ai,ab,bi->", part, left, part)
    guess = layout.scale * FIRST_GUESS**2
    needs = guess * MEANT_GUESS**2 if layout.has_needs else None
    own = spread.own
    if layout.has_own:
        own = np.maximum(_step(own, pull[1], average=guess, needs=needs), layout.scale * FLOOR)
    return Spread(
        common=_step(spread.common, pull[0], average=None, needs=needs),
        families=tuple(
            _step(variance, found, average=guess, needs=needs)
            for variance, found in zip(spread.families, pull[2:], strict=True)
        ),
        own=own,
        match=_match(spread.match, flat[end:], np.diag(covariance)[end:], guess=guess),
    )


def _match(variance: float, mean: Floats, spread: Floats, *, guess: float) -> float:
    """The same step for the matches' common variance."""
    if not len(mean):
        return variance
    above = float(mean @ mean) / variance**2 + PSEUDO * guess / variance**2
    below = max(float((1 / variance - spread / variance**2).sum()), 0.0) + PSEUDO / variance
    return variance * float(np.clip(above / below, 0.05, 20.0))


def _step(variance: Floats, pull: Floats, *, average: float | None, needs: float | None) -> Floats:
    """Variance * (evidence for / evidence against), with pseudo-observations in both.

    A modifier's variance is held near the mean of all modifiers', that of the average effects near the guess
    `average`, that of what having the need adds (the last, if there is any) near `needs`, so that two or
    three arms do not look alike by chance; with None the average's variance stays as it is.
    """
    held = np.maximum(variance, 1e-12)
    modifiers = held[1:] if needs is None else held[1:-1]
    centre = np.full(len(variance), modifiers.mean() if len(modifiers) else 0.0)
    centre[0] = average or 0.0
    if needs is not None:
        centre[-1] = needs
    above = pull[:, 0] + PSEUDO * centre / held**2
    below = np.maximum(pull[:, 1], 0.0) + PSEUDO / held
    stepped = variance * np.clip(above / below, 0.05, 20.0)
    if average is None:
        stepped[0] = variance[0]
    return np.asarray(stepped)


def design_effect(
    *, residual: Floats, openness: Floats, weight: Floats, groups: npt.NDArray[np.int64]
) -> float:
    """By how much the noise of an average effect exceeds that of independent, equally weighted rows.

    The ratio of the sandwich variance clustered by person to the plain one, over all arms; never
    below one, so that a lucky sample does not narrow any interval.
    """
    people = int(groups.max()) + 1
    noise = float((weight * residual**2).sum() / weight.sum())
    clustered = plain = 0.0
    for arm in range(openness.shape[1]):
        sums = np.bincount(groups, weights=weight * residual * openness[:, arm], minlength=people)
        clustered += float((sums**2).sum())
        plain += noise * float((weight * openness[:, arm] ** 2).sum())
    return max(1.0, clustered / plain)
