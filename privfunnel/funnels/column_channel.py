"""The channel of a table: each column keeps its group of values or has it redrawn."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_TINY = 1e-12
_BOUND = 6.0


class ColumnChannel(nn.Module):
    """Each column is kept or redrawn, with chances that depend on the whole row.

    x are indicators (m, d, w) of d columns with up to w groups of values, z those of the released
    ones: all of them, or all but the last where that is the secret (`n_secret` groups), which the
    chances may then depend on. They start at "mostly kept"; training moves them where a column
    gives the secret away.
    """

    mask: Tensor

    def __init__(
        self, n_groups: list[int], *, n_secret: int = 0, hidden: int = 64, tau: float = 0.7
    ) -> None:
        super().__init__()
        self.tau, self.n_columns = tau, len(n_groups)
        self.width = max(*n_groups, n_secret)
        size = self.width * self.n_columns
        seen = size + (self.width if n_secret else 0)
        self.net = nn.Sequential(nn.Linear(seen, hidden), nn.ReLU(), nn.Linear(hidden, size))
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
        kept = self.keep * x[:, : self.n_columns]
        return _BOUND * torch.tanh(moved / _BOUND) + kept + self.mask

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
        joint = torch.einsum("ija,ijb->jab", x[:, : self.n_columns], chances) / len(x)
        apart = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
        terms = joint * (torch.log(joint + _TINY) - torch.log(apart + _TINY))
        return terms.sum()
