"""Channels that can be trained: p(z|x) with noise of known size, differentiable draws."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from privfunnel.funnels.critics import PairCritic

_TINY = 1e-12
_BOUND = 6.0


@runtime_checkable
class Channel(Protocol):
    """What training needs of a channel; all of them are torch modules too."""

    def draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A draw of z (m, k) and the parameters of its law."""

    def utility(self, x: Tensor, z: Tensor, law: Tensor, task: Tensor | None) -> Tensor:
        """What is to be kept [nat], a scalar to be maximised."""


class GaussianChannel(nn.Module):
    """Z = f(X) + noise: f a small net of unit power in each dimension, fixed noise.

    Whatever f is, I(X;Z) is at most k/2 ln(1 + 1/noise^2) for an f of unit power.
    """

    def __init__(
        self,
        n_x: int,
        n_z: int,
        *,
        noise: float,
        hidden: int = 32,
        utility: str = "mine",
        n_task: int = 0,
    ) -> None:
        super().__init__()
        self.noise, self.kind, self.n_task = noise, utility, n_task
        self.net = nn.Sequential(
            nn.Linear(n_x, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, n_z),
        )
        self.power = nn.BatchNorm1d(n_z, affine=False, momentum=0.05)
        if utility == "mine":
            self.critic: nn.Module = PairCritic(n_x, n_z)
        elif utility == "task":
            self.critic = nn.Sequential(nn.Linear(n_z, 32), nn.ELU(), nn.Linear(32, max(1, n_task)))

    def mean(self, x: Tensor) -> Tensor:
        """f(x), (m, k)."""
        mean: Tensor = self.power(self.net(x))
        return mean

    def draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Z and f(x)."""
        mean = self.mean(x)
        return mean + self.noise * torch.randn_like(mean), mean

    def utility(self, x: Tensor, z: Tensor, law: Tensor, task: Tensor | None) -> Tensor:
        """I(X;Z) by MINE, by the known noise, or I(task;Z) by a predictor of the task."""
        if self.kind == "mine":
            reading: Tensor = self.critic.reading(x, z)  # type: ignore[operator]
            return reading
        if self.kind == "channel":
            return self._known(z, law)
        assert task is not None
        said = self.critic(z)
        if self.n_task:
            return -functional.cross_entropy(said, task)
        # A Gaussian predictor: -0.5 ln of the error, up to a constant.
        return -0.5 * torch.log((said.squeeze(1) - task).square().mean() + 1e-6)

    def _known(self, z: Tensor, law: Tensor) -> Tensor:
        # ln p(z|x) less the log of the batch's mixture: the noise is known (at most ln m).
        apart = -torch.cdist(z, law).square() / (2.0 * self.noise**2)
        m = len(apart)
        return (apart.diagonal() - torch.logsumexp(apart, dim=1)).mean() + math.log(m)


class ColumnChannel(nn.Module):
    """Each column is kept or redrawn, with chances that depend on the whole row.

    x and z are indicators (m, d, w) of d columns with up to w groups of values. The chances start
    at "mostly kept"; training moves them where a column gives the secret away.
    """

    mask: Tensor

    def __init__(self, n_groups: list[int], *, hidden: int = 64, tau: float = 0.7) -> None:
        super().__init__()
        self.tau, self.width, self.n_columns = tau, max(n_groups), len(n_groups)
        size = self.width * self.n_columns
        self.net = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, size))
        nn.init.zeros_(self.net[2].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.net[2].bias)  # type: ignore[arg-type]
        self.keep = nn.Parameter(torch.full((self.n_columns, 1), 4.0))
        groups = torch.tensor(n_groups)[:, None]
        mask = torch.where(torch.arange(self.width)[None, :] < groups, 0.0, -1e9)
        self.register_buffer("mask", mask)

    def logits(self, x: Tensor) -> Tensor:
        """Unnormalised log chances of the groups of each column, (m, d, w)."""
        moved: Tensor = self.net(x.flatten(1)).view(-1, self.n_columns, self.width)
        # Bounded: a column that was given up once must be able to come back.
        return _BOUND * torch.tanh(moved / _BOUND) + self.keep * x + self.mask

    def draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Z as indicators (m, d w) and the logits; gradients pass straight through the draw."""
        logits = self.logits(x)
        gumbel = -torch.log(-torch.log(torch.rand_like(logits) + _TINY) + _TINY)
        soft = functional.softmax((logits + gumbel) / self.tau, dim=2)
        hard = functional.one_hot(soft.argmax(dim=2), self.width).to(soft.dtype)
        return (hard + soft - soft.detach()).flatten(1), logits

    def utility(self, x: Tensor, z: Tensor, law: Tensor, task: Tensor | None) -> Tensor:
        """Sum over columns of I(X_j; Z_j), exact for the people given."""
        chances = functional.softmax(law, dim=2)
        joint = torch.einsum("ija,ijb->jab", x, chances) / len(x)
        apart = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
        terms = joint * (torch.log(joint + _TINY) - torch.log(apart + _TINY))
        return terms.sum()
