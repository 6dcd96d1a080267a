"""A channel of a few codes: p(z|x) is what a net says, and its information a sum."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from privfunnel.entropy import FloatArray
from privfunnel.funnels.critics import PairCritic
from privfunnel.funnels.mixture import information_of_codes, shared_with_codes

_TINY = 1e-12


class CodeChannel(nn.Module):
    """Z is one of a few codes, drawn with chances that a small net gives each x.

    Nothing about it has to be estimated: its information is a sum over people and codes. Critics
    and adversaries see draws that a softmax with Gumbel noise makes differentiable (Jang, Gu &
    Poole 2017), as indicators (m, n_codes).
    """

    def __init__(
        self,
        n_x: int,
        n_codes: int,
        *,
        utility: str = "channel",
        n_task: int = 0,
        frequency: float = 1.0,
        hidden: int = 32,
        tau: float = 0.7,
    ) -> None:
        super().__init__()
        self.kind, self.n_task, self.n_z, self.tau, self.free = utility, n_task, n_codes, tau, False
        first, last = nn.Linear(n_x, hidden), nn.Linear(hidden, n_codes)
        with torch.no_grad():
            first.weight.mul_(frequency)
            first.bias.mul_(frequency)
            # All codes alike is a saddle: start away from it.
            last.weight.mul_(4.0)
        self.net = nn.Sequential(first, nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), last)
        if utility == "mine":
            self.critic: nn.Module = PairCritic(n_x, n_codes)
        elif utility == "task" and not n_task:
            self.critic = nn.Linear(n_codes, 1)

    def law(self, x: Tensor) -> Tensor:
        """Logarithms of the chances of each code, (m, n_codes)."""
        return functional.log_softmax(self.net(x), dim=1)

    def draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Z as indicators (m, n_codes) and its law; gradients pass straight through the draw."""
        law = self.law(x)
        gumbel = -torch.log(-torch.log(torch.rand_like(law) + _TINY) + _TINY)
        soft = functional.softmax((law + gumbel) / self.tau, dim=1)
        hard = functional.one_hot(soft.argmax(dim=1), self.n_z).to(soft.dtype)
        return hard + soft - soft.detach(), law

    def sample(self, law: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draws of laws (..., n_codes), as indicators of the same shape."""
        codes = (law + rng.gumbel(size=law.shape)).argmax(axis=-1)
        return np.asarray(np.eye(self.n_z)[codes])

    def utility(self, x: Tensor, z: Tensor, law: Tensor, task: Tensor | None) -> Tensor:
        """I(X;Z) as it is or by MINE; I(task;Z) as it is, or by a predictor of numbers."""
        if self.kind == "mine":
            reading: Tensor = self.critic.reading(x, z)  # type: ignore[operator]
            return reading
        if self.kind == "channel":
            return information_of_codes(law)
        assert task is not None
        if self.n_task:
            return shared_with_codes(law, functional.one_hot(task, self.n_task).to(law.dtype))
        return -0.5 * torch.log((self.critic(z).squeeze(1) - task).square().mean() + 1e-6)
