"""Columns as inputs of a net: indicators for names, normal scores for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from scipy.special import ndtri

from privfunnel.entropy import FloatArray
from privfunnel.variables import MAX_INDICATORS, Variable

_KNOTS = 64


@final
@dataclass(frozen=True)
class Encoding:
    """One entry per column: the levels of a name, or knots of a number and their scores.

    Fitted on some people and applied to others; numbers outside of the knots are clipped.
    """

    levels: tuple[FloatArray | None, ...]
    knots: tuple[FloatArray | None, ...]
    scores: tuple[FloatArray | None, ...]

    @classmethod
    def fit(cls, side: Variable) -> Self:
        """Learn the levels and quantiles of each column."""
        levels: list[FloatArray | None] = []
        knots: list[FloatArray | None] = []
        scores: list[FloatArray | None] = []
        for column, nominal in zip(side.values.T, side.nominal, strict=True):
            values = np.unique(column)
            if nominal and 2 < len(values) <= MAX_INDICATORS:
                levels.append(values)
                knots.append(None)
                scores.append(None)
                continue
            at, score = normal_scores(column)
            levels.append(None)
            knots.append(at)
            scores.append(score)
        return cls(tuple(levels), tuple(knots), tuple(scores))

    @classmethod
    def of_numbers(cls, columns: FloatArray) -> Self:
        """Scores of columns (n, d) that all hold numbers."""
        made = [normal_scores(column) for column in columns.T]
        return cls((None,) * len(made), tuple(m[0] for m in made), tuple(m[1] for m in made))

    @property
    def width(self) -> int:
        """Number of inputs."""
        return sum(1 if level is None else len(level) for level in self.levels)

    def apply(self, values: FloatArray) -> FloatArray:
        """Inputs (n, width) of columns (n, d)."""
        if values.ndim != 2 or values.shape[1] != len(self.levels):
            raise ValueError(f"need {len(self.levels)} columns, not shape {values.shape}")
        parts = []
        for j, level in enumerate(self.levels):
            column = values[:, j]
            if level is not None:
                parts.append((column[:, None] == level[None, :]).astype(np.float64))
            else:
                at, score = self.knots[j], self.scores[j]
                assert at is not None and score is not None  # noqa: PT018
                parts.append(np.interp(column, at, score)[:, None])
        return np.hstack(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a model file."""
        return {
            name: [None if a is None else a.tolist() for a in getattr(self, name)]
            for name in ("levels", "knots", "scores")
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The encoding that `to_dict` wrote."""
        return cls(
            *(
                tuple(None if a is None else np.asarray(a, dtype=np.float64) for a in content[name])
                for name in ("levels", "knots", "scores")
            )
        )


def normal_scores(column: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Knots and their Gaussian quantiles, scaled to mean 0 and variance 1 on this column."""
    ordered = np.sort(column)
    n = len(ordered)
    at = np.unique(ordered[np.linspace(0, n - 1, min(_KNOTS, n)).astype(np.int64)])
    # Middle of the ranks of equal values.
    low, high = np.searchsorted(ordered, at, "left"), np.searchsorted(ordered, at, "right")
    score = ndtri((low + high) / 2.0 / n * (1 - 1e-6) + 5e-7)
    score = np.clip(score, -3.0, 3.0)
    said = np.interp(column, at, score)
    spread = float(said.std())
    return at, np.asarray((score - said.mean()) / (spread if spread > 0 else 1.0))
