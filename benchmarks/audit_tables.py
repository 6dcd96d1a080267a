"""Tables of any size whose leakage is known: a secret bit, and columns that show it with errors.

Column j holds the secret with a known chance of error, hidden among levels that mean nothing:
I(S; column) = 1 - h(error), however many levels there are. Everything is a hash of the row's
number: the same rows at any time, made by DuckDB without a random generator and out of core.
"""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import numpy as np


def bits_of(error: float) -> float:
    """I(S;Z) [bit] of a fair bit seen with this chance of error."""
    if error in (0.0, 1.0):
        return 1.0
    return 1.0 + error * math.log2(error) + (1 - error) * math.log2(1 - error)


def error_of(bits: float) -> float:
    """The chance of error (at most 1/2) that leaves so many bits."""
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if bits_of(middle) > bits else (low, middle)
    return 0.5 * (low + high)


def small_table(n: int, cells: int, bits: float, seed: int) -> dict[str, np.ndarray]:
    """n people with one column of `cells` equally likely levels that tells `bits`."""
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 2, n)
    shown = s ^ (rng.random(n) < error_of(bits))
    level = shown + 2 * rng.integers(0, cells // 2, n)
    return {"s": s, "z": np.char.mod("z%d", level)}


def write_parquet(path: Path, rows: int, columns: int = 20) -> dict[str, float]:
    """Write a Parquet file with a secret `s` and so many columns; their true leakages [bit].

    Every fifth column is a number (normal noise around the secret), the others have 2 to 400
    levels, text from 100 levels on.
    """
    truths: dict[str, float] = {}
    parts = []
    for j in range(columns):
        uniform = f"(hash(i * {2 * columns} + {2 * j}) % 1000000) / 1000000.0"
        if j % 5 == 4:
            # The sum of four uniforms is close enough to normal, and cheap.
            noise = " + ".join(
                f"(hash(i * 977 + {100 * j + k}) % 1000000) / 1000000.0" for k in range(4)
            )
            parts.append(f"({noise} + 0.01 * {j} * s)::FLOAT AS c{j}")
            continue
        error = 0.5 - 0.4 * j / columns
        half = (1, 2, 5, 50, 200)[(j // 2) % 5]
        shown = f"xor(s, ({uniform} < {error})::INT)"
        free = f"hash(i * {2 * columns} + {2 * j + 1}) % {half}"
        level = f"({shown} + 2 * ({free}))::USMALLINT"
        parts.append(f"'v' || {level} AS c{j}" if half >= 50 else f"{level} AS c{j}")
        truths[f"c{j}"] = bits_of(error)
    source = f"(SELECT range AS i, (hash(range) % 2)::INT AS s FROM range({rows}))"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT s::UTINYINT AS s, {', '.join(parts)} FROM {source}) TO '{path}' "
            "(FORMAT parquet)"
        )
    return truths
