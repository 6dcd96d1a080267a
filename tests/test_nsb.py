"""The entropy of Nemenman, Shafee & Bialek: by integrals of its definition, and where it helps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special

from privfunnel.counting import from_table
from privfunnel.datasets import symmetric_channel
from privfunnel.estimators.nsb import nsb_entropy, nsb_information
from privfunnel.estimators.plugin import CORRECTIONS
from tests import reference_mi as slow


def by_definition(first: int, second: int) -> float:
    """Two outcomes: integrals over p inside an integral over b, nothing in closed form."""

    def inside(b: float, what: str) -> float:
        def integrand(p: float) -> float:
            density = p ** (first + b - 1) * (1 - p) ** (second + b - 1)
            entropy = -special.xlogy(p, p) - special.xlogy(1 - p, 1 - p)
            return density * (entropy if what == "entropy" else 1.0)

        return float(integrate.quad(integrand, 0, 1)[0]) / float(special.beta(b, b))

    def prior_entropy(b: float) -> float:
        return float(special.digamma(2 * b + 1) - special.digamma(b + 1))

    def weight(log_b: float) -> float:
        b, step = math.exp(log_b), 1e-5
        return (prior_entropy(b * (1 + step)) - prior_entropy(b * (1 - step))) / (2 * step)

    def outer(what: str) -> float:
        return float(
            integrate.quad(lambda u: weight(u) * inside(math.exp(u), what), -9, 5.5, limit=200)[0]
        )

    return outer("entropy") / outer("evidence")


@pytest.mark.parametrize(("first", "second"), [(3, 1), (5, 5), (9, 2)])
def test_two_outcomes_by_definition(first: int, second: int) -> None:
    assert nsb_entropy([first, second], 2) == pytest.approx(by_definition(first, second), rel=1e-3)


def test_published_values() -> None:
    # As printed in the documentation of the package ndd, in nats.
    counts = [12, 4, 12, 4, 5, 3, 1, 5, 1, 2, 2, 2, 2, 11, 3, 4, 12, 12, 1, 2]
    assert nsb_entropy(counts, 100) == pytest.approx(2.8400090835681375, abs=1e-5)
    counts = [7, 3, 5, 8, 9, 1, 3, 3, 1, 0, 2, 5, 2, 11, 4, 23, 5, 0, 8, 0]
    assert nsb_entropy(counts, 20) == pytest.approx(2.623634344902917, abs=1e-8)


def test_many_people_agree_with_the_plug_in() -> None:
    p = slow.random_table([12], 3)
    counts = np.random.default_rng(0).multinomial(10**8, p)
    assert nsb_entropy(counts, 12) == pytest.approx(slow.entropy(p), abs=1e-3)
    assert nsb_entropy([10**9, 10**9], 2) == pytest.approx(math.log(2), abs=1e-8)
    assert nsb_entropy([10**9], 2) < 1e-6


def test_coincidences_tell_the_size_of_what_was_hardly_sampled() -> None:
    # 400 people on 3000 equally likely outcomes: hardly two in one, and the plug-in is lost.
    rng = np.random.default_rng(1)
    counts = np.bincount(rng.integers(0, 3000, 400), minlength=3000)
    plain = slow.entropy(counts / 400)
    assert plain < math.log(400)
    assert nsb_entropy(counts, 3000) == pytest.approx(math.log(3000), abs=0.1)


def test_one_outcome_has_no_entropy() -> None:
    assert nsb_entropy([7], 1) == 0.0


def test_too_few_outcomes() -> None:
    with pytest.raises(ValueError, match="cells must be at least the 2 that occur, not 1"):
        nsb_entropy([3, 4], 1)


def test_information_of_sparse_independent_tables() -> None:
    rng = np.random.default_rng(2)
    plain, corrected = [], []
    for _ in range(20):
        table = from_table(rng.multinomial(200, np.full(225, 1 / 225)).reshape(15, 15))
        plain.append(CORRECTIONS["none"](table))
        corrected.append(nsb_information(table))
    assert np.mean(plain) > 0.35
    assert abs(np.mean(corrected)) < 0.08


def test_information_of_a_flipped_bit() -> None:
    joint = symmetric_channel(0.2)
    table = np.random.default_rng(0).multinomial(10**6, joint.ravel()).reshape(2, 2)
    exact = slow.mutual_information(table / 10**6)
    assert nsb_information(from_table(table)) == pytest.approx(exact, abs=1e-4)
