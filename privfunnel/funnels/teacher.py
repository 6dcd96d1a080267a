"""What columns say about S and the task: the inputs of an encoder that keeps a task.

A good release depends on a person only through p(S, task | x). Predictors of both are fitted first,
on other people than those they speak of (a person's own fold never taught them): an encoder
trained on scores that have seen the answers would hold the budget there and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from privfunnel.entropy import FloatArray
from privfunnel.estimators.attackers import folds
from privfunnel.funnels.encoding import Encoding
from privfunnel.funnels.forest import Forest, loss
from privfunnel.variables import Codes, Variable

# Folds of few people, and of more than so many.
_FOLDS_OF_FEW, _FOLDS_OF_MANY, _MANY = 6, 3, 3000
# Strength of the linear model: the one the people of validation like best.
_PENALTIES = (0.01, 0.1, 1.0)
_VALIDATION = 0.2
# More levels than this are not told apart: the rare ones count as one.
_MOST_LEVELS = 12


@final
@dataclass(frozen=True)
class Predictor:
    """A linear model of encoded columns and a forest on top of it: scores (n, k)."""

    encoding: Encoding
    weights: FloatArray
    forest: Forest

    @classmethod
    def fit(cls, x: Variable, target: FloatArray, discrete: bool, rng: np.random.Generator) -> Self:
        """Fit on people x (n, d), target (n, k)."""
        validation = rng.random(len(x)) < _VALIDATION
        validation[rng.choice(len(x), 2, replace=False)] = (True, False)
        encoding = Encoding.fit(x.take(np.flatnonzero(~validation)))
        inputs = np.hstack([encoding.apply(x.values), np.ones((len(x), 1))])
        weights, penalty = _linear(inputs, target, validation, discrete)
        forest = Forest.fit(x, target, inputs @ weights, validation, discrete=discrete, rng=rng)
        # What was chosen on some people is fitted to all of them.
        return cls(encoding, _line(inputs, target, penalty, discrete), forest)

    def apply(self, values: FloatArray) -> FloatArray:
        """Scores (n, k) of people (n, d)."""
        linear = self.encoding.apply(values) @ self.weights[:-1] + self.weights[-1]
        return np.asarray(linear + self.forest.apply(values))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a model file."""
        return {
            "encoding": self.encoding.to_dict(),
            "weights": self.weights.tolist(),
            "forest": self.forest.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The predictor that `to_dict` wrote."""
        return cls(
            Encoding.from_dict(content["encoding"]),
            np.asarray(content["weights"], dtype=np.float64),
            Forest.from_dict(content["forest"]),
        )


@final
@dataclass(frozen=True)
class Teacher:
    """Scores of S and of the task, from one predictor each per fold."""

    predictors: tuple[tuple[Predictor, ...], ...]

    @classmethod
    def fit(
        cls, x: Variable, answers: tuple[Variable, ...], fit: Codes, rng: np.random.Generator
    ) -> tuple[Self, FloatArray]:
        """Learn from the people of training; also their own scores, each from other folds."""
        side = x.take(fit)
        made, scores = [], []
        n_folds = _FOLDS_OF_MANY if len(fit) > _MANY else _FOLDS_OF_FEW
        for answer in answers:
            target, discrete = _target(answer.take(fit))
            strata = target.argmax(axis=1) + (target[:, 0] > 0)
            fold = folds(strata, n_folds, rng)
            said = np.empty(target.shape)
            predictors = []
            for f in range(n_folds):
                rows = np.flatnonzero(fold != f)
                one = Predictor.fit(side.take(rows), target[rows], discrete, rng)
                own = np.flatnonzero(fold == f)
                said[own] = one.apply(side.values[own])
                predictors.append(one)
            made.append(tuple(predictors))
            scores.append(said)
        return cls(tuple(made)), np.hstack(scores)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of scores of each answer."""
        return tuple(side[0].weights.shape[1] for side in self.predictors)

    def apply(self, values: FloatArray) -> FloatArray:
        """Scores (n, width) of new people: the mean of all folds."""
        return np.hstack(
            [np.mean([p.apply(values) for p in side], axis=0) for side in self.predictors]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a model file."""
        return {"predictors": [[p.to_dict() for p in side] for side in self.predictors]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The teacher that `to_dict` wrote."""
        return cls(
            tuple(tuple(Predictor.from_dict(p) for p in side) for side in content["predictors"])
        )


def _target(answer: Variable) -> tuple[FloatArray, bool]:
    """Indicators of levels (one column for two), or standardised numbers, (n, k)."""
    if answer.kind != "discrete":
        scores = Encoding.fit(answer).apply(answer.values)
        return scores, False
    codes, counts = np.unique(answer.codes, return_inverse=True, return_counts=True)[1:]
    if len(counts) == 2:
        return (codes == 1).astype(np.float64)[:, None], True
    rank = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
    kept = np.minimum(rank, _MOST_LEVELS - 1)[codes]
    return np.eye(int(kept.max()) + 1)[kept], True


def _linear(
    inputs: FloatArray, target: FloatArray, validation: Any, discrete: bool
) -> tuple[FloatArray, float]:
    """Weights (d + 1, k) and penalty of the linear model that validation likes best."""
    best: tuple[float, FloatArray, float] | None = None
    for penalty in _PENALTIES:
        made = _line(inputs[~validation], target[~validation], penalty, discrete)
        surprise = loss(inputs[validation] @ made, target[validation], discrete)
        if best is None or surprise < best[0]:
            best = surprise, made, penalty
    assert best is not None
    return best[1], best[2]


def _line(inputs: FloatArray, target: FloatArray, penalty: float, discrete: bool) -> FloatArray:
    return (_logistic if discrete else _ridge)(inputs, target, penalty)


def _ridge(inputs: FloatArray, target: FloatArray, penalty: float) -> FloatArray:
    d = inputs.shape[1]
    weights = np.diag([1.0 / penalty] * (d - 1) + [1e-9])
    return np.asarray(np.linalg.solve(inputs.T @ inputs + weights, inputs.T @ target))


def _logistic(inputs: FloatArray, target: FloatArray, penalty: float) -> FloatArray:
    from sklearn.linear_model import LogisticRegression

    d, k = inputs.shape[1], target.shape[1]
    codes = target[:, 0] if k == 1 else target.argmax(axis=1)
    present = np.unique(codes).astype(np.int64)
    weights = np.zeros((d, k))
    if len(present) < 2:
        return weights
    model = LogisticRegression(C=penalty, max_iter=100).fit(inputs[:, :-1], codes)
    if k == 1:
        weights[:-1, 0], weights[-1, 0] = model.coef_[0], model.intercept_[0]
    elif len(present) == 2:
        weights[:-1, present[1]], weights[-1, present[1]] = model.coef_[0], model.intercept_[0]
    else:
        weights[:-1, present], weights[-1, present] = model.coef_.T, model.intercept_
    return weights
