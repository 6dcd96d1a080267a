"""Release mechanisms on finite alphabets: the pair they start from, what they keep, time sharing.

Everything here is in nats; `privfunnel.funnels.discrete` converts at the public boundary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from scipy.special import entr

from privfunnel.entropy import FloatArray


@final
@dataclass(frozen=True)
class Source:
    """The known pair: `joint[s, x]` without empty rows or columns."""

    joint: FloatArray

    @cached_property
    def p_x(self) -> FloatArray:
        """Distribution of X, (n_x,)."""
        return np.asarray(self.joint.sum(axis=0))

    @cached_property
    def s_given_x(self) -> FloatArray:
        """p(s|x), (n_x, n_s): rows are the posteriors of S for one value of X."""
        return np.asarray((self.joint / self.p_x).T)

    @cached_property
    def h_x(self) -> float:
        """H(X)."""
        return float(entr(self.p_x).sum())

    @cached_property
    def h_s(self) -> float:
        """H(S)."""
        return float(entr(self.joint.sum(axis=1)).sum())

    @cached_property
    def leak(self) -> float:
        """I(S;X): what releasing X itself leaks."""
        return max(0.0, self.h_s + self.h_x - float(entr(self.joint).sum()))

    def kept(self, posteriors: FloatArray) -> FloatArray:
        """H(X) - H(q) of each posterior q of X, (..., n_x) -> (...)."""
        return np.asarray(self.h_x - entr(posteriors).sum(axis=-1))

    def leaked(self, posteriors: FloatArray) -> FloatArray:
        """H(S) - H(S | posterior q of X), (..., n_x) -> (...)."""
        return np.asarray(self.h_s - entr(posteriors @ self.s_given_x).sum(axis=-1))


@final
@dataclass(frozen=True)
class Mechanism:
    """A channel p(z|x) (n_x, n_z) with its I(X;Z) and I(S;Z) [nat] and a name.

    `gap` [nat]: no mechanism reaches the goal it was made for with less leakage (for a goal of
    leakage: with more utility) by more than this; None if nothing is proven.
    """

    channel: FloatArray
    utility: float
    leakage: float
    name: str
    letters: tuple[str, ...]
    gap: float | None = None

    def __repr__(self) -> str:
        return f"Mechanism({self.name}, utility={self.utility:.4g}, leakage={self.leakage:.4g} nat)"


def mechanism(source: Source, channel: FloatArray, name: str) -> Mechanism:
    """The mechanism of a channel matrix; letters that never occur are dropped."""
    p_z = source.p_x @ channel
    kept = p_z > 1e-13
    channel = channel[:, kept]
    channel = channel / channel.sum(axis=1, keepdims=True)
    p_z = source.p_x @ channel
    posteriors = (source.p_x[:, None] * channel / p_z).T
    utility = max(0.0, float(p_z @ source.kept(posteriors)))
    leakage = max(0.0, float(p_z @ source.leaked(posteriors)))
    letters = tuple(f"z{i}" for i in range(channel.shape[1]))
    return Mechanism(channel, utility, leakage, name, letters)


def identity(source: Source) -> Mechanism:
    """Release X as it is."""
    return mechanism(source, np.eye(len(source.p_x)), "identity")


def erasure(source: Source) -> Mechanism:
    """Release nothing: one letter for everybody."""
    return mechanism(source, np.ones((len(source.p_x), 1)), "erase")


def randomised_response(source: Source, n_points: int = 15) -> list[Mechanism]:
    """Keep X, or draw any other value with equal chances, from all noise to none.

    With epsilon = ln(p / q) of the chances this is the k-ary mechanism of local differential
    privacy (Kairouz, Oh & Viswanath 2016).
    """
    k = len(source.p_x)
    found = []
    for epsilon in np.linspace(0.0, 4.0 + 2.0 * np.log(k), n_points):
        other = 1.0 / (np.exp(epsilon) + k - 1.0)
        channel = np.full((k, k), other) + np.eye(k) * (np.exp(epsilon) - 1.0) * other
        found.append(mechanism(source, channel, f"response-{epsilon:.3g}"))
    return found


def merged(source: Source, labels: FloatArray | np.ndarray, name: str) -> Mechanism:
    """The deterministic mechanism that replaces each value of X by its label."""
    codes = np.unique(labels, return_inverse=True)[1]
    return mechanism(source, np.eye(codes.max() + 1)[codes], name)


def hull(mechanisms: Iterable[Mechanism], *, upper: bool = False) -> list[Mechanism]:
    """The mechanisms on the lower (or upper) convex edge, by rising utility.

    Between two neighbours lies time sharing: draw one of the two and publish which.
    """
    sign = -1.0 if upper else 1.0
    edge: list[Mechanism] = []
    for m in sorted(mechanisms, key=lambda m: (m.utility, sign * m.leakage)):
        if edge and m.utility <= edge[-1].utility + 1e-12:
            continue
        while len(edge) > 1 and sign * _turn(edge[-2], edge[-1], m) <= 0:
            edge.pop()
        edge.append(m)
    return edge


def _turn(a: Mechanism, b: Mechanism, c: Mechanism) -> float:
    """Positive when b lies strictly below the line from a to c."""
    return (b.utility - a.utility) * (c.leakage - a.leakage) - (c.utility - a.utility) * (
        b.leakage - a.leakage
    )


def share(source: Source, first: Mechanism, second: Mechanism, weight: float) -> Mechanism:
    """Draw `first` with probability `weight`, else `second`, and publish which was drawn."""
    if weight >= 1.0 - 1e-12:
        return first
    if weight <= 1e-12:
        return second
    channel = np.hstack([weight * first.channel, (1.0 - weight) * second.channel])
    letters = tuple(f"{m.name}:{z}" for m in (first, second) for z in m.letters)
    name = f"{weight:.4g} {first.name} + {1.0 - weight:.4g} {second.name}"
    utility = weight * first.utility + (1.0 - weight) * second.utility
    leakage = weight * first.leakage + (1.0 - weight) * second.leakage
    return Mechanism(channel, utility, leakage, name, letters)


def at_utility(source: Source, edge: list[Mechanism], utility: float) -> Mechanism:
    """The point of a convex edge with the utility asked for [nat], by time sharing."""
    return _between(source, edge, [m.utility for m in edge], utility)


def at_leakage(source: Source, edge: list[Mechanism], leakage: float) -> Mechanism:
    """The point of the lower edge with the largest utility at this leakage [nat]."""
    return _between(source, edge, [m.leakage for m in edge], leakage)


def _between(source: Source, edge: list[Mechanism], axis: list[float], value: float) -> Mechanism:
    # The last point not above the value: leakage may be 0 along the first stretch of an edge.
    i = max((k for k, v in enumerate(axis) if v <= value + 1e-12), default=0)
    if i == len(edge) - 1:
        return edge[i]
    weight = (axis[i + 1] - value) / (axis[i + 1] - axis[i])
    return share(source, edge[i], edge[i + 1], float(np.clip(weight, 0.0, 1.0)))
