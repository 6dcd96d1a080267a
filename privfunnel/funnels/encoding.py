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


@final
@dataclass(frozen=True)
class Inputs:
    """What an encoder sees: columns of X, S too if it may, and the units Z is given back in.

    Attributes
    ----------
    of_x, of_s : how each side is encoded; `of_s` is None for an encoder that must not see S.
    scale : mean and standard deviation of each column of X, for a release in the units of X.
    """

    of_x: Encoding
    of_s: Encoding | None
    scale: tuple[FloatArray, FloatArray] | None

    @classmethod
    def fit(cls, x: Variable, s: Variable | None, utility: str) -> Self:
        """Learn from the people of training."""
        scale = None
        if utility == "distortion":
            spread = x.values.std(axis=0)
            scale = x.values.mean(axis=0), np.where(spread > 0, spread, 1.0)
        return cls(Encoding.fit(x), None if s is None else Encoding.fit(s), scale)

    @property
    def width(self) -> int:
        """Number of inputs."""
        extra = 0 if self.scale is None else len(self.scale[0])
        return self.of_x.width + (0 if self.of_s is None else self.of_s.width) + extra

    def of_variables(self, x: Variable, s: Variable | None) -> FloatArray:
        """Inputs (n, width)."""
        parts = [self.of_x.apply(x.values)]
        if self.of_s is not None and s is not None:
            if len(s) != len(x):
                raise ValueError(f"X has {len(x)} rows, S has {len(s)}")
            parts.append(self.of_s.apply(s.values))
        if self.scale is not None:
            parts.append(self.standard(x.values))
        return np.hstack(parts)

    def standard(self, values: FloatArray) -> FloatArray:
        """X (n, d) with mean 0 and variance 1 on the people of training."""
        assert self.scale is not None
        return np.asarray((values - self.scale[0]) / self.scale[1])

    def original(self, z: FloatArray) -> FloatArray:
        """Z (n, k) in the units of X, if it has any."""
        return z if self.scale is None else np.asarray(z * self.scale[1] + self.scale[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a model file."""
        return {
            "of_x": self.of_x.to_dict(),
            "of_s": None if self.of_s is None else self.of_s.to_dict(),
            "scale": None if self.scale is None else [a.tolist() for a in self.scale],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The inputs that `to_dict` wrote."""
        of_s, scale = content["of_s"], content["scale"]
        return cls(
            Encoding.from_dict(content["of_x"]),
            None if of_s is None else Encoding.from_dict(of_s),
            None if scale is None else (np.asarray(scale[0]), np.asarray(scale[1])),
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
