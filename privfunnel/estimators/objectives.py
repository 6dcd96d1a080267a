"""What critics are trained for. Each objective is a loss (F,) of scores, lower is better.

`joint` (F, m) are scores of people with themselves, `by_x` and `by_y` (F, m, s) of the x (or y) of
each person with others. All of them are at their best at the logarithm of the density ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

Objective = Callable[[Tensor, Tensor, Tensor], Tensor]


@final
class Mine:
    """Donsker-Varadhan with the bias-corrected gradient (Belghazi et al. 2018, section 3.2).

    The gradient of ln E[e^T] is E[e^T dT] / E[e^T]; with a batch mean below, it is biased. An
    exponential average of that mean over steps takes its place.
    """

    def __init__(self, rate: float = 0.05) -> None:
        self.rate = rate
        self.average: Tensor | None = None

    def __call__(self, joint: Tensor, by_x: Tensor, by_y: Tensor) -> Tensor:
        """The surrogate loss whose gradient is the corrected one."""
        mean = by_x.exp().mean((1, 2))
        now = mean.detach()
        self.average = now if self.average is None else self.average.lerp(now, self.rate)
        return mean / self.average - joint.mean(1)


def nwj(joint: Tensor, by_x: Tensor, by_y: Tensor) -> Tensor:
    """E[e^T] - E[T]: Nguyen, Wainwright & Jordan (2010)."""
    return by_x.exp().mean((1, 2)) - joint.mean(1)


def infonce(joint: Tensor, by_x: Tensor, by_y: Tensor) -> Tensor:
    """Pick the partner out of the batch, from both sides (van den Oord et al. 2018)."""
    sides = [
        torch.logsumexp(torch.cat([joint.unsqueeze(-1), others], -1), -1) for others in (by_x, by_y)
    ]
    return (0.5 * (sides[0] + sides[1]) - joint).mean(1)


def jensen_shannon(joint: Tensor, by_x: Tensor, by_y: Tensor) -> Tensor:
    """Tell pairs from non-pairs by logistic loss: the dual of Jensen-Shannon (f-GAN)."""
    return functional.softplus(-joint).mean(1) + functional.softplus(by_x).mean((1, 2))


def donsker_varadhan(joint: Tensor, by_x: Tensor, by_y: Tensor) -> Tensor:
    """ln E[e^T] - E[T] with the plain gradient."""
    count = by_x.shape[1] * by_x.shape[2]
    return torch.logsumexp(by_x.flatten(1), 1) - math.log(count) - joint.mean(1)


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
