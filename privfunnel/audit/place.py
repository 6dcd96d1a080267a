"""Where a release lies between the best one of its utility (funnel) and the worst (bottleneck)."""

from __future__ import annotations

import numpy as np

from privfunnel.audit.details import Place
from privfunnel.audit.grouping import Grouping, fit_grouping
from privfunnel.columns import Column
from privfunnel.counting import count_pairs
from privfunnel.entropy import mutual_information
from privfunnel.funnels.discrete import DiscreteFunnel
from privfunnel.variables import Codes

# Larger alphabets take the solver too long for a report.
MOST_VALUES = 8
# A release that tells less about its original than this [bit] has no place worth naming.
LEAST_UTILITY = 0.02


def place_of(before: Column, after: Column, secret: Codes) -> Place | None:
    """The place of one released column; None if its range of leakages is too small to tell.

    All numbers are those of the counted table, with the release as the channel p(z|x) counted
    from it; both edges are for the same p(s, x).
    """
    x = _codes(before)
    z = _codes(after)
    n_s, n_x, n_z = (int(c.max()) + 1 for c in (secret, x, z))
    if n_x < 2 or n_s < 2:
        return None
    joint = count_pairs(secret, x, n_s, n_x) / len(x)
    joint = joint[joint.sum(axis=1) > 0]
    channel = count_pairs(x, z, n_x, n_z) / np.bincount(x)[:, None]
    utility = mutual_information(joint.sum(axis=0)[:, None] * channel)
    leakage = mutual_information(joint @ channel)
    if utility < LEAST_UTILITY:
        return None
    funnel = DiscreteFunnel(utility=utility, rng=0).fit(joint)
    # A release made by hand may beat the solver by a hair.
    low = min(funnel.leakage.value, leakage)
    high = max(funnel.bottleneck().value, leakage)
    if high - low < 1e-3:
        return None
    return Place(after.name, utility, leakage, low, high, (leakage - low) / (high - low))


def _codes(column: Column) -> Codes:
    grouping: Grouping = fit_grouping(column, MOST_VALUES)
    return np.unique(grouping.codes(column), return_inverse=True)[1].astype(np.int64)
