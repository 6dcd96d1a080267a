"""The softmax channel: p(z|x) as a table of logits, moved by its exact gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import softmax

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Mechanism, Source, mechanism

Progress = Callable[[float, str], None]

# dPF/dr never exceeds 1 (a bit of Z tells at most a bit of S): a penalty slope above it is exact.
_PENALTY = 2.0
_TINY = 1e-30


def softmax_channels(
    source: Source,
    utilities: FloatArray,
    starts: list[FloatArray],
    *,
    upper: bool = False,
    n_iter: int = 1500,
    learning_rate: float = 0.1,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> list[Mechanism]:
    """One channel for each utility asked for [nat], all trained together with Adam.

    Minimises I(S;Z) + 2 max(0, r - I(X;Z)); with `upper`, maximises I(S;Z) - 2 max(0, I(X;Z) - r).
    `starts` holds one channel (n_x, n_z) for each utility.
    """
    n_z = max(start.shape[1] for start in starts)
    logits = np.stack([_start(start, n_z, rng) for start in starts])
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for step in range(1, n_iter + 1):
        channel = softmax(logits, axis=2)
        slope = _slope(source, channel, utilities, upper)
        # Through the softmax: the gradient loses its mean under p(z|x).
        slope = channel * (slope - (channel * slope).sum(axis=2, keepdims=True))
        mean += 0.1 * (slope - mean)
        square += 0.01 * (slope * slope - square)
        size = learning_rate * 0.5 * (1.0 + np.cos(np.pi * step / n_iter))
        top = mean / (1.0 - 0.9**step)
        logits -= size * top / (np.sqrt(square / (1.0 - 0.99**step)) + 1e-9)
        if progress is not None and step % 50 == 0:
            progress(step / n_iter, f"softmax channel, step {step}")
    final = softmax(logits, axis=2)
    return [mechanism(source, c, f"softmax-{i}") for i, c in enumerate(final)]


def _start(channel: FloatArray, n_z: int, rng: np.random.Generator) -> FloatArray:
    padded = np.zeros((channel.shape[0], n_z))
    padded[:, : channel.shape[1]] = channel
    noise = rng.normal(0.0, 0.5, padded.shape)
    return np.asarray(np.log(0.8 * padded + 0.2 / n_z) + noise)


def _slope(source: Source, channel: FloatArray, utilities: FloatArray, upper: bool) -> FloatArray:
    """Gradient of the penalised objective with respect to p(z|x), per unit of p(x).

    (b, n_x, n_z). Adam does not care about a positive factor per logit, and leaving p(x) out keeps
    rare values of X moving.
    """
    p_z = source.p_x @ channel
    log_ratio_x = np.log(channel + _TINY) - np.log(p_z + _TINY)[:, None, :]
    joint = source.joint @ channel  # (b, n_s, n_z)
    p_s = source.joint.sum(axis=1)
    log_ratio_s = np.log(joint + _TINY) - np.log(p_s[:, None] * p_z[:, None, :] + _TINY)
    toward_s = source.s_given_x @ log_ratio_s
    utility = np.einsum("x,bxz,bxz->b", source.p_x, channel, log_ratio_x)
    short = utility > utilities if upper else utility < utilities
    weight = np.where(short, _PENALTY, 0.0)[:, None, None]
    return np.asarray((toward_s - weight * log_ratio_x) * (-1.0 if upper else 1.0))
