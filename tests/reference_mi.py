"""Slow, obvious twins of the discrete code of privfunnel: plain loops over cells and people.

Nothing here imports privfunnel. All results are in nats unless a name says otherwise. A table is
indexed joint[s][z]: rows the secret, columns what is seen. Logs of products are sums of logs, so
that tiny masses neither underflow nor need a special case.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

INF = math.inf
Cell = tuple[tuple[int, ...], float]


def cells(table: np.ndarray) -> Iterator[Cell]:
    """Index and mass of every cell that is not empty."""
    for index in itertools.product(*(range(k) for k in table.shape)):
        mass = float(table[index])
        if mass > 0.0:
            yield index, mass


def margin(table: np.ndarray, axes: Sequence[int]) -> dict[tuple[int, ...], float]:
    """Mass of each combination of some axes; combinations of mass 0 are left out."""
    parts: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for index, mass in cells(table):
        parts[tuple(index[a] for a in axes)].append(mass)
    return {key: math.fsum(masses) for key, masses in parts.items()}


def entropy(table: np.ndarray) -> float:
    return -math.fsum(p * math.log(p) for _, p in cells(table))


def entropy_of_axes(table: np.ndarray, axes: Sequence[int]) -> float:
    return -math.fsum(p * math.log(p) for p in margin(table, axes).values())


def conditional_entropy(joint: np.ndarray) -> float:
    """H(first | second): the average over columns of the entropy inside the column."""
    seen = margin(joint, [1])
    return -math.fsum(p * (math.log(p) - math.log(seen[(z,)])) for (_, z), p in cells(joint))


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    total = []
    for index, mass in cells(p):
        if q[index] <= 0.0:
            return INF
        total.append(mass * (math.log(mass) - math.log(float(q[index]))))
    return math.fsum(total)


def pointwise(joint: np.ndarray) -> dict[tuple[int, int], float]:
    first, second = margin(joint, [0]), margin(joint, [1])
    return {
        (s, z): math.log(p) - math.log(first[(s,)]) - math.log(second[(z,)])
        for (s, z), p in cells(joint)
    }


def mutual_information(joint: np.ndarray) -> float:
    terms = pointwise(joint)
    return math.fsum(p * terms[index] for index, p in cells(joint))


def conditional_mutual_information(joint: np.ndarray) -> float:
    """Average over the third variable of the information inside its slice."""
    total = []
    for (k,), weight in margin(joint, [2]).items():
        total.append(weight * mutual_information(joint[:, :, k] / weight))
    return math.fsum(total)


def jensen_shannon(p: np.ndarray, q: np.ndarray, weight: float) -> float:
    """Information between an outcome and the coin that says which law it was drawn from."""
    return mutual_information(np.array([weight * p.ravel(), (1 - weight) * q.ravel()]))


def renyi_entropy(p: np.ndarray, order: float) -> float:
    masses = [mass for _, mass in cells(p)]
    if order == 0:
        return math.log(len(masses))
    if order == 1:
        return entropy(p)
    if order == INF:
        return -math.log(max(masses))
    return math.log(math.fsum(m**order for m in masses)) / (1 - order)


def arimoto_information(joint: np.ndarray, order: float) -> float:
    """H_a(S) - H_a(S|Z), with the norm of each column."""
    if order == 1:
        return mutual_information(joint)
    prior = np.array(list(margin(joint, [0]).values()))
    columns = [[p for (_, other), p in cells(joint) if other == z] for z in range(joint.shape[1])]
    if order == INF:
        return math.log(math.fsum(max(c, default=0.0) for c in columns)) - math.log(prior.max())
    norms = [math.fsum(p**order for p in column) ** (1 / order) for column in columns]
    after = order / (1 - order) * math.log(math.fsum(norms))
    return renyi_entropy(prior, order) - after


def sibson_information(joint: np.ndarray, order: float) -> float:
    if order == 1:
        return mutual_information(joint)
    prior = margin(joint, [0])
    total = []
    for z in range(joint.shape[1]):
        column = [(prior[(s,)], p) for (s, other), p in cells(joint) if other == z]
        if order == INF:
            total.append(max((p / p_s for p_s, p in column), default=0.0))
        else:
            inside = math.fsum(p_s * (p / p_s) ** order for p_s, p in column)
            total.append(inside ** (1 / order))
    scale = 1.0 if order == INF else order / (order - 1)
    return scale * math.log(math.fsum(total))


def best_guess(joint: np.ndarray) -> float:
    """Chance that the best of all deterministic guessers is right, by trying every one of them."""
    rows, columns = joint.shape
    return max(
        math.fsum(float(joint[s, z]) for z, s in enumerate(guesser))
        for guesser in itertools.product(range(rows), repeat=columns)
    )


def fewest_guesses(joint: np.ndarray) -> float:
    """Expected number of guesses of the best order for each column, by trying every order."""
    rows, columns = joint.shape
    return math.fsum(
        min(
            math.fsum((turn + 1) * float(joint[s, z]) for turn, s in enumerate(order))
            for order in itertools.permutations(range(rows))
        )
        for z in range(columns)
    )


def best_gain(joint: np.ndarray, secrets: np.ndarray) -> float:
    """How many times likelier a guess of U = secrets[s] becomes once z is seen.

    `secrets[s, u]` is the law of U given s, so that U - S - Z is a chain.
    """
    of_u = secrets.T @ joint
    return best_guess(of_u) / float(of_u.sum(axis=1).max())


def correlation(joint: np.ndarray, f: np.ndarray, g: np.ndarray) -> float:
    """Correlation of f(s) with g(z)."""
    p_s, p_z = joint.sum(axis=1), joint.sum(axis=0)
    f, g = f - p_s @ f, g - p_z @ g
    scale = math.sqrt(float(p_s @ f**2) * float(p_z @ g**2))
    return float(f @ joint @ g) / scale if scale > 0 else 0.0


def chi_squared(joint: np.ndarray) -> float:
    """Sum over cells of p(s,z)^2 / (p(s) p(z)), less 1."""
    first, second = margin(joint, [0]), margin(joint, [1])
    return math.fsum(p / first[(s,)] * p / second[(z,)] for (s, z), p in cells(joint)) - 1.0


def sample_information(x: Sequence[Hashable], y: Sequence[Hashable]) -> float:
    """Plug-in information of two columns of labels, by counting people in dictionaries."""
    n = len(x)
    pairs, first, second = Counter(zip(x, y, strict=True)), Counter(x), Counter(y)
    return math.fsum(
        k / n * (math.log(k) + math.log(n) - math.log(first[a]) - math.log(second[b]))
        for (a, b), k in pairs.items()
    )


def sample_conditional_information(
    x: Sequence[Hashable], y: Sequence[Hashable], z: Sequence[Hashable]
) -> float:
    """Plug-in information inside each level of z, weighted by its share."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, level in enumerate(z):
        groups[level].append(i)
    return math.fsum(
        len(rows) / len(z) * sample_information([x[i] for i in rows], [y[i] for i in rows])
        for rows in groups.values()
    )


def tables_with_margins(rows: Sequence[int], columns: Sequence[int]) -> Iterator[np.ndarray]:
    """Every table of counts with these margins."""
    if len(rows) == 1:
        yield np.array([columns])
        return
    for first in itertools.product(*(range(min(rows[0], c) + 1) for c in columns)):
        if sum(first) == rows[0]:
            rest = [c - k for c, k in zip(columns, first, strict=True)]
            for below in tables_with_margins(rows[1:], rest):
                yield np.vstack([first, below])


def chance_of_table(table: np.ndarray) -> float:
    """Chance of a table of counts when y is shuffled: the multivariate hypergeometric law."""

    def logs(counts: np.ndarray) -> float:
        return math.fsum(math.lgamma(int(k) + 1) for k in counts)

    margins = logs(table.sum(axis=1)) + logs(table.sum(axis=0))
    return math.exp(margins - math.lgamma(int(table.sum()) + 1) - logs(table.ravel()))


def random_table(
    shape: Sequence[int], seed: int, *, empty: float = 0.0, depth: int = 0
) -> np.ndarray:
    """A table of probabilities; a share `empty` of its cells is 0, the others span `depth` decades.

    At least one cell is left.
    """
    rng = np.random.default_rng(seed)
    table = rng.exponential(size=tuple(shape)) * 10.0 ** -(depth * rng.random(tuple(shape)))
    gone = rng.random(tuple(shape)) < empty
    gone.flat[rng.integers(gone.size)] = False
    table[gone] = 0.0
    return table / table.sum()


DEGENERATE = {
    "one cell": np.array([[1.0]]),
    "one row": np.array([[0.2, 0.5, 0.3]]),
    "one column": np.array([[0.2], [0.5], [0.3]]),
    "one cell of many": np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "copy": np.diag([0.1, 0.2, 0.7]),
    "independent": np.outer([0.1, 0.9], [0.3, 0.3, 0.4]),
    "empty row and column": np.array([[0.1, 0.0, 0.4], [0.0, 0.0, 0.0], [0.3, 0.0, 0.2]]),
    "tiny masses": np.array([[1.0, 1e-160], [1e-160, 0.0]]),
    "tiny margins": np.array([[1.0, 0.0, 0.0], [0.0, 1e-160, 1e-170], [0.0, 1e-200, 0.0]]),
    "smallest numbers": np.array([[1.0, 0.0], [0.0, 5e-324]]),
    "fair coin and a rare third": np.array([[0.5, 0.0], [0.0, 0.5 - 1e-15], [1e-15, 0.0]]),
}
