"""CSQMI against its definition, by enumeration of all maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import beam_mi
from fsmi.measures.csqmi import pair_window
from tests import reference

BEAMS = st.lists(
    st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=7
)


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from([0.2, 0.5, 1.0, 3.0]), st.booleans())
def test_csqmi_equals_its_definition(data: st.DataObject, sigma: float, counted: bool) -> None:
    occupancy = data.draw(BEAMS)
    lengths = data.draw(
        st.one_of(
            st.just([0.6] * len(occupancy)),
            st.lists(st.floats(0.2, 2.0), min_size=len(occupancy), max_size=len(occupancy)),
        )
    )
    want = reference.csqmi(occupancy, lengths, sigma, counted)
    got = beam_mi(
        occupancy, cell=lengths, sigma=sigma, measure="csqmi", count_no_hit=counted, base=math.e
    )
    assert got == pytest.approx(want, abs=1e-12)


def published(o: np.ndarray, sigma: float) -> float:
    """The formula of Charrow et al. (2015) as printed, e_0 apart from every range."""
    n = o.size
    both = o**2 + (1.0 - o) ** 2
    p = np.array([math.prod(1.0 - o[:j]) * o[j] for j in range(n)])
    w = np.array([p[j] ** 2 * math.prod(both[j + 1 :]) for j in range(n)])
    p, w = np.append(p, math.prod(1.0 - o)), np.append(w, math.prod(1.0 - o) ** 2)
    mu = np.append(np.arange(n) + 0.5, math.inf)
    pair = np.zeros((n + 1, n + 1))
    for j in range(n + 1):
        for k in range(n + 1):
            apart = 0.0 if j == k else mu[k] - mu[j]
            scale = math.sqrt(4.0 * math.pi) * sigma
            pair[j, k] = math.exp(-0.25 * (apart / sigma) ** 2) / scale
    one = math.log(w.sum() * pair[0, 0])
    two = math.log(both.prod() * (p @ pair @ p))
    return float(one + two - 2.0 * math.log(p @ pair @ w))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_csqmi_is_the_published_formula(sigma: float) -> None:
    o = np.random.default_rng(0).random(15)
    got = beam_mi(o, sigma=sigma, measure="csqmi", base=math.e)
    assert got == pytest.approx(published(o, sigma), abs=1e-12)


def test_vanishing_noise_is_the_limit() -> None:
    o = [0.3, 0.6, 0.1]
    at = beam_mi(o, sigma=0.0, measure="csqmi")
    assert beam_mi(o, sigma=1e-3, measure="csqmi") == pytest.approx(at, abs=1e-14)
    assert beam_mi(o, cell=[1.0, 2.0, 0.5], sigma=0.0, measure="csqmi") == at


def test_truncated_pairs_come_close_and_a_full_window_is_exact() -> None:
    o = np.random.default_rng(3).random(60) ** 2
    for cell in (1.0, np.random.default_rng(4).uniform(0.5, 1.5, 60)):
        exact = beam_mi(o, cell=cell, sigma=1.0, measure="csqmi")
        near = beam_mi(o, cell=cell, sigma=1.0, measure="approx_csqmi")
        assert near == pytest.approx(exact, rel=1e-3)
        full = beam_mi(o, cell=cell, sigma=1.0, measure="approx_csqmi", window=59)
        assert full == pytest.approx(exact, abs=1e-13)
    assert pair_window(1.0, 1.0) == 6


def test_an_empty_corridor_tells_little_when_no_return_is_not_counted() -> None:
    value = beam_mi(np.full(50, 1e-9), sigma=1.0, measure="csqmi", count_no_hit=False)
    assert 0.0 <= value < 1e-6
