"""Simpler releases to hold a frontier against: noise on every column, a linear release."""

from __future__ import annotations

import math

import numpy as np

from privfunnel.columns import Table
from privfunnel.counting import count
from privfunnel.entropy import FloatArray
from privfunnel.estimate import Progress, Rng
from privfunnel.estimators.attackers import FAMILIES
from privfunnel.estimators.plugin import table_mi
from privfunnel.funnels.fresh import fresh_leakage, secret_codes
from privfunnel.funnels.gaussian import linear_leakage
from privfunnel.funnels.groups import Groups
from privfunnel.variables import Codes, Variable

Line = tuple[tuple[float, float], ...]
# Local privacy of each column [nat], from nearly noise to nearly everything.
EPSILONS = (0.5, 1.5, 2.5, 3.5, 5.0)
_N_LINEAR = 25
_BIT = math.log(2.0)


def response_line(
    table: Table, sensitive: str, *, rng: Rng = None, progress: Progress | None = None
) -> Line:
    """Randomised response on each column apart, (utility, leakage) [bit] by rising epsilon.

    A value's group is kept with chance e^eps / (e^eps + k - 1) and any other of its k groups drawn
    otherwise: eps-local differential privacy a column. Utility is the sum of I(X_j;Z_j), as for
    a `TableFunnel`; leakage what the worst attacker reads.
    """
    generator = np.random.default_rng(rng)
    secret = table[sensitive]
    codes = secret_codes(secret.values, secret.kind == "discrete")
    groups = [Groups.fit(column) for column in table.without(sensitive)]
    before = [g.encode(table[g.name]) for g in groups]
    found = [(0.0, 0.0)]
    for i, epsilon in enumerate(EPSILONS):
        if progress is not None:
            progress(i / len(EPSILONS), f"randomised response, epsilon {epsilon:g}")
        after = [_respond(b, g.n, epsilon, generator) for g, b in zip(groups, before, strict=True)]
        drawn = Table({g.name: g.draw(a, generator) for g, a in zip(groups, after, strict=True)})
        leak = fresh_leakage(
            drawn.matrix(), codes, confidence=0.95, rng=generator, attackers=tuple(FAMILIES)
        )
        kept = [
            table_mi(count(b, a), correction="miller_madow", rng=generator).value
            for b, a in zip(before, after, strict=True)
        ]
        found.append((max(0.0, sum(kept)) / _BIT, leak.value / _BIT))
    return tuple(found)


def _respond(codes: Codes, k: int, epsilon: float, rng: np.random.Generator) -> Codes:
    keep = math.exp(epsilon) / (math.exp(epsilon) + k - 1)
    other = (codes + rng.integers(1, max(k, 2), len(codes))) % k
    return np.where(rng.random(len(codes)) < keep, codes, other)


def linear_line(x: Variable, s: Variable, most: float) -> Line | None:
    """The linear release of Gaussian numbers with these correlations, up to a utility [bit].

    None where a side holds names, or columns that say the same.
    """
    if any(x.nominal) or any(s.nominal) or len(x) <= 2 * (x.dim + s.dim):
        return None
    rho = _canonical(x.values, s.values)
    if rho is None:
        return None
    utilities = np.linspace(0.0, most, _N_LINEAR)
    return tuple((float(u), linear_leakage(rho, float(u) * _BIT) / _BIT) for u in utilities)


def _canonical(x: FloatArray, s: FloatArray) -> FloatArray | None:
    """Canonical correlations of two sides, (min(d, m),)."""
    bases = []
    for side in (x, s):
        q, r = np.linalg.qr(side - side.mean(axis=0))
        size = np.abs(np.diag(r))
        if size.min() <= 1e-9 * size.max():
            return None
        bases.append(q)
    values = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    return np.asarray(np.clip(values, 0.0, 1.0), dtype=np.float64)
