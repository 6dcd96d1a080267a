"""The adversaries of training: two nets, each taught on half of the people.

A net that is read on the people it learnt from reads too much (and makes the encoder give up
utility for nothing); read on the others it reads too little while it overfits. Training uses the
mean of both readings, and neither is ever reported: see `privfunnel.funnels.fresh`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Engine = Literal["cross_entropy", "mine"]
N_HALVES = 2


class Adversary(nn.Module):
    """Reads I(S;Z) [nat] from z (2, m, d) and s, for both halves at once.

    S is discrete when `prior` (k,) is given: s holds codes (2, m). Otherwise s is (2, m, d_s)
    numbers, and only MINE can read it.
    """

    def __init__(
        self,
        n_inputs: int,
        engine: Engine,
        *,
        prior: Tensor | None,
        n_secret: int = 1,
        hidden: int = 32,
    ) -> None:
        super().__init__()
        self.engine, self.prior = engine, prior
        if prior is None and engine == "cross_entropy":
            raise ValueError("cross-entropy needs a discrete S; use engine='mine'")
        inputs = n_inputs + (0 if prior is not None else n_secret)
        outputs = 1 if prior is None else len(prior)
        self.first = nn.Parameter(torch.empty(N_HALVES, inputs, hidden))
        self.first_bias = nn.Parameter(torch.empty(N_HALVES, 1, hidden))
        self.second = nn.Parameter(torch.empty(N_HALVES, hidden, hidden))
        self.second_bias = nn.Parameter(torch.zeros(N_HALVES, 1, hidden))
        self.last = nn.Parameter(torch.empty(N_HALVES, hidden, outputs))
        self.linear = nn.Parameter(torch.zeros(N_HALVES, inputs, outputs))
        self.last_bias = nn.Parameter(torch.zeros(N_HALVES, 1, outputs))
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Forget everything: the encoder has learnt to outwit these weights."""
        _, inputs, hidden = self.first.shape
        self.first.normal_(0.0, 2.0 / inputs**0.5)
        self.first_bias.normal_(0.0, 0.5)
        self.second.normal_(0.0, (1.5 / hidden) ** 0.5)
        self.last.normal_(0.0, 0.1)
        for bias in (self.second_bias, self.linear, self.last_bias):
            bias.zero_()

    def scores(self, inputs: Tensor) -> Tensor:
        """Two layers and a linear path, (2, m, inputs) -> (2, m, outputs)."""
        h = functional.elu(torch.bmm(inputs, self.first) + self.first_bias)
        h = functional.elu(torch.bmm(h, self.second) + self.second_bias)
        scores: Tensor = torch.bmm(h, self.last) + torch.bmm(inputs, self.linear) + self.last_bias
        return scores

    def reading(self, z: Tensor, s: Tensor) -> Tensor:
        """Reading of each half by its own net, (2,)."""
        if self.prior is None:
            return self._pairs(z, s)
        scores = self.scores(z)
        own = scores.gather(2, s[..., None]).squeeze(2)
        if self.engine == "cross_entropy":
            log_prior = self.prior.log()
            norm = torch.logsumexp(scores + log_prior, dim=2)
            return (own - norm).mean(dim=1)
        # Donsker-Varadhan; the product of the margins is summed over s, not sampled.
        apart = torch.logsumexp(scores + self.prior.log(), dim=2)
        return own.mean(dim=1) - torch.logsumexp(apart, dim=1) + math.log(apart.shape[1])

    def crossed(self, z: Tensor, s: Tensor, law: Tensor | None = None) -> Tensor:
        """What training holds under the budget: mean of own and other half's reading, a scalar."""
        other = self.reading(z.flip(0), s.flip(0))
        return 0.5 * (self.reading(z, s).mean() + other.mean())

    def penalty(self) -> Tensor:
        """Sum of squared weights."""
        return torch.stack([p.square().sum() for p in self.parameters()]).sum()

    def _pairs(self, z: Tensor, s: Tensor) -> Tensor:
        # Negatives are shifted copies: four a person.
        together = self.scores(torch.cat([z, s], dim=2)).squeeze(2)
        m = z.shape[1]
        shifts = [max(1, (k * m) // 5) for k in range(1, 5)]
        apart = torch.cat(
            [self.scores(torch.cat([z, s.roll(k, dims=1)], dim=2)).squeeze(2) for k in shifts],
            dim=1,
        )
        return together.mean(dim=1) - torch.logsumexp(apart, dim=1) + math.log(apart.shape[1])


class PairCritic(nn.Module):
    """MINE critic of I(X;Z) [nat]: T(x, z) = f(x) g(z), read on all pairs of a batch."""

    def __init__(self, n_x: int, n_z: int, *, hidden: int = 64, width: int = 32) -> None:
        super().__init__()
        self.of_x = _mlp(n_x, width, hidden)
        self.of_z = _mlp(n_z, width, hidden)
        self.scale = width**-0.5

    def reading(self, x: Tensor, z: Tensor) -> Tensor:
        """Donsker-Varadhan reading on x (m, d), z (m, k): a scalar, below ln m by its nature."""
        table: Tensor = self.of_x(x) @ self.of_z(z).T * self.scale
        m = len(table)
        off = table - torch.eye(m, device=table.device) * 1e9
        apart = torch.logsumexp(off.flatten(), 0) - math.log(m * (m - 1))
        return table.diagonal().mean() - apart


def _mlp(n_in: int, n_out: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(n_in, hidden),
        nn.ELU(),
        nn.Linear(hidden, hidden),
        nn.ELU(),
        nn.Linear(hidden, n_out),
    )
