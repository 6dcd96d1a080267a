"""FCMI against quadrature over the range, and against its published recursion."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import beam_mi
from fsmi.measures.fcmi import add_cell, incomplete_gammas
from tests import reference

BEAMS = st.lists(
    st.one_of(st.floats(0.0, 0.99), st.sampled_from([0.0, 1e-9, 0.5])), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=60)
@given(BEAMS, st.booleans(), st.data())
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_fcmi_is_the_integral_over_the_range(
    dimension: int, occupancy: list[float], counted: bool, data: st.DataObject
) -> None:
    widths = data.draw(
        st.lists(st.floats(0.1, 1.4), min_size=len(occupancy), max_size=len(occupancy))
    )
    rates = [-math.log1p(-o) / 0.8 for o in occupancy]
    want = reference.fcmi(rates, widths, 1e3 / 0.8, dimension, counted)
    got = beam_mi(
        occupancy, cell=widths, measure="fcmi", dimension=dimension, max_rate=1e3,
        resolution=0.8, count_no_hit=counted, base=math.e,
    )  # fmt: skip
    assert got == pytest.approx(want, rel=1e-11, abs=1e-13)


def published(rates: list[float], widths: list[float], top: float, d: int) -> float:
    """The recursion as printed (Henderson et al. 2020): two large terms, kept apart in 60 digits.

    Behind the last cell stands a wall of rate Lambda.
    """
    with localcontext(Context(prec=60)):
        big = Decimal(top)
        power = [math.factorial(k) / big**k for k in range(d)]
        info = [(math.factorial(k + 1) - math.factorial(k) * big.ln()) / big**k for k in range(d)]
        for rate, width in zip(reversed(rates), reversed(widths), strict=True):
            stop, w = Decimal(rate), Decimal(width)
            p, x = (-stop * w).exp(), stop * w
            g = [1 - p]
            for k in range(1, d + 1):
                g.append(k * g[-1] - p * x**k)
            passed = [[math.comb(k, i) * w ** (k - i) for i in range(k + 1)] for k in range(d)]
            info, power = (
                [
                    p * sum(c * (info[i] + x * power[i]) for i, c in enumerate(passed[k]))
                    + (g[k + 1] - stop.ln() * g[k]) / stop**k
                    for k in range(d)
                ],
                [
                    p * sum(c * power[i] for i, c in enumerate(passed[k])) + g[k] / stop**k
                    for k in range(d)
                ],
            )
        return float(info[d - 1] - (1 - big.ln()) * power[d - 1])


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_fcmi_is_the_published_recursion(dimension: int) -> None:
    rng = np.random.default_rng(5)
    o, widths = rng.uniform(1e-6, 0.999, 25), rng.uniform(0.2, 1.4, 25)
    want = published((-np.log1p(-o)).tolist(), widths.tolist(), 1e9, dimension)
    got = beam_mi(o, cell=widths, measure="fcmi", dimension=dimension, resolution=1.0, base=math.e)
    assert got == pytest.approx(want, rel=1e-8)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_digits_survive_next_to_walls(dimension: int) -> None:
    # Free space up to a wall: what is left is small beside (1 - ln Lambda) E[R^(d-1)].
    o = [1e-6] * 200 + [1.0 - 1e-15]
    rates = [-math.log1p(-v) for v in o]
    got = beam_mi(o, measure="fcmi", dimension=dimension, base=math.e)
    assert got == pytest.approx(published(rates, [1.0] * len(o), 1e9, dimension), rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.floats(1e-12, 60.0))
def test_incomplete_gammas_keep_their_digits(x: float) -> None:
    got = incomplete_gammas(x, math.exp(-x))
    for k in range(3):
        # gamma(k + 1, x) = e^-x x^(k+1) sum_m x^m / ((k + 1) ... (k + 1 + m)), in fractions.
        term = total = Fraction(x) ** (k + 1) / (k + 1)
        for m in range(1, 200):
            term = Fraction((term * Fraction(x) / (k + 1 + m)).limit_denominator(10**60))
            total += term
        assert got[k] == pytest.approx(math.exp(-x) * float(total), rel=3e-14)


def test_what_was_measured_before_tells_nothing_again() -> None:
    behind = (1.0, 0.3, 0.2, 0.0, 0.0, 0.0)
    again = add_cell(0.7, 7.3, 1.1, 0.0, behind)
    fresh = add_cell(0.7, 7.3, 1.1, 1.0, behind)
    assert again[3:] == (0.0, 0.0, 0.0)
    assert again[:3] == fresh[:3]
    assert min(fresh[3:]) > 0.0


def test_magnitudes_follow_the_largest_rate() -> None:
    # Trap 8: only rankings mean something.
    o = [0.5] * 20
    small, large = (beam_mi(o, measure="fcmi", max_rate=r) for r in (1e3, 1e9))
    assert large - small == pytest.approx(6.0 * math.log2(10.0), rel=1e-4)
    assert small > beam_mi(o, measure="shannon")


def test_rates_above_the_largest_are_cut() -> None:
    assert beam_mi([1.0], measure="fcmi", max_rate=5.0) == pytest.approx(
        beam_mi([1.0 - math.exp(-5.0)], measure="fcmi", max_rate=5.0), abs=1e-12
    )
