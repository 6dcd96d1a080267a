"""Upper bounds of the leakage: only under a mechanism that the user states.

Data alone give none. S - X - Z is a Markov chain, so I(S;Z) <= I(X;Z), and what a channel can
carry at all bounds that: its capacity, added up over columns that got noise of their own.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from privfunnel.audit.details import Upper
from privfunnel.audit.findings import Secret
from privfunnel.columns import Column, Table

MECHANISMS = ("krr:EPS", "gaussian:SIGMA")
MODEL_ENDING = ".safetensors"


def is_model(text: str) -> bool:
    """Whether the mechanism is a file that `privfunnel release --model` wrote."""
    return text.endswith(MODEL_ENDING) or Path(text).is_file()


def parse_mechanism(text: str) -> tuple[str, float]:
    """The name and the number of "krr:EPS" or "gaussian:SIGMA".

    Raises
    ------
    ValueError
        If it is neither.
    """
    name, _, number = text.partition(":")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if name not in ("krr", "gaussian") or not (math.isfinite(value) and value > 0):
        raise ValueError(
            f"mechanism must be one of {', '.join(MECHANISMS)} with a number above 0, or a model "
            f"file of privfunnel release, not {text!r}"
        )
    return name, value


def upper_bound(text: str, chosen: Table, source: Table | None, secret: Secret) -> Upper:
    """What the stated mechanism lets through at most, if every released column went through it.

    Parameters
    ----------
    text : "krr:EPS", k-ary randomised response of each column with local-DP epsilon EPS, or
        "gaussian:SIGMA", independent normal noise of that standard deviation on each column.
    source : the table before the release, if known: powers and alphabets come from there.

    Raises
    ------
    ValueError
        If the columns do not fit the mechanism.
    """
    name, value = parse_mechanism(text)
    bounds, most = [], 0.0
    for column in chosen:
        before = column
        if source is not None and column.name in source.names:
            before = source[column.name]
        if name == "krr":
            k = max(len(before.coded[1]), len(column.coded[1]))
            bounds.append((column.name, krr_capacity(k, value)))
            most += krr_max_leakage(k, value)
        else:
            bounds.append((column.name, _gaussian(column, before, value)))
    total = min(secret.entropy, sum(b for _, b in bounds))
    words = {
        "krr": f"k-ary randomised response with epsilon {value:g}",
        "gaussian": f"independent normal noise of standard deviation {value:g}",
    }[name]
    return Upper(words, total, most if name == "krr" else None, tuple(bounds))


def krr_capacity(k: int, epsilon: float) -> float:
    """Capacity [bit] of k-ary randomised response: log k - H(row), at the uniform input."""
    if k < 2:
        return 0.0
    stay = 1.0 / (1.0 + (k - 1) * math.exp(-epsilon))
    move = (1.0 - stay) / (k - 1)
    row = -stay * math.log2(stay) - (0.0 if move <= 0 else (k - 1) * move * math.log2(move))
    return max(0.0, math.log2(k) - row)


def krr_max_leakage(k: int, epsilon: float) -> float:
    """Maximal leakage [bit]: log k e^eps / (e^eps + k - 1)."""
    return math.log2(k) - math.log2(1.0 + (k - 1) * math.exp(-epsilon))


def gaussian_capacity(power: float, sigma: float) -> float:
    """Most that a number of this variance tells through added normal noise [bit]."""
    return 0.5 * math.log2(1.0 + power / sigma**2)


def _gaussian(column: Column, before: Column, sigma: float) -> float:
    if column.levels is not None:
        raise ValueError(
            f"column {column.name!r} holds text: normal noise cannot have been added to it"
        )
    if before is not column:
        return gaussian_capacity(float(np.var(before.values)), sigma)
    # The noise is in the released column already: its variance is power plus sigma squared.
    power = float(np.var(column.values)) - sigma**2
    spread = float(np.std((column.values - column.values.mean()) ** 2)) / math.sqrt(len(column))
    if power < -4.0 * spread:
        raise ValueError(
            f"column {column.name!r} has a standard deviation of {np.std(column.values):g}: noise "
            f"of {sigma:g} cannot have been added to it"
        )
    return gaussian_capacity(max(0.0, power) + 2.0 * spread, sigma)
