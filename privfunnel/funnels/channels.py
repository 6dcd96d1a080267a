"""Channels that can be trained: p(z|x) with noise of known size, differentiable draws."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from privfunnel.entropy import FloatArray
from privfunnel.funnels.critics import PairCritic
from privfunnel.funnels.mixture import information_on_grid, log_densities

_TINY = 1e-12
# Of learnt noise, in standard deviations of X.
# A release that sees S too wants none at all: a deterministic one is what this keeps from.
_LOG_NOISE = (-3.2, 0.3)
_FIRST_LOG_NOISE = -0.7
# Nobody is released farther out than this many standard deviations.
_FARTHEST = 5.0


@runtime_checkable
class Channel(Protocol):
    """What training needs of a channel; all of them are torch modules too."""

    def draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A draw of z (m, k) and the parameters of its law."""

    def utility(self, x: Tensor, z: Tensor, law: Tensor, task: Tensor | None) -> Tensor:
        """What is to be kept [nat], a scalar to be maximised."""


class GaussianChannel(nn.Module):
    """Z = f(X) + g(X) noise: f a small net, the noise Gaussian and known.

    With a fixed noise f has unit power in each dimension and g is constant: whatever f is, I(X;Z)
    is at most k/2 ln(1 + 1/noise^2). For a distortion f keeps its own scale and g is learnt.

    Parameters
    ----------
    frequency : of the first layer's weights at the start. Smooth releases are the worst ones for
        their utility; one that folds X over itself has to be found from a start that folds.
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
        frequency: float = 1.0,
    ) -> None:
        super().__init__()
        self.noise, self.kind, self.n_task, self.n_z = noise, utility, n_task, n_z
        self.free = utility == "distortion"
        outputs = 2 * n_z if self.free else n_z
        self.net = nn.Sequential(
            nn.Linear(n_x, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, outputs),
        )
        self.direct = nn.Linear(n_x, n_z, bias=False) if self.free else None
        with torch.no_grad():
            for parameter in self.net[0].parameters():
                parameter.mul_(frequency)
        if self.direct is not None:
            self._start_near_x(self.direct)
        self.power = nn.BatchNorm1d(n_z, affine=False, momentum=0.05)
        if utility == "mine":
            self.critic: nn.Module = PairCritic(n_x, n_z)
        elif utility == "task":
            self.critic = nn.Sequential(nn.Linear(n_z, 32), nn.ELU(), nn.Linear(32, max(1, n_task)))

    @torch.no_grad()
    def _start_near_x(self, direct: nn.Linear) -> None:
        # The last inputs are X itself, in units of its standard deviation.
        direct.weight.zero_()
        direct.weight[:, -self.n_z :] = torch.eye(self.n_z)
        last = self.net[4]
        assert isinstance(last, nn.Linear)
        last.weight.mul_(0.1)
        last.bias.zero_()
        last.bias[self.n_z :] = _FIRST_LOG_NOISE

    def law(self, x: Tensor) -> Tensor:
        """Means and logarithms of the standard deviations of Z, (m, 2 k)."""
        said = self.net(x)
        if self.direct is not None:
            mean = (said[:, : self.n_z] + self.direct(x)).clamp(-_FARTHEST, _FARTHEST)
            raw = said[:, self.n_z :]
            # The gradient passes the ends: noise that has grown too large finds its way back.
            held = raw + (raw.clamp(*_LOG_NOISE) - raw).detach()
            return torch.cat([mean, held], dim=1)
        mean = self.power(said)
        return torch.cat([mean, torch.full_like(mean, math.log(self.noise))], dim=1)

    def draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Z (m, k) and its law (m, 2 k)."""
        law = self.law(x)
        mean, log_spread = law[:, : self.n_z], law[:, self.n_z :]
        return mean + log_spread.exp() * torch.randn_like(mean), law

    def sample(self, law: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draws (..., k) of laws (..., 2 k), with noise from `rng`."""
        mean, log_spread = law[..., : self.n_z], law[..., self.n_z :]
        return np.asarray(mean + np.exp(log_spread) * rng.normal(size=mean.shape))

    def utility(self, x: Tensor, z: Tensor, law: Tensor, task: Tensor | None) -> Tensor:
        """I(X;Z) by MINE or by the known noise, I(task;Z) by a predictor, or closeness to X."""
        if self.kind == "mine":
            reading: Tensor = self.critic.reading(x, z)  # type: ignore[operator]
            return reading
        if self.kind == "channel":
            return self._known(z, law)
        assert task is not None
        if self.kind == "distortion":
            # Not the logarithm of the error: leakage is convex in the error, concave in its
            # logarithm, where every price leads to all or nothing.
            return -(z - task).square().mean() * self.n_z
        said = self.critic(z)
        if self.n_task:
            return -functional.cross_entropy(said, task)
        # A Gaussian predictor: -0.5 ln of the error, up to a constant.
        return -0.5 * torch.log((said.squeeze(1) - task).square().mean() + 1e-6)

    def _known(self, z: Tensor, law: Tensor) -> Tensor:
        if self.n_z == 1:
            return information_on_grid(law)
        # ln p(z|x) less the log of the batch's mixture: the noise is known (at most ln m).
        apart = log_densities(z, law)
        m = len(apart)
        return (apart.diagonal() - torch.logsumexp(apart, dim=1)).mean() + math.log(m)
