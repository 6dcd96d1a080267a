"""Closed-form iterations on the channel: a difference-of-convex step, and Blahut-Arimoto.

Both move p(z|x) for a fixed price of utility, from many starts at once, and never make their
objective worse; points of the edge between two prices come from time sharing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Mechanism, Source, mechanism

# Half the time of double precision; what counts is polished in double precision afterwards.
_FAST = np.float32
Fast = npt.NDArray[np.float32]
_TINY = np.float32(1e-30)
# Prices of a bit of utility in bits of leakage: below 0 < price < 1 lies the whole edge.
PRICES = (0.05, 0.1, 0.18, 0.28, 0.4, 0.52, 0.64, 0.76, 0.86, 0.93)


def dc_channels(
    source: Source,
    starts: list[FloatArray],
    prices: FloatArray,
    *,
    n_iter: int = 400,
    tol: float = 1e-6,
) -> list[Mechanism]:
    """Minima of I(S;Z) - price I(X;Z), one for each start (n_x, n_z) and its price.

    Huang & El Gamal (2024) split the objective into f = -H(Z|S), convex, and
    g = -(1 - price) H(Z) - price H(Z|X). A step linearises g; f is 1-smooth relative to -H(Z|X),
    which turns the step into one line: p(z|x) is multiplied by
    p(z)^(1 - price) p(z|x)^price exp(-E[ln p(z|S) | x]).
    """
    power = np.asarray(prices, dtype=_FAST)[:, None, None]
    joint, s_given_x = source.joint.astype(_FAST), source.s_given_x.astype(_FAST)
    s_marginal, p_x = joint.sum(axis=1)[:, None], source.p_x.astype(_FAST)
    channels = _smoothed(starts)
    own = np.log(channels)
    for _ in range(n_iter):
        p_z = np.log(p_x @ channels + _TINY)[:, None, :]
        of_s = np.log(joint @ channels / s_marginal + _TINY)
        own *= 1 + power
        own += (1 - power) * p_z
        own -= s_given_x @ of_s
        channels, far = _step(own, channels)
        if far < tol:
            break
    return [mechanism(source, _clean(c), f"dc-{i}") for i, c in enumerate(channels)]


def bottleneck_channels(
    source: Source,
    starts: list[FloatArray],
    prices: FloatArray,
    *,
    n_iter: int = 400,
    tol: float = 1e-6,
) -> list[Mechanism]:
    """Maxima of I(S;Z) - price I(X;Z): Tishby, Pereira & Bialek (1999), equation 28."""
    power = 1.0 / np.asarray(prices, dtype=_FAST)[:, None, None]
    joint, s_given_x = source.joint.astype(_FAST), source.s_given_x.astype(_FAST)
    p_x = source.p_x.astype(_FAST)
    channels = _smoothed(starts)
    for _ in range(n_iter):
        p_z = (p_x @ channels)[:, None, :] + _TINY
        of_s = np.log(joint @ channels / p_z + _TINY)
        channels, far = _step(np.log(p_z) + (s_given_x @ of_s) * power, channels)
        if far < tol:
            break
    return [mechanism(source, _clean(c), f"bottleneck-{i}") for i, c in enumerate(channels)]


def random_starts(
    source: Source, n_starts: int, rng: np.random.Generator, *, n_z: int | None = None
) -> list[FloatArray]:
    """Channels (n_x, n_z) to start from: half near the identity, half anywhere."""
    n = len(source.p_x)
    letters = n_z or n + 1
    starts = []
    for i in range(n_starts):
        start = rng.dirichlet(np.full(letters, 0.3), n)
        if i % 2:
            near = np.eye(n, letters)[:, rng.permutation(letters)]
            start = 0.3 * start + 0.7 * near / np.maximum(near.sum(axis=1, keepdims=True), 1e-9)
            start /= start.sum(axis=1, keepdims=True)
        starts.append(start)
    return starts


def _step(logits: Fast, before: Fast) -> tuple[Fast, float]:
    """Channels of unnormalised logits, which are normalised in place, and how far they moved."""
    logits -= logits.max(axis=2, keepdims=True)
    # Kept finite: what has died out stays at a chance of e^-80.
    np.maximum(logits, -80.0, out=logits)
    channels = np.exp(logits)
    total = channels.sum(axis=2, keepdims=True)
    channels /= total
    logits -= np.log(total)
    return channels, float(np.abs(channels - before).max())


def _smoothed(starts: list[FloatArray]) -> Fast:
    # An entry of exactly 0 stays 0 for ever.
    stacked = np.stack(starts).astype(_FAST)
    return np.asarray(0.98 * stacked + 0.02 / stacked.shape[2], dtype=_FAST)


def _clean(channel: Fast) -> FloatArray:
    kept = np.where(channel < 1e-7, 0.0, channel.astype(np.float64))
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))
