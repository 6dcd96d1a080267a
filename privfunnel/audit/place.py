"""Where a release lies between the best one of its utility (funnel) and the worst (bottleneck)."""

from __future__ import annotations

from privfunnel.audit.details import Place
from privfunnel.counting import Counts
from privfunnel.entropy import mutual_information
from privfunnel.funnels.discrete import DiscreteFunnel

# Larger alphabets take the solver too long for a report.
MOST_VALUES = 8
# A release that tells less about its original than this [bit] has no place worth naming.
LEAST_UTILITY = 0.02


def place_of(name: str, counts: Counts) -> Place | None:
    """The place of one released column; None if its range of leakages is too small to tell.

    All numbers are those of the counted table, with the release as the channel p(z|x) counted
    from it; both edges are for the same p(s, x).

    Parameters
    ----------
    name : of the column.
    counts : people by original value, released value and secret, (n_x, n_z, n_s).
    """
    counts = counts[counts.sum(axis=(1, 2)) > 0][:, :, counts.sum(axis=(0, 1)) > 0]
    if counts.shape[0] < 2 or counts.shape[2] < 2:
        return None
    joint = counts.sum(axis=1).T / counts.sum()
    pairs = counts.sum(axis=2)
    channel = pairs / pairs.sum(axis=1, keepdims=True)
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
    return Place(name, utility, leakage, low, high, (leakage - low) / (high - low))
