"""What X says about S, learnt once: chances of each level or group of S given a person's X.

Z sees S through X alone, so p(s|z) is the mean of p(s|x) over who may have been released as z.
Chances in place of the one S that each person happened to have take most of the chance out of a
mixture: an encoder has less to outwit, and an attacker who knows the channel reads more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self, final

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor, nn
from torch.nn import functional

from privfunnel.entropy import FloatArray
from privfunnel.variables import Codes

_VALIDATION = 0.2
_STEPS, _CHECK_EVERY, _PATIENCE = 500, 20, 5
_BATCH = 512
_FEWEST = 50
_PENALTIES = (1e-6, 0.01, 0.1, 1.0, 10.0)
# No level is ever ruled out.
_FLOOR = 1e-6


@final
@dataclass(frozen=True)
class Beliefs:
    """P(group of S | x): a closed form, and what a small net adds to it where that helps.

    Groups in an order start from the Gaussian whose mean is linear in the inputs, names from their
    shares. The net is kept as it was best on people it did not learn from, or not at all.

    Attributes
    ----------
    weights : (d + 1,) of the mean of the normal score of S, the constant last.
    spread : standard deviation of that score.
    edges : (k - 1,) between groups, as normal scores; None where groups have no order.
    shares : (k,) of the groups.
    net : what is added to the logarithms, None for nothing.
    """

    weights: FloatArray
    spread: float
    edges: FloatArray | None
    shares: FloatArray
    net: nn.Module | None

    @classmethod
    def fit(cls, inputs: Tensor, codes: Codes, *, ordered: bool, n_groups: int) -> Self:
        """Learn from people's inputs (n, d) and groups (n,), 0 to n_groups - 1."""
        counts = np.bincount(codes, minlength=n_groups) + 0.5
        shares = counts / counts.sum()
        x = inputs.numpy().astype(np.float64)
        weights, spread, edges = np.zeros(x.shape[1] + 1), 1.0, None
        if ordered and n_groups > 2:
            ends = np.cumsum(shares)
            edges = ndtri(ends[:-1])
            score = ndtri(np.clip(ends - 0.5 * shares, 1e-9, 1 - 1e-9))[codes]
            weights, spread = _straight(x, score)
        start = cls(weights, spread, edges, shares, None)
        return cls(weights, spread, edges, shares, _learn(start, inputs, codes))

    def start(self, inputs: Tensor) -> Tensor:
        """Logarithms of the closed form's chances, (m, k)."""
        if self.edges is None:
            return torch.from_numpy(np.log(self.shares)).float().expand(len(inputs), -1)
        mean = inputs.numpy() @ self.weights[:-1] + self.weights[-1]
        below = ndtr((self.edges[None, :] - mean[:, None]) / self.spread)
        ends = np.hstack([np.zeros((len(mean), 1)), below, np.ones((len(mean), 1))])
        return torch.from_numpy(np.log(np.diff(ends, axis=1) + _FLOOR)).float()

    def chances(self, inputs: Tensor) -> Tensor:
        """P(group | x) of people's inputs (m, d), (m, k)."""
        with torch.no_grad():
            logits = self.start(inputs)
            if self.net is not None:
                logits = logits + self.net(inputs)
            return functional.softmax(logits, dim=1)


def _straight(x: FloatArray, score: FloatArray) -> tuple[FloatArray, float]:
    """A linear mean (d + 1,) of scores, the constant last, and its error on others.

    The penalty is the one that a fifth of the people like best: many columns are no certainty.
    """
    held = np.arange(len(x)) < _VALIDATION * len(x)
    errors = {}
    for penalty in _PENALTIES:
        weights = _ridge(x[~held], score[~held], penalty)
        left = score[held] - x[held] @ weights[:-1] - weights[-1]
        errors[penalty] = float(np.sqrt((left**2).mean()))
    best = min(errors, key=errors.__getitem__)
    return _ridge(x, score, best), max(0.02, errors[best])


def _ridge(x: FloatArray, y: FloatArray, penalty: float) -> FloatArray:
    middle, mean = x.mean(axis=0), float(y.mean())
    away, n = x - middle, len(x)
    if x.shape[1] <= n:
        weights = np.linalg.solve(away.T @ away + penalty * n * np.eye(x.shape[1]), away.T @ y)
    else:
        weights = away.T @ np.linalg.solve(away @ away.T + penalty * n * np.eye(n), y - mean)
    return np.append(weights, mean - middle @ weights)


def _learn(start: Beliefs, inputs: Tensor, codes: Codes) -> nn.Module | None:
    """The net that helps most on a fifth of the people; None if none does."""
    n, k = len(codes), len(start.shares)
    if n < _FEWEST:
        return None
    offsets, truth = start.start(inputs), torch.from_numpy(codes)
    order = torch.randperm(n)
    held, fit = order[: round(_VALIDATION * n)], order[round(_VALIDATION * n) :]
    net = _net(inputs.shape[1], k)
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=1e-2)
    first = _losses(None, inputs, offsets, truth, held)
    best, found, waited = math.inf, None, 0
    for step in range(_STEPS):
        rows = fit[torch.randint(len(fit), (min(_BATCH, len(fit)),))]
        loss = functional.cross_entropy(offsets[rows] + net(inputs[rows]), truth[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if (step + 1) % _CHECK_EVERY == 0:
            losses = _losses(net, inputs, offsets, truth, held)
            waited += 1
            if float(losses.mean()) < best:
                best, waited = float(losses.mean()), 0
                gains = first - losses
                found = {name: t.detach().clone() for name, t in net.state_dict().items()}
            if waited >= _PATIENCE and step > _STEPS // 3:
                break
    # A gain that may be chance is not taken: what it adds to the noise, an attacker pays for.
    if found is None or float(gains.mean()) < 2.0 * float(gains.std()) / math.sqrt(len(held)):
        return None
    net.load_state_dict(found)
    return net.eval()


def _net(n_in: int, n_out: int) -> nn.Module:
    hidden = 32
    first, last = nn.Linear(n_in, hidden), nn.Linear(hidden, n_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    with torch.no_grad():
        # Wide enough to see more than one bend.
        first.weight.mul_(2.0)
    return nn.Sequential(first, nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), last)


def _losses(
    net: nn.Module | None, inputs: Tensor, offsets: Tensor, truth: Tensor, rows: Tensor
) -> Tensor:
    with torch.no_grad():
        logits = offsets[rows] if net is None else offsets[rows] + net(inputs[rows])
        return functional.cross_entropy(logits, truth[rows], reduction="none")
