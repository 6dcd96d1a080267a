"""Upper bounds of a release that a saved model made: its channel p(z|row) is known.

Given the row, released columns are drawn apart from each other, so I(S;Z) <= I(row;Z) <=
sum_j I(row;Z_j). The leakage itself is an average over releases drawn anew, z ~ p(z|row_i), of
log p(z|s_i) / p(z), with the rows of the original table in place of the population: what somebody
learns who has the model and every row of it. I(S;Z) is convex in p(z|s), so on average over tables
that is never below the population's (Jensen).
"""

from __future__ import annotations

import math

import numpy as np

from privfunnel.audit.details import Upper
from privfunnel.audit.findings import Secret
from privfunnel.columns import Table
from privfunnel.entropy import FloatArray, entropy
from privfunnel.estimate import normal_quantile
from privfunnel.variables import Codes

# Rows that stand for the population, releases drawn from them, and pairs of the two.
MOST_ROWS = 20_000
MOST_DRAWS = 20_000
MOST_PAIRS = 40_000_000
# Of the upper end of the average over draws.
_CONFIDENCE = 0.99
_PAIRS_AT_ONCE = 4_000_000


def model_upper(
    path: str,
    chosen: Table,
    original: Table,
    codes: Codes,
    secret: Secret,
    rng: np.random.Generator,
) -> Upper:
    """What the release that this model made of the original table lets through at most.

    Parameters
    ----------
    path : a model file of `privfunnel release --model`.
    chosen : the released columns.
    original : the rows that the model released, the sensitive column among them if it looked.
    codes : (n,) levels of the secret of these rows.

    Raises
    ------
    ValueError
        If the file is no such model, or the columns cannot have come from it.
    """
    # Torch is loaded only when a model is given.
    from privfunnel.funnels.neural import load_funnel
    from privfunnel.funnels.tabular import TableFunnel

    funnel = load_funnel(path)
    if not isinstance(funnel, TableFunnel):
        raise ValueError(
            f"{path}: not a model of privfunnel release; for noise that was added to numbers write "
            "gaussian:SIGMA"
        )
    rows = np.arange(len(codes))
    if len(rows) > MOST_ROWS:
        rows = np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))
    every = funnel.chances(original.take(rows))
    for column in chosen:
        if column.name not in every:
            raise ValueError(
                f"column {column.name!r} was not released by {path}, which releases "
                f"{', '.join(every)}"
            )
    chances = {column.name: every[column.name] for column in chosen}
    columns = tuple((name, information(p)) for name, p in chances.items())
    leak = known_leakage(list(chances.values()), codes[rows], rng)
    bits = min(secret.entropy, leak, sum(b for _, b in columns))
    most = sum(max_leakage_bits(p) for p in chances.values())
    return Upper(f"the model {path}", bits, most, columns)


def information(chances: FloatArray) -> float:
    """I(row;Z_j) [bit] of one column, rows (n, groups) equally likely."""
    inside = chances > 0
    logs = np.log2(chances, where=inside, out=np.zeros_like(chances))
    return max(0.0, entropy(chances.mean(axis=0)) + float((chances * logs).sum(axis=1).mean()))


def max_leakage_bits(chances: FloatArray) -> float:
    """Maximal leakage [bit] of one column's channel from the rows given."""
    return max(0.0, math.log2(float(chances.max(axis=0).sum())))


def known_leakage(chances: list[FloatArray], codes: Codes, rng: np.random.Generator) -> float:
    """Upper end [bit] of I(S;Z) of this channel, the rows given being the population.

    Parameters
    ----------
    chances : for each released column p(group | row), (n, groups).
    codes : (n,) secrets of the rows.
    """
    n = len(codes)
    present, codes = np.unique(codes, return_inverse=True)
    of_level = np.eye(len(present))[codes] / np.bincount(codes)
    # Whole rounds over all people where that is possible: their shares are then exact.
    n_draws = min(MOST_DRAWS, MOST_PAIRS // n)
    drawn = np.resize(rng.permutation(n), max(n, n_draws // n * n) if n <= n_draws else n_draws)
    logs = [np.log(np.maximum(p, 1e-300)).T.copy() for p in chances]
    released = [_draw(p[drawn], rng) for p in chances]
    share = np.bincount(codes) / n
    gains = np.empty(len(drawn))
    step = max(1, _PAIRS_AT_ONCE // n)
    for start in range(0, len(drawn), step):
        part = slice(start, start + step)
        total = np.zeros((len(drawn[part]), n))
        for log_p, z in zip(logs, released, strict=True):
            total += log_p[z[part]]
        likely = np.exp(total - total.max(axis=1, keepdims=True)) @ of_level
        own = likely[np.arange(len(likely)), codes[drawn[part]]]
        gains[part] = np.log2(own / (likely @ share))
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
    return max(0.0, float(gains.mean()) + normal_quantile(_CONFIDENCE) * error)


def _draw(chances: FloatArray, rng: np.random.Generator) -> Codes:
    steps = np.cumsum(chances, axis=1)
    steps /= steps[:, -1:]
    return np.asarray((rng.random(len(chances))[:, None] >= steps).sum(axis=1), dtype=np.int64)
