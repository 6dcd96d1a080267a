"""The panel of tasks with known information that benchmarks and tests run over."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from privfunnel.datasets import (
    Task,
    additive_noise,
    bimodal,
    bivariate_normal,
    dense_normal,
    erasure_channel,
    from_joint,
    gap_gaussian,
    half_cube,
    mapped,
    randomised_response,
    sparse_normal,
    spiral,
    student,
    swiss_roll,
    symmetric_channel,
    uniform_mixture,
    wiggle,
)
from privfunnel.entropy import FloatArray


def continuous_tasks() -> list[Task]:
    """40 tasks from 1 x 1 to 50 x 50 dimensions."""
    return [*_one_dimension(), *_normal(), *_student(), *_bent()]


def discrete_tasks() -> list[Task]:
    """Tables and mixtures: at least one side is discrete."""
    return [
        from_joint("flipped bit .1", symmetric_channel(0.1)),
        from_joint("flipped bit .4", symmetric_channel(0.4)),
        from_joint("flipped rare bit .1", symmetric_channel(0.1, 0.05)),
        from_joint("erased bit .3", erasure_channel(0.3)),
        from_joint("randomised response k=10", randomised_response(10, 2.0)),
        from_joint("3x3 of Huang & El Gamal", huang_el_gamal()),
        from_joint("two independent codes 20x20", np.full((20, 20), 1 / 400)),
        uniform_mixture(5),
        gap_gaussian(0.5),
        gap_gaussian(2.0),
    ]


def independent_tasks() -> list[Task]:
    """Continuous sides that tell nothing about each other."""
    return [sparse_normal(1, 1, 0), sparse_normal(5, 5, 0), sparse_normal(25, 25, 0)]


def huang_el_gamal() -> FloatArray:
    """The 3 x 3 table, rows S, of the funnel literature (privacy-funnel example)."""
    return np.array([[0.9, 0.08, 0.4], [0.025, 0.82, 0.05], [0.075, 0.1, 0.55]]) / 3


def _one_dimension() -> list[Task]:
    normal = bivariate_normal(0.75)
    return [
        normal,
        bivariate_normal(0.2),
        bivariate_normal(0.95),
        mapped(normal, "normal-cdf", ndtr),
        mapped(normal, "half-cube", half_cube),
        mapped(normal, "wiggly", wiggle),
        mapped(normal, "bimodal", bimodal),
        additive_noise(0.1),
        additive_noise(0.75),
        student(1, 1, 1),
        mapped(student(1, 1, 1), "asinh", np.arcsinh),
        mapped(normal, "swiss-roll", swiss_roll, ndtr),
    ]


def _normal() -> list[Task]:
    return [
        dense_normal(2, 2),
        dense_normal(3, 3),
        dense_normal(5, 5),
        dense_normal(25, 25),
        dense_normal(50, 50),
        sparse_normal(2, 2),
        sparse_normal(3, 3),
        sparse_normal(5, 5),
        sparse_normal(25, 25),
        sparse_normal(50, 50),
        dense_normal(25, 2),
        sparse_normal(2, 5, 1, 0.9),
    ]


def _student() -> list[Task]:
    return [
        student(2, 2, 1),
        mapped(student(2, 2, 1), "asinh", np.arcsinh),
        student(3, 3, 2, pairs=2),
        mapped(student(3, 3, 2, pairs=2), "asinh", np.arcsinh),
        student(5, 5, 2, pairs=2),
        mapped(student(5, 5, 2, pairs=2), "asinh", np.arcsinh),
        student(3, 3, 3, pairs=2),
        student(5, 5, 3, pairs=2),
    ]


def _bent() -> list[Task]:
    five, large = sparse_normal(5, 5), sparse_normal(25, 25)
    return [
        mapped(five, "half-cube", half_cube),
        mapped(large, "half-cube", half_cube),
        mapped(dense_normal(25, 25), "half-cube", half_cube),
        mapped(five, "normal-cdf", ndtr),
        mapped(large, "normal-cdf", ndtr),
        *(
            mapped(task, "spiral", spiral(0, 1 / d), spiral(1, 1 / d))
            for d, task in ((3, sparse_normal(3, 3)), (5, five), (25, large))
        ),
    ]
