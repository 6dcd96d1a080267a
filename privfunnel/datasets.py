"""Samples whose mutual information is known, and the tables shipped in `data/`.

The panel that benchmarks and tests run over is in `privfunnel.panel`. Constructions
follow the published benchmark of Czyz, Grabowski, Vogt, Beerenwinkel & Marx (2023) and the closed
forms that go with them: invertible maps of each side leave the information as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln, ndtr

from privfunnel.columns import Table, suggestion
from privfunnel.entropy import FloatArray, check_table, mutual_information
from privfunnel.tables import read_table

Sampler = Callable[[int, np.random.Generator], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
Map = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Task:
    """A joint distribution with known mutual information.

    Attributes
    ----------
    name : what it is, in words.
    nats : the information of the two sides [nat].
    sampler : (n, generator) -> x (n, d_x), y (n, d_y).
    """

    name: str
    nats: float
    sampler: Sampler

    def sample(
        self, n: int, rng: np.random.Generator | int | None = None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Draw n rows: x (n, d_x) and y (n, d_y)."""
        return self.sampler(n, np.random.default_rng(rng))

    @property
    def bits(self) -> float:
        """The information of the two sides [bit]."""
        return self.nats / math.log(2)


def mapped(task: Task, name: str, x_map: Map, y_map: Map | None = None) -> Task:
    """The task with an invertible map applied to each side (y_map defaults to x_map)."""

    def sampler(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        x, y = task.sampler(n, rng)
        return x_map(x), (y_map or x_map)(y)

    return Task(f"{name} {task.name}", task.nats, sampler)


def multinormal(name: str, covariance: npt.ArrayLike, d_x: int) -> Task:
    """Jointly Gaussian sides: the first d_x columns of `covariance` against the rest."""
    sigma = np.asarray(covariance, dtype=np.float64)
    factor = np.linalg.cholesky(sigma)

    def sampler(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        rows = rng.standard_normal((n, len(sigma))) @ factor.T
        return rows[:, :d_x], rows[:, d_x:]

    return Task(name, gaussian_nats(sigma, d_x), sampler)


def gaussian_nats(covariance: FloatArray, d_x: int) -> float:
    """Information of two jointly Gaussian sides [nat]: half ln det(S_x) det(S_y) / det(S)."""
    x, y = covariance[:d_x, :d_x], covariance[d_x:, d_x:]
    logs = [float(np.linalg.slogdet(block)[1]) for block in (x, y, covariance)]
    return 0.5 * (logs[0] + logs[1] - logs[2])


def bivariate_normal(rho: float) -> Task:
    """Two standard normals of correlation rho: -0.5 ln(1 - rho^2)."""
    return multinormal(f"normal 1x1 rho={rho:g}", [[1, rho], [rho, 1]], 1)


def dense_normal(d_x: int, d_y: int, rho: float = 0.5) -> Task:
    """All pairs of the d_x + d_y columns have correlation rho."""
    sigma = np.full((d_x + d_y, d_x + d_y), rho) + (1 - rho) * np.eye(d_x + d_y)
    return multinormal(f"dense {d_x}x{d_y}", sigma, d_x)


def sparse_normal(d_x: int, d_y: int, pairs: int = 2, rho: float = 0.8) -> Task:
    """The first `pairs` columns of each side are correlated one to one, the rest is noise."""
    name = "sparse" if pairs else "independent"
    return multinormal(f"{name} {d_x}x{d_y}", _sparse(d_x, d_y, pairs, rho), d_x)


def student(d_x: int, d_y: int, dof: int, pairs: int = 0, rho: float = 0.8) -> Task:
    """Multivariate Student-t; with pairs=0 all dependence is in the common scale.

    Information: that of the normal with the same dispersion, plus a term in the degrees of
    freedom (Arellano-Valle, Contreras-Reyes & Genton 2013, section 3).
    """
    sigma = _sparse(d_x, d_y, pairs, rho)
    normal = multinormal("", sigma, d_x)

    def sampler(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        x, y = normal.sampler(n, rng)
        scale = np.sqrt(dof / rng.chisquare(dof, size=(n, 1)))
        return x * scale, y * scale

    def term(k: int) -> float:
        half = 0.5 * (dof + k)
        return float(gammaln(half) - half * digamma(half))

    extra = term(0) + term(d_x + d_y) - term(d_x) - term(d_y)
    kind = f" sparse={pairs}" if pairs else ""
    return Task(f"student {d_x}x{d_y} dof={dof}{kind}", normal.nats + extra, sampler)


def additive_noise(width: float) -> Task:
    """X uniform on [0, 1], Y = X + uniform noise on [-width, width]."""
    nats = width - math.log(2 * width) if width <= 0.5 else 1 / (4 * width)

    def sampler(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        x = rng.random((n, 1))
        return x, x + rng.uniform(-width, width, (n, 1))

    return Task(f"additive 1x1 width={width:g}", nats, sampler)


def from_joint(name: str, joint: npt.ArrayLike) -> Task:
    """Two discrete sides drawn from a table; x and y are codes."""
    table = check_table(joint, ndim=2, name="joint")

    def sampler(n: int, rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        cells = rng.choice(table.size, size=n, p=table.ravel())
        return cells[:, None] // table.shape[1], cells[:, None] % table.shape[1]

    return Task(name, mutual_information(table, math.e), sampler)


def symmetric_channel(crossover: float, prior: float = 0.5) -> FloatArray:
    """Joint table of a bit with P(1) = prior and its copy flipped with chance `crossover`."""
    channel = np.array([[1 - crossover, crossover], [crossover, 1 - crossover]])
    return np.asarray(np.array([[1 - prior], [prior]]) * channel)


def erasure_channel(erasure: float, prior: float = 0.5) -> FloatArray:
    """Joint table of a bit with P(1) = prior and its copy, erased (column 2) at random."""
    channel = np.array([[1 - erasure, 0, erasure], [0, 1 - erasure, erasure]])
    return np.asarray(np.array([[1 - prior], [prior]]) * channel)


def randomised_response(k: int, epsilon: float) -> FloatArray:
    """Joint table of a uniform symbol out of k and its locally private report (eps in nats)."""
    channel = np.full((k, k), 1.0) + (math.exp(epsilon) - 1) * np.eye(k)
    return np.asarray(channel / channel.sum())


def uniform_mixture(m: int) -> Task:
    """X uniform on m codes, Y uniform on [X, X + 2]: ln m - (m-1)/m ln 2 (Gao et al. 2017)."""

    def sampler(n: int, rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        x = rng.integers(0, m, (n, 1))
        return x, x + 2 * rng.random((n, 1))

    return Task(f"mixture of {m} uniforms", math.log(m) - (m - 1) / m * math.log(2), sampler)


def gap_gaussian(mu: float) -> Task:
    """S a fair sign, X | S normal with mean S mu and variance 1; information by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    gain = (weights / weights.sum()) @ np.log1p(np.exp(-2 * mu * (mu + nodes)))

    def sampler(n: int, rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        s = rng.integers(0, 2, (n, 1))
        return s, (2 * s - 1) * mu + rng.standard_normal((n, 1))

    return Task(f"sign in noise mu={mu:g}", math.log(2) - float(gain), sampler)


def half_cube(x: FloatArray) -> FloatArray:
    """x |x|^(1/2): heavier tails."""
    return np.asarray(x * np.sqrt(np.abs(x)))


def wiggle(x: FloatArray) -> FloatArray:
    """x plus small sines; increasing."""
    return np.asarray(x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2))


def bimodal(x: FloatArray) -> FloatArray:
    """Monotone map that gives a standard normal two modes at -2 and 2."""
    grid = np.linspace(-9, 9, 4001)
    law = 0.5 * (ndtr((grid + 2) / 0.6) + ndtr((grid - 2) / 0.6))
    return np.interp(ndtr(x), law, grid)


def spiral(first: int, speed: float) -> Map:
    """Rotate the plane of columns (first, first + 1) by speed |x|^2 radians."""

    def turn(x: FloatArray) -> FloatArray:
        angle = speed * (x**2).sum(axis=1)
        result = x.copy()
        a, b = x[:, first], x[:, first + 1]
        result[:, first] = np.cos(angle) * a - np.sin(angle) * b
        result[:, first + 1] = np.sin(angle) * a + np.cos(angle) * b
        return result

    return turn


def swiss_roll(x: FloatArray) -> FloatArray:
    """Roll a column with standard normal values up in the plane, (n, 2)."""
    t = 1.5 * np.pi * (1 + 2 * ndtr(x[:, 0]))
    return np.column_stack([t * np.cos(t), t * np.sin(t)]) / 21


def load_table(name: str) -> Table:
    """A table of the `data/` folder (installed: `privfunnel_fsmi_data`), by name without ending."""
    above = Path(__file__).resolve().parent.parent
    installed = above / "privfunnel_fsmi_data"
    folder = installed if installed.is_dir() else above / "data"
    known = sorted(path.stem for path in folder.glob("*.csv"))
    if name not in known:
        raise ValueError(f"no table {name!r}{suggestion(name, known).replace('columns', 'tables')}")
    return read_table(folder / f"{name}.csv")


def _sparse(d_x: int, d_y: int, pairs: int, rho: float) -> FloatArray:
    if pairs > min(d_x, d_y):
        raise ValueError(f"pairs must be at most {min(d_x, d_y)}, not {pairs}")
    sigma = np.eye(d_x + d_y)
    for i in range(pairs):
        sigma[i, d_x + i] = sigma[d_x + i, i] = rho
    return sigma
