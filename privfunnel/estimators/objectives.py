"""What critics are trained for. Each objective is a loss (F,) of a batch, lower is better.

All of them are at their best at the logarithm of the density ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional


@final
@dataclass(frozen=True)
class Batch:
    """Scores of a batch of m people.

    Attributes
    ----------
    joint : (F, m) everyone with themselves.
    square : (F, m, m) everyone's x with everyone's y, or None if only some pairs were scored.
    table : (F, 1 + s, m) x with the y of the person `steps` further; the first step is 0.
    steps : the 1 + s steps of `table`.
    """

    joint: Tensor
    square: Tensor | None = None
    table: Tensor | None = None
    steps: tuple[int, ...] = (0,)

    def all_pairs(self) -> Tensor:
        """Every score, the joint ones among them, (F, ...)."""
        return self.square if self.square is not None else _given(self.table)

    def product_sum(self, function: Callable[[Tensor], Tensor]) -> tuple[Tensor, int]:
        """Sum (F,) of a function over the scores of different people, and how many they are."""
        pairs = self.all_pairs()
        total = function(pairs).sum((1, 2)) - function(self.joint).sum(1)
        return total, pairs[0].numel() - self.joint.shape[1]

    def picks(self) -> tuple[Tensor, Tensor]:
        """ln sum e^T (F, m) over the candidates for each x, and for each y."""
        if self.square is not None:
            return torch.logsumexp(self.square, 2), torch.logsumexp(self.square, 1)
        table = _given(self.table)
        by_y = torch.stack([table[:, k].roll(step, 1) for k, step in enumerate(self.steps)], 1)
        return torch.logsumexp(table, 1), torch.logsumexp(by_y, 1)


Objective = Callable[[Batch], Tensor]


def _given(table: Tensor | None) -> Tensor:
    if table is None:
        raise ValueError("a batch needs a square or a table of scores")
    return table


@final
class Mine:
    """Donsker-Varadhan with the bias-corrected gradient (Belghazi et al. 2018, section 3.2).

    The gradient of ln E[e^T] is E[e^T dT] / E[e^T]; with a batch mean below, it is biased. An
    exponential average of that mean over steps takes its place.
    """

    def __init__(self, rate: float = 0.05) -> None:
        self.rate = rate
        self.average: Tensor | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """The surrogate loss whose gradient is the corrected one."""
        total, count = batch.product_sum(torch.exp)
        now = total.detach() / count
        self.average = now if self.average is None else self.average.lerp(now, self.rate)
        return total / count / self.average - batch.joint.mean(1)


def nwj(batch: Batch) -> Tensor:
    """E[e^T] - E[T]: Nguyen, Wainwright & Jordan (2010)."""
    total, count = batch.product_sum(torch.exp)
    return total / count - batch.joint.mean(1)


def infonce(batch: Batch) -> Tensor:
    """Pick the partner out of the batch, from both sides (van den Oord et al. 2018)."""
    by_x, by_y = batch.picks()
    return (0.5 * (by_x + by_y) - batch.joint).mean(1)


def jensen_shannon(batch: Batch) -> Tensor:
    """Tell pairs from non-pairs by logistic loss: the dual of Jensen-Shannon (f-GAN)."""
    total, count = batch.product_sum(functional.softplus)
    return functional.softplus(-batch.joint).mean(1) + total / count


def donsker_varadhan(batch: Batch) -> Tensor:
    """ln E[e^T] - E[T] with the plain gradient."""
    total, count = batch.product_sum(torch.exp)
    return torch.log(total) - math.log(count) - batch.joint.mean(1)


def make_objective(name: str) -> Objective:
    """The objective of a name in OBJECTIVES, fresh of state."""
    return Mine() if name == "mine" else _STATELESS[name]


_STATELESS: dict[str, Objective] = {
    "dv": donsker_varadhan,
    "nwj": nwj,
    "infonce": infonce,
    "js": jensen_shannon,
    # SMILE differs in how it is read, not in what it is trained for (Song & Ermon 2020).
    "smile": jensen_shannon,
}
OBJECTIVES = ("mine", *_STATELESS)
