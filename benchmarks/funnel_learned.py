"""Learned releases against what integrals say: cases of `dev.py bench funnel --parts neural`.

10 000 people with known laws. Exact leakage, information and distortion are sums over fine grids of
the trained channel, which no finite sample enters; so nothing lies below a proven optimum.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from privfunnel.funnels.gaussian import distortion_leakage, linear_leakage

N = 10_000
RHO = 0.8
# What the prototype and earlier measurements of this project found, in nats.
EARLIER = {
    "binary S": "I(S;Z) .004 to .007 (cross-entropy), .054 to .063 (MINE) at I(X;Z) 1.11 to 1.25",
    "continuous S": "2.3 to 6 times less than the linear curve (MINE)",
    "distortion, sees X": "+.003 to +.0065 over the optimum",
    "distortion, sees S and X": "+.006 to +.028 over the optimum",
}
BUDGETS = {"binary S": (0.005,), "continuous S": (0.08,)}
DISTORTION_BUDGETS = (0.1, 0.25)
Row = dict[str, Any]


def cases() -> list[tuple[str, float]]:
    """Names and budgets [nat]."""
    return [(name, b) for name in EARLIER for b in BUDGETS.get(name, DISTORTION_BUDGETS)]


def learned(case: str, budget: float, seed: int, **options: Any) -> Row:
    """One funnel, read by its own fresh attackers and exactly."""
    from privfunnel.funnels.neural import NeuralFunnel

    rng = np.random.default_rng(seed)
    both = case.endswith("S and X")
    if case == "binary S":
        s: np.ndarray = rng.integers(0, 2, N)
        x = rng.normal(size=N) + 0.99 * (2 * s - 1)
    else:
        s = rng.normal(size=N)
        x = RHO * s + math.sqrt(1 - RHO**2) * rng.normal(size=N)
    if case.startswith("distortion"):
        options |= {"utility": "distortion", "use_sensitive": both}
    funnel = NeuralFunnel(budget, n_outputs=1, base=math.e, rng=seed, **options).fit(x, s)
    leak, utility, distortion = exact(funnel, binary=case == "binary S", both=both)
    row: Row = {"budget": budget, "exact_leak": leak, "earlier": EARLIER[case]}
    if case.startswith("distortion"):
        optimum = distortion_leakage(RHO, distortion, sees="both" if both else "x")
        row |= {"distortion": distortion, "optimum": optimum, "over_optimum": leak - optimum}
    else:
        row |= {"utility": utility, "linear": linear_leakage(RHO, utility)}
    fresh = funnel.leakage
    row |= {"fresh": fresh.value, "lower": fresh.lower, "upper": fresh.upper}
    short = leak - fresh.value > max(0.15 * leak, 0.01)
    return row | {"status": funnel.status, "fresh_too_low": short}


def exact(funnel: Any, *, binary: bool, both: bool) -> tuple[float, float, float]:
    """I(S;Z), I(X;Z) (S unseen) [nat] and E(X-Z)^2 of a release of one dimension."""
    s = np.array([-1.0, 1.0]) if binary else np.linspace(-5.0, 5.0, 121)
    p_s = np.full(2, 0.5) if binary else _weights(s)
    centre, width = (0.99 * s, 1.0) if binary else (RHO * s, math.sqrt(1 - RHO**2))
    u = np.linspace(-5.0, 5.0, 1201 if binary else 361)
    p_u = _weights(u)
    x = centre[:, None] + width * u[None]
    law = (
        funnel.law(x.reshape(-1, 1), S=np.repeat(s, len(u)))
        if both
        else funnel.law(x.reshape(-1, 1))
    )
    mean, spread = law[:, 0].reshape(x.shape), np.exp(law[:, 1]).reshape(x.shape)
    z = np.linspace((mean - 6 * spread).min(), (mean + 6 * spread).max(), 1200)
    step = float(z[1] - z[0])
    z_given_s = np.stack([p_u @ _normal(z, m, g) for m, g in zip(mean, spread, strict=True)])
    p_z = p_s @ z_given_s
    terms = z_given_s * np.log((z_given_s + 1e-300) / (p_z + 1e-300))
    leak = float((p_s[:, None] * terms).sum() * step)
    of_noise = float(p_s @ (np.log(spread) @ p_u)) + 0.5 * math.log(2 * math.pi * math.e)
    information = -float((p_z * np.log(p_z + 1e-300)).sum() * step) - of_noise
    scale = funnel._get().inputs.scale
    shift, unit = (0.0, 1.0) if scale is None else (float(scale[0][0]), float(scale[1][0]))
    error = (shift + unit * mean - x) ** 2 + (unit * spread) ** 2
    return leak, information, float(p_s @ (error @ p_u))


def _weights(points: np.ndarray) -> np.ndarray:
    p: np.ndarray = np.exp(-0.5 * points**2)
    p /= p.sum()
    return p


def _normal(z: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    dense: np.ndarray = np.exp(-0.5 * ((z[None] - mean[:, None]) / spread[:, None]) ** 2)
    dense /= spread[:, None] * math.sqrt(2 * math.pi)
    return dense
