"""Boosted symmetric trees on top of a linear model: what columns say about one target.

A tree asks the same question at every node of a level, so that a person's leaf is a number of
`depth` bits and a forest a few plain arrays, which a model file can hold without pickle. Numpy
only: the trees see columns as few bins, and all columns are counted at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_softmax, softmax

from privfunnel.entropy import FloatArray
from privfunnel.variables import Codes, Variable

MOST_BINS = 64
_DEPTH = 6
_MOST_TREES = 400
_PATIENCE = 12
_RATE = 0.2
# People a leaf's value is shrunk by, in units of their curvature.
_SHRINK = 4.0
_SHARE = 0.7
# Columns a tree may ask about: half of them, within these limits.
_FEWEST, _MOST_SEEN = 12, 64


@final
@dataclass(frozen=True)
class Bins:
    """Columns cut into bins: numbers between edges, names one by one.

    Attributes
    ----------
    edges : for each column the upper edges of all bins but the last, or the known names.
    nominal : which columns hold names; the last bin of those is everything unknown.
    """

    edges: tuple[FloatArray, ...]
    nominal: tuple[bool, ...]

    @classmethod
    def fit(cls, side: Variable) -> Self:
        """Quantile edges of numbers, the most frequent levels of names."""
        edges = []
        for column, nominal in zip(side.values.T, side.nominal, strict=True):
            values, counts = np.unique(column, return_counts=True)
            if nominal:
                edges.append(np.sort(values[np.argsort(-counts, kind="stable")[: MOST_BINS - 1]]))
            elif len(values) <= MOST_BINS:
                edges.append((values[:-1] + values[1:]) / 2)
            else:
                at = np.quantile(column, np.linspace(0, 1, MOST_BINS + 1)[1:-1])
                edges.append(np.unique(at))
        return cls(tuple(edges), side.nominal)

    def apply(self, values: FloatArray) -> Codes:
        """Bins (n, d), each column counted from 0."""
        codes = np.empty(values.shape, dtype=np.int64)
        for j, (edges, nominal) in enumerate(zip(self.edges, self.nominal, strict=True)):
            place = np.searchsorted(edges, values[:, j], side="left")
            if nominal and len(edges):
                known = edges[np.minimum(place, len(edges) - 1)] == values[:, j]
                place = np.where(known, place, len(edges))
            codes[:, j] = place
        return codes


@final
@dataclass(frozen=True)
class Forest:
    """Scores of a target: logits of its levels (one for two levels), or its mean if continuous.

    Attributes
    ----------
    bins : of the columns.
    column, bin : (n_trees, depth) what each level of a tree asks.
    values : (n_trees, 2^depth, k) what each leaf adds.
    """

    bins: Bins
    column: npt.NDArray[np.int64]
    bin: npt.NDArray[np.int64]
    values: FloatArray

    @classmethod
    def fit(
        cls,
        side: Variable,
        target: FloatArray,
        base: FloatArray,
        validation: npt.NDArray[np.bool_],
        *,
        discrete: bool,
        rng: np.random.Generator,
    ) -> Self:
        """Boost from `base` (n, k) until the people of validation gain no more.

        Parameters
        ----------
        target : (n, k) indicators of the levels (one column for two), or standardised numbers.
        """
        bins = Bins.fit(side.take(np.flatnonzero(~validation)))
        codes = bins.apply(side.values)
        grower = _Grower(bins, codes, discrete)
        scores, best, since = base.copy(), loss(base[validation], target[validation], discrete), 0
        trees: list[tuple[Codes, Codes, FloatArray]] = []
        length = 0
        people = np.flatnonzero(~validation)
        for _ in range(_MOST_TREES):
            drawn = people[rng.random(len(people)) < _SHARE]
            if len(drawn) < 2:
                break
            column, at, leaves = grower.grow(drawn, scores, target, rng)
            scores = scores + leaves[_leaf(bins, codes, column, at)]
            trees.append((column, at, leaves))
            now = loss(scores[validation], target[validation], discrete)
            if now < best - 1e-5:
                best, since, length = now, 0, len(trees)
            else:
                since += 1
                if since >= _PATIENCE:
                    break
        k = target.shape[1]
        parts = trees[:length]
        return cls(
            bins,
            np.array([p[0] for p in parts], dtype=np.int64).reshape(-1, _DEPTH),
            np.array([p[1] for p in parts], dtype=np.int64).reshape(-1, _DEPTH),
            np.array([p[2] for p in parts]).reshape(-1, 2**_DEPTH, k),
        )

    def apply(self, values: FloatArray) -> FloatArray:
        """What the trees add to the base, (n, k)."""
        codes = self.bins.apply(values)
        total = np.zeros((len(values), self.values.shape[2]))
        for column, at, leaves in zip(self.column, self.bin, self.values, strict=True):
            total += leaves[_leaf(self.bins, codes, column, at)]
        return total

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a model file."""
        return {
            "edges": [e.tolist() for e in self.bins.edges],
            "nominal": list(self.bins.nominal),
            "column": self.column.tolist(),
            "bin": self.bin.tolist(),
            "values": np.round(self.values, 6).tolist(),
            "k": self.values.shape[2],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The forest that `to_dict` wrote."""
        edges = tuple(np.asarray(e, dtype=np.float64) for e in content["edges"])
        column = np.asarray(content["column"], dtype=np.int64).reshape(-1, _DEPTH)
        at = np.asarray(content["bin"], dtype=np.int64).reshape(-1, _DEPTH)
        values = np.asarray(content["values"], dtype=np.float64)
        values = values.reshape(-1, 2**_DEPTH, content["k"])
        return cls(Bins(edges, tuple(content["nominal"])), column, at, values)


class _Grower:
    """Grows trees on binned columns; all of them are counted at once."""

    def __init__(self, bins: Bins, codes: Codes, discrete: bool) -> None:
        self.bins, self.codes, self.discrete = bins, codes, discrete
        self.sizes = np.array([len(e) + 1 for e in bins.edges])

    def grow(
        self, people: Codes, scores: FloatArray, target: FloatArray, rng: np.random.Generator
    ) -> tuple[Codes, Codes, FloatArray]:
        """Questions (depth,) twice and leaves (2^depth, k) of the next tree."""
        gradient, curvature = _derivatives(scores[people], target[people], self.discrete)
        d = len(self.sizes)
        seen = np.sort(rng.choice(d, min(d, max(_FEWEST, min(_MOST_SEEN, d // 2))), replace=False))
        starts = np.concatenate([[0], np.cumsum(self.sizes[seen])])
        cells = self.codes[np.ix_(people, seen)] + starts[:-1]
        owner = np.repeat(np.arange(len(seen)), self.sizes[seen])
        names = np.array(self.bins.nominal)[seen][owner]
        last = np.zeros(starts[-1], dtype=bool)
        last[starts[1:] - 1] = True
        leaf = np.zeros(len(people), dtype=np.int64)
        column = np.zeros(_DEPTH, dtype=np.int64)
        at = np.zeros(_DEPTH, dtype=np.int64)
        for level in range(_DEPTH):
            where = (leaf[:, None] * starts[-1] + cells).ravel()
            sizes = len(seen), 2**level, int(starts[-1])
            gain = _gains(
                _sums(where, gradient, *sizes),
                _sums(where, curvature, *sizes),
                starts,
                owner,
                names,
            )
            gain[last & ~names] = -np.inf
            best = int(np.argmax(gain))
            column[level] = seen[owner[best]]
            at[level] = best - starts[owner[best]]
            leaf = 2 * leaf + _answer(self.bins, self.codes[people], column[level], at[level])
        leaves = np.empty((2**_DEPTH, target.shape[1]))
        for k in range(target.shape[1]):
            g = np.bincount(leaf, weights=gradient[:, k], minlength=2**_DEPTH)
            h = np.bincount(leaf, weights=curvature[:, k], minlength=2**_DEPTH)
            leaves[:, k] = -_RATE * g / (h + _SHRINK * self._unit)
        return column, at, leaves

    @property
    def _unit(self) -> float:
        # The curvature of one undecided person.
        return 0.25 if self.discrete else 1.0


def _sums(where: Codes, side: FloatArray, d: int, n_leaves: int, n_bins: int) -> FloatArray:
    """Sums (k, n_leaves, n_bins) of a quantity (n, k) over the people of each bin."""
    return np.stack(
        [
            np.bincount(where, weights=np.repeat(one, d), minlength=n_leaves * n_bins).reshape(
                n_leaves, n_bins
            )
            for one in side.T
        ]
    )


def _gains(
    g: FloatArray, h: FloatArray, starts: Codes, owner: Codes, names: npt.NDArray[np.bool_]
) -> FloatArray:
    """What asking "at most this bin" (numbers) or "this bin" (names) is worth, (n_bins,)."""
    first = slice(0, starts[1])
    total_g = g[:, :, first].sum(axis=2, keepdims=True)
    total_h = h[:, :, first].sum(axis=2, keepdims=True)
    sides = []
    for side in (g, h):
        running = np.concatenate([np.zeros((*side.shape[:2], 1)), side.cumsum(axis=2)], axis=2)
        below = running[:, :, 1:] - running[:, :, starts[:-1]][:, :, owner]
        sides.append(np.where(names, side, below))
    left_g, left_h = sides
    unit = _SHRINK * 0.25
    inside = left_g**2 / (left_h + unit)
    outside = (total_g - left_g) ** 2 / (total_h - left_h + unit)
    return np.asarray((inside + outside).sum(axis=(0, 1)))


def _answer(bins: Bins, codes: Codes, column: int, at: int) -> Codes:
    asked = codes[:, column]
    said = asked == at if bins.nominal[column] else asked <= at
    return said.astype(np.int64)


def _leaf(bins: Bins, codes: Codes, column: Codes, at: Codes) -> Codes:
    leaf = np.zeros(len(codes), dtype=np.int64)
    for c, a in zip(column, at, strict=True):
        leaf = 2 * leaf + _answer(bins, codes, int(c), int(a))
    return leaf


def _derivatives(
    scores: FloatArray, target: FloatArray, discrete: bool
) -> tuple[FloatArray, FloatArray]:
    if not discrete:
        return scores - target, np.ones_like(scores)
    p = expit(scores) if scores.shape[1] == 1 else softmax(scores, axis=1)
    return p - target, np.maximum(p * (1.0 - p), 1e-3)


def loss(scores: FloatArray, target: FloatArray, discrete: bool) -> float:
    """Mean surprise at the target [nat], or half the mean squared error of numbers."""
    if not discrete:
        return 0.5 * float(((scores - target) ** 2).mean())
    if scores.shape[1] == 1:
        return float((np.logaddexp(0.0, scores) - target * scores).mean())
    return -float((target * log_softmax(scores, axis=1)).sum(axis=1).mean())
