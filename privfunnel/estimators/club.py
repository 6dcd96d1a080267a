"""CLUB, a heuristic: how much likelier y is under its own x than under the x of others.

With q(y | x) the fitted law, E_joint[ln q] - E_product[ln q] (Cheng, Hao, Dai, Liu, Gan & Carin
2020) is at least I(x; y) if q is the true conditional law. A q fitted to a sample never is, so the
reading bounds nothing: it may lie on either side of the truth.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators.bounds import MIN_ROWS, FoldReading, Parts, held_out, score, too_few
from privfunnel.estimators.critics import Layers
from privfunnel.estimators.elliptical import ranks
from privfunnel.estimators.folds import Rows, splits
from privfunnel.estimators.training import one_thread
from privfunnel.variables import Variable

CONDITION = "an upper bound only if the fitted law of y given x were the true one: a heuristic"
# Logarithms of standard deviations stay within this, in normal scores.
_MOST = 5.0


def club_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    folds: int = 4,
    steps: int = 400,
    batch: int = 256,
    learning_rate: float = 3e-3,
    width: int = 64,
) -> Estimate:
    """CLUB on people that q never saw; `details["condition"]` says what it would take to bound.

    q(y | x) is a normal law of the normal scores, mean and spread by a network of x.

    Parameters
    ----------
    folds : everyone is read once, by the law fitted to the other folds.
    steps, batch, learning_rate, width : of the training.
    """
    if len(x) < MIN_ROWS:
        return too_few(x, "club")
    readings = []
    for k, parts in enumerate(splits(len(x), folds, rng)):
        first, second = (ndtri(ranks(side.matrix[parts[0]], side.matrix)) for side in (x, y))
        with one_thread():
            law = _fit(first, second, parts, steps, batch, learning_rate, width, rng)
        terms, inside = (_terms(law, parts[part]) for part in (2, 0))
        readings.append(FoldReading(terms, float(inside.mean()), "normal law"))
        if progress:
            progress((k + 1) / folds, f"law of y given x, fold {k + 1} of {folds}")
    result = held_out(
        readings, method="club", confidence=confidence, bound="upper", condition=CONDITION
    )
    # What aims above the truth guarantees nothing below it.
    return dataclasses.replace(result, lower=0.0)


class _Law:
    # A normal law of y given x for every row.
    def __init__(self, y: FloatArray, mean: FloatArray, log_spread: FloatArray) -> None:
        self.y, self.mean, self.precision = y, mean, np.exp(-2 * log_spread)

    def __call__(self, i: Rows, j: Rows) -> FloatArray:
        # ln q(y_j | x_i) up to what depends on i alone, which the difference takes away.
        return np.asarray(-0.5 * ((self.y[j] - self.mean[i]) ** 2 * self.precision[i]).sum(-1))


def _terms(law: _Law, rows: Rows) -> FloatArray:
    # One term per person: own partner less the mean over others', as x and as y.
    scores = score(law, rows)
    as_x = scores.product.mean(axis=0)
    as_y = np.mean(
        [np.roll(row, step) for step, row in zip(scores.shifts, scores.product, strict=True)],
        axis=0,
    )
    return np.asarray(scores.joint - as_x - as_y + scores.product.mean())


def _fit(
    x: FloatArray,
    y: FloatArray,
    parts: Parts,
    steps: int,
    batch: int,
    learning_rate: float,
    width: int,
    rng: np.random.Generator,
) -> _Law:
    # Mean and log spread by maximum likelihood, the weights that suit validation people best.
    train, aside, _ = parts
    d = y.shape[1]
    first, second = (torch.from_numpy(z.astype(np.float32)) for z in (x, y))
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    network = Layers(1, (x.shape[1], width, width, 2 * d), generator, silent=True)
    weights = list(network.parameters())
    optimiser = torch.optim.AdamW(weights, lr=learning_rate)
    best, kept = math.inf, [w.detach().clone() for w in weights]
    for step in range(steps + 1):
        if step % 20 == 0:
            with torch.no_grad():
                loss = float(_loss(network, first[aside], second[aside]))
            if loss < best:
                best, kept = loss, [w.detach().clone() for w in weights]
        rows = rng.choice(train, min(batch, len(train)), replace=False)
        optimiser.zero_grad()
        torch.autograd.backward(_loss(network, first[rows], second[rows]))
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
    with torch.no_grad():
        for weight, kept_weight in zip(weights, kept, strict=True):
            weight.copy_(kept_weight)
        mean, log_spread = (t.numpy().astype(np.float64) for t in _law(network, first))
    return _Law(y, mean, log_spread)


def _law(network: Layers, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_spread = network(x[None])[0].chunk(2, dim=-1)
    return mean, _MOST * torch.tanh(log_spread / _MOST)


def _loss(network: Layers, x: Tensor, y: Tensor) -> Tensor:
    mean, log_spread = _law(network, x)
    loss: Tensor = (0.5 * (y - mean) ** 2 * torch.exp(-2 * log_spread) + log_spread).sum(-1).mean()
    return loss
