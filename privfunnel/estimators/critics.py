"""Critics: networks that score how much more likely a pair is together than apart.

One network per fold, all folds in one batch: every tensor starts with the fold axis F. A critic
encodes each row once and then scores pairs of encoded rows, so that many product pairs are cheap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn


@final
class Layers(nn.Module):
    """A multilayer perceptron per fold, (F, m, sizes[0]) -> (F, m, sizes[-1])."""

    def __init__(
        self, folds: int, sizes: tuple[int, ...], generator: torch.Generator, *, silent: bool
    ) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for k, (i, o) in enumerate(pairwise(sizes)):
            # A silent network starts at 0: training starts from the closed-form critic.
            scale = 0.0 if silent and k == len(sizes) - 2 else 1 / math.sqrt(i)
            for store, shape in ((self.weights, (folds, i, o)), (self.biases, (folds, 1, o))):
                store.append(nn.Parameter(scale * (2 * torch.rand(shape, generator=generator) - 1)))

    def forward(self, x: Tensor) -> Tensor:
        """The last layer is linear, the others bend smoothly (SiLU)."""
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if k < last:
                x = nn.functional.silu(x)
        return x


@final
class Separable(nn.Module):
    """f(x) . g(y): all pairs of a batch are one matrix product."""

    def __init__(self, build: Build) -> None:
        super().__init__()
        hidden = (build.width, build.width, build.embedding)
        self.f = build.layers((build.d_x, *hidden), silent=True)
        self.g = build.layers((build.d_y, *hidden), silent=False)

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """f(x), g(y)."""
        return self.f(x), self.g(y)

    def score(self, u: Tensor, v: Tensor) -> Tensor:
        """Dot products."""
        return (u * v).sum(-1)

    def matrix(self, u: Tensor, v: Tensor) -> Tensor:
        """Scores (F, m, m) of every u against every v."""
        return torch.bmm(u, v.transpose(1, 2))


@final
class Joint(nn.Module):
    """One network of both rows, as in MINE."""

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.net = build.layers((build.d_x + build.d_y, build.width, build.width, 1), silent=True)

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The rows as they are."""
        return x, y

    def score(self, u: Tensor, v: Tensor) -> Tensor:
        """The network's answer."""
        scores: Tensor = self.net(torch.cat([u, v], -1))
        return scores.squeeze(-1)


@final
class Hybrid(nn.Module):
    """Both rows encoded apart, then a small network of the codes, their products and axes.

    `axes` columns, the last of each side, skip the encoders: the canonical variates.
    """

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.axes = build.axes
        hidden = (build.width, build.width, build.embedding)
        self.f = build.layers((build.d_x, *hidden), silent=False)
        self.g = build.layers((build.d_y, *hidden), silent=False)
        wide = build.embedding + build.axes
        self.head = build.layers((3 * wide, build.width, 1), silent=True)

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Codes and axes."""
        sides = ((self.f, x), (self.g, y))
        first, second = (
            torch.cat([net(side), side[..., side.shape[-1] - self.axes :]], -1)
            for net, side in sides
        )
        return first, second

    def score(self, u: Tensor, v: Tensor) -> Tensor:
        """The head's answer."""
        scores: Tensor = self.head(torch.cat([u, v, u * v], -1))
        return scores.squeeze(-1)


@final
class Quadratic(nn.Module):
    """x A x + y B y + x C y: what the log ratio of any two Gaussians looks like.

    On normal scores, a Gaussian copula whose every coefficient is learnt.
    """

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.a, self.b, self.c = (
            nn.Parameter(torch.zeros(build.folds, i, j))
            for i, j in ((build.d_x, build.d_x), (build.d_y, build.d_y), (build.d_x, build.d_y))
        )

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """[x C, x A x, 1] and [y, 1, y B y], whose dot product is the score."""
        one_x, one_y = torch.ones_like(x[..., :1]), torch.ones_like(y[..., :1])
        own_x, own_y = (
            (torch.bmm(z, m) * z).sum(-1, keepdim=True) for z, m in ((x, self.a), (y, self.b))
        )
        return torch.cat([torch.bmm(x, self.c), own_x, one_x], -1), torch.cat([y, one_y, own_y], -1)

    def score(self, u: Tensor, v: Tensor) -> Tensor:
        """Dot products."""
        return (u * v).sum(-1)

    def matrix(self, u: Tensor, v: Tensor) -> Tensor:
        """Scores (F, m, m) of every u against every v."""
        return torch.bmm(u, v.transpose(1, 2))


@final
class Build:
    """Sizes that critics are built from.

    Parameters
    ----------
    folds, d_x, d_y : shape of the input, (folds, m, d_x) and (folds, m, d_y).
    axes : how many of the last columns of both sides are matched axes.
    width, embedding : hidden units of a layer, and of the codes.
    generator : where the first weights come from.
    """

    def __init__(
        self,
        folds: int,
        d_x: int,
        d_y: int,
        *,
        axes: int,
        width: int,
        embedding: int,
        generator: torch.Generator,
    ) -> None:
        self.folds, self.d_x, self.d_y, self.axes = folds, d_x, d_y, axes
        self.width, self.embedding, self.generator = width, embedding, generator

    def layers(self, sizes: tuple[int, ...], *, silent: bool) -> Layers:
        """A perceptron of these sizes for each fold."""
        return Layers(self.folds, sizes, self.generator, silent=silent)


CRITICS: dict[str, Callable[[Build], Separable | Joint | Hybrid | Quadratic]] = {
    "separable": Separable,
    "joint": Joint,
    "hybrid": Hybrid,
    "quadratic": Quadratic,
}
