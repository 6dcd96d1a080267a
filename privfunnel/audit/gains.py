"""g-leakage: what an attacker gains under a stated table of gains.

A guess w about a person whose secret is s is worth g(w, s); the best strategy without data gains
max_w E g(w, S), the best with data more (Alvim, Chatzikokolakis, Palamidessi & Smith 2012).
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from privfunnel.audit.details import Gains
from privfunnel.columns import suggestion
from privfunnel.entropy import FloatArray
from privfunnel.estimators.attackers import Attack

GainTable = Mapping[str, Mapping[str, float]]


def gain_matrix(table: GainTable, levels: tuple[str, ...]) -> FloatArray:
    """The gains (guesses, levels of the secret) in the order of its levels.

    Raises
    ------
    ValueError
        If a level is unknown or missing, a gain negative or not finite, or no gain is positive.
    """
    if not table:
        raise ValueError("the table of gains has no rows: one row a guess, one entry a level")
    rows = []
    for guess, row in table.items():
        for name in row:
            if str(name) not in levels:
                raise ValueError(
                    f"gains of {guess!r}: {name!r} is no level of the sensitive column"
                    f"{suggestion(str(name), levels)}"
                )
        texts = {str(name): value for name, value in row.items()}
        lost = [level for level in levels if level not in texts]
        if lost:
            raise ValueError(f"gains of {guess!r}: no entry for level {lost[0]!r}")
        rows.append([float(texts[level]) for level in levels])
    matrix = np.array(rows)
    if not np.isfinite(matrix).all() or matrix.min() < 0.0 or matrix.max() <= 0.0:
        raise ValueError("gains must be finite numbers >= 0, and one of them above 0")
    return matrix


def read_gains(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Gains from a CSV file: header `guess,LEVEL,LEVEL,...`, one row a guess.

    Raises
    ------
    ValueError
        If there is no such file or it holds anything but numbers.
    """
    source = Path(path)
    if not source.is_file():
        raise ValueError(f"{source}: no such file")
    with source.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if line]
    if len(lines) < 2 or any(len(line) != len(lines[0]) for line in lines):
        raise ValueError(f"{source}: need a header and rows of as many entries as it has")
    try:
        return {
            line[0]: {k: float(v) for k, v in zip(lines[0][1:], line[1:], strict=True)}
            for line in lines[1:]
        }
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def gains_of(best: Attack | None, matrix: FloatArray, prior: FloatArray) -> Gains:
    """Gains without data, and of the strongest attacker's best guesses on unseen people."""
    if best is None:
        blind = float((matrix @ prior).max())
        return Gains(blind, blind, 0.0)
    blind = float((matrix @ best.prior).max())
    worth = best.probabilities @ matrix.T
    guesses = worth.argmax(axis=1)
    seeing = float(matrix[guesses, best.codes].mean())
    ratio = max(1.0, seeing / blind) if blind > 0 else 1.0
    return Gains(blind, seeing, math.log2(ratio))
