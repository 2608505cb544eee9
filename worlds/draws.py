"""Random numbers that belong to a person, so that a smaller world is the first people of a larger one.

A draw is a hash of the seed, a named stream, the person's number and counters. There is no generator with
a state. So the number of people, their order and the size of the chunks change nobody's history.
The hash is the finaliser of SplitMix64 (Steele, Lea and Flood 2014), applied once per counter.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
_Bits: TypeAlias = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


def _mix(bits: _Bits) -> _Bits:
    bits = (bits ^ (bits >> np.uint64(30))) * _MIX_1
    bits = (bits ^ (bits >> np.uint64(27))) * _MIX_2
    return bits ^ (bits >> np.uint64(31))


def stream_key(seed: int, stream: str) -> np.uint64:
    """The 64-bit key of a named stream under a seed."""
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


class Draws:
    """Draws for an array of people (their numbers in the world, one a row; repeats allowed).

    Each method names its stream; the same stream and counters always give a person the same value.
    """

    def __init__(self, *, seed: int, people: npt.ArrayLike) -> None:
        self.seed = seed
        self.people: _Bits = np.asarray(people).astype(np.uint64)

    def __len__(self) -> int:
        return len(self.people)

    def take(self, rows: npt.NDArray[np.int64] | Bools) -> Draws:
        """The draws of some of the rows."""
        return Draws(seed=self.seed, people=self.people[rows])

    def _bits(self, stream: str, counters: tuple[npt.ArrayLike, ...], width: int | None) -> _Bits:
        with np.errstate(over="ignore"):
            bits = _mix((self.people + np.uint64(1)) * _GOLDEN ^ stream_key(self.seed, stream))
            for counter in counters:
                bits = _mix(bits ^ (np.asarray(counter).astype(np.uint64) + np.uint64(1)) * _GOLDEN)
            if width is not None:
                columns = (np.arange(width, dtype=np.uint64) + np.uint64(1)) * _GOLDEN
                bits = _mix(bits[:, None] ^ columns[None, :])
        return bits

    def uniform(self, stream: str, *counters: npt.ArrayLike, width: int | None = None) -> Floats:
        """Uniform on (0, 1): one value a row, or a matrix of `width` columns."""
        return ((self._bits(stream, counters, width) >> np.uint64(11)).astype(np.float64) + 0.5) * _TO_UNIT

    def normal(self, stream: str, *counters: npt.ArrayLike, width: int | None = None) -> Floats:
        """Standard normal (Box-Muller over two hashes)."""
        first = self._bits(stream, counters, width)
        with np.errstate(over="ignore"):
            second = _mix(first ^ _MIX_2)
        u = ((first >> np.uint64(11)).astype(np.float64) + 0.5) * _TO_UNIT
        v = (second >> np.uint64(11)).astype(np.float64) * (2.0 * np.pi * _TO_UNIT)
        return np.asarray(np.sqrt(-2.0 * np.log(u)) * np.cos(v), dtype=np.float64)

    def chance(self, stream: str, p: npt.ArrayLike, *counters: npt.ArrayLike) -> Bools:
        """True with probability `p`."""
        return self.uniform(stream, *counters) < np.asarray(p)

    def days(self, stream: str, low: npt.ArrayLike, high: npt.ArrayLike, *counters: npt.ArrayLike) -> Ints:
        """A whole number of days from `low` to `high`, both included."""
        low_, high_ = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        return np.floor(low_ + self.uniform(stream, *counters) * (high_ - low_ + 1)).astype(np.int64)

    def choice(self, stream: str, weights: npt.ArrayLike, *counters: npt.ArrayLike) -> Ints:
        """An index drawn by `weights`: one row of weights for all, or one row each."""
        cumulative = np.cumsum(np.asarray(weights, dtype=np.float64), axis=-1)
        u = self.uniform(stream, *counters)
        if cumulative.ndim == 1:
            found = np.searchsorted(cumulative, u * cumulative[-1], side="right")
            return whole(np.minimum(found, len(cumulative) - 1))
        return pick(cumulative, u)


def pick(cumulative: Floats, u: Floats) -> Ints:
    """Row-wise: the first index whose cumulative weight exceeds `u` times the row's total."""
    found = (cumulative <= (u * cumulative[:, -1])[:, None]).sum(axis=1)
    return whole(np.minimum(found, cumulative.shape[1] - 1))


def whole(values: npt.ArrayLike) -> Ints:
    """The values rounded down, as integers."""
    return np.floor(values).astype(np.int64)


def sigmoid(x: npt.ArrayLike) -> Floats:
    """The logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(x, dtype=np.float64))), dtype=np.float64)
