"""I(S;Z) and I(X;Z) of a channel with known Gaussian noise, as mixtures over the people at hand.

No adversary has to be taught: p(z|s) is the mean of p(z|x) over the people with that s. In one
dimension the integrals are sums over a grid, smooth in the encoder's weights and free of sampling;
in more they are means over the draws. Classes of few people read too much: the larger the batch,
the better.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

N_GRID = 160
_LOG_2PI = math.log(2.0 * math.pi)
_TINY = 1e-30


class Mixture(nn.Module):
    """Stands where an adversary stands; it has no weights and nothing to be taught."""

    def __init__(self, *, of_codes: bool = False) -> None:
        super().__init__()
        self.of_codes = of_codes

    def reset(self) -> None:
        """Nothing to forget."""

    def crossed(self, z: Tensor, s: Tensor, law: Tensor) -> Tensor:
        """I(S;Z) [nat] of chances s (2, m, n), draws z (2, m, k) and laws, a scalar.

        The chances are those of each group of S for each person: 0 and 1 where S is counted.
        """
        chances = s.flatten(0, 1)
        if self.of_codes:
            return shared_with_codes(law, chances)
        if z.shape[2] == 1:
            return leakage_on_grid(law, chances)
        return leakage_of_draws(z.flatten(0, 1), law, chances)


def leakage_on_grid(law: Tensor, chances: Tensor) -> Tensor:
    """Sum over a grid of p(z|s) p(s) ln p(z|s) / p(z), for one-dimensional z.

    A mixture of few people reads too much, by about as much again with half of them: what the
    halves read more than the whole is taken off.
    """
    density, width = _on_grid(law)
    return _less_bias(density, chances, width)


def shared_with_codes(law: Tensor, chances: Tensor) -> Tensor:
    """I(S;Z) [nat] of codes with log chances law (m, n_codes); S by its chances (m, n)."""
    return _less_bias(law.exp(), chances, torch.ones(()))


def information_of_codes(law: Tensor) -> Tensor:
    """I(X;Z) [nat] of codes with log chances law (m, n_codes)."""
    p_z = law.exp().mean(dim=0)
    noise = (law.exp() * law).sum(dim=1).mean()
    return noise - (p_z * torch.log(p_z + _TINY)).sum()


def _less_bias(density: Tensor, chances: Tensor, width: Tensor) -> Tensor:
    half = len(density) // 2
    parts = [chances[rows].T @ density[rows] for rows in (slice(None, half), slice(half, None))]
    whole = _information((parts[0] + parts[1]) / len(density), width)
    apart = [
        _information(part / n, width)
        for part, n in zip(parts, (half, len(density) - half), strict=True)
    ]
    return 2.0 * whole - 0.5 * (apart[0] + apart[1])


def _information(joint: Tensor, width: Tensor) -> Tensor:
    # joint (n, n_grid): p(s) p(z|s).
    p_s, p_z = joint.sum(1, keepdim=True) * width, joint.sum(0, keepdim=True)
    ratio = torch.log(joint + _TINY) - torch.log(p_s + _TINY) - torch.log(p_z + _TINY)
    return (joint * ratio).sum() * width


def information_on_grid(law: Tensor) -> Tensor:
    """I(X;Z) = h(Z) - h(Z|X) [nat] for one-dimensional z; finite whatever the number of people."""
    density, width = _on_grid(law)
    p_z = density.mean(dim=0)
    h_z = -(p_z * torch.log(p_z + _TINY)).sum() * width
    h_noise: Tensor = law[:, 1].mean() + 0.5 * (_LOG_2PI + 1.0)
    return h_z - h_noise


def _on_grid(law: Tensor) -> tuple[Tensor, Tensor]:
    """p(z|x) of every person at every point (m, n_grid), and the distance of two points."""
    mean, spread = law[:, :1], law[:, 1:].exp()
    with torch.no_grad():
        low, high = (mean - 5.0 * spread).min(), (mean + 5.0 * spread).max()
        points = torch.linspace(0.0, 1.0, N_GRID) * (high - low) + low
    square = ((points[None, :] - mean) / spread).square()
    density = torch.exp(-0.5 * square) / (spread * math.sqrt(2.0 * math.pi))
    return density, (high - low) / (N_GRID - 1)


def leakage_of_draws(z: Tensor, law: Tensor, chances: Tensor) -> Tensor:
    """Mean over draws of ln p(z|s) / p(z), with and without the person's own term.

    With it the reading is too high, without it too low, both by about the same.
    """
    apart = log_densities(z, law)
    own = torch.eye(len(z), dtype=torch.bool)
    readings = []
    for terms in (apart, apart.masked_fill(own, -math.inf)):
        joint = torch.exp(terms - terms.max(dim=1, keepdim=True).values) @ chances / len(z)
        p_s = chances.mean(dim=0)
        ratio = torch.log(joint + _TINY) - torch.log(joint.sum(1, keepdim=True) + _TINY)
        said = (ratio - torch.log(p_s + _TINY)).clamp(min=-10.0)
        readings.append((chances * said).sum(dim=1).mean())
    return 0.5 * (readings[0] + readings[1])


def log_densities(z: Tensor, law: Tensor) -> Tensor:
    """ln p(z_i | x_j) of draws z (m, k) under the laws (n, 2 k) of n people, (m, n)."""
    k = z.shape[1]
    mean, log_spread = law[:, :k], law[:, k:]
    weight = torch.exp(-2.0 * log_spread)
    square = (
        z.square() @ weight.T - 2.0 * z @ (mean * weight).T + (mean.square() * weight).sum(1)[None]
    )
    total: Tensor = -0.5 * square - log_spread.sum(dim=1)[None] - 0.5 * k * _LOG_2PI
    return total
