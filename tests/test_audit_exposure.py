"""Whose value a table gives away: the right people, for the right reasons, and no values."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from privfunnel.audit.exposure import exposure
from privfunnel.tables import read_table


def people(n: int = 400) -> dict[str, np.ndarray]:
    """Half a coin's secret; a badge that every twentieth person wears gives a "yes" away."""
    rng = np.random.default_rng(3)
    secret = rng.random(n) < 0.3
    badge = secret & (np.arange(n) % 5 == 0)
    return {
        "secret": np.where(secret, "yes", "no"),
        "badge": np.where(badge, "gold", "none"),
        "noise": rng.normal(size=n),
    }


def test_those_who_wear_the_badge_come_first() -> None:
    data = people()
    table = read_table(data)
    found = exposure(table.without("secret"), table["secret"], most=8, rng=0)
    wearers = set(np.flatnonzero(data["badge"] == "gold"))
    assert len(found.records) == 8
    assert {r.row for r in found.records} <= wearers
    assert all(r.reasons[0][0] == "badge" for r in found.records)
    assert all(r.bits == pytest.approx(math.log2(r.said / r.prior)) for r in found.records)
    assert [r.bits for r in found.records] == sorted((r.bits for r in found.records), reverse=True)
    assert len(wearers) / 2 <= found.n_sure <= len(wearers) + 5
    assert found.majority == pytest.approx((data["secret"] == "no").mean())


def test_a_reason_is_counted_without_the_person() -> None:
    data = people()
    table = read_table(data)
    found = exposure(table.without("secret"), table["secret"], most=1, rng=0).records[0]
    others = np.arange(len(data["secret"])) != found.row
    yes, gold = data["secret"] == "yes", data["badge"] == "gold"
    prior = (yes & others).sum() / others.sum()
    here = ((yes & gold & others).sum() + prior) / ((gold & others).sum() + 1)
    assert dict(found.reasons)["badge"] == pytest.approx(math.log2(here / prior))


def test_no_value_leaves() -> None:
    table = read_table(people())
    found = exposure(table.without("secret"), table["secret"], rng=0)
    written = json.dumps(found.to_dict())
    assert "gold" not in written
    assert '"yes"' not in written
    assert repr(found) == f"Exposure({found.n_sure} of 400 people at 90% or more)"


def test_the_same_seed_names_the_same_people() -> None:
    table = read_table(people())
    first, second = (exposure(table.without("secret"), table["secret"], rng=1) for _ in range(2))
    assert first == second


def test_nobody_is_given_away_by_noise() -> None:
    table = read_table(people())
    found = exposure(table.select(["noise"]), table["secret"], rng=0)
    assert found.n_sure == 0
    assert all(r.said < 0.9 for r in found.records)


def test_a_constant_column_tells_nothing() -> None:
    data = people()
    table = read_table({"secret": data["secret"], "same": np.zeros(400)})
    found = exposure(table.select(["same"]), table["secret"], rng=0)
    assert found.records == ()
    assert found.attackers[0].accuracy == found.majority


def test_bad_input() -> None:
    table = read_table(people())
    with pytest.raises(ValueError, match="among the released"):
        exposure(table, table["secret"])
    with pytest.raises(ValueError, match="400 sensitive values for 10"):
        exposure(table.without("secret").take(np.arange(10)), table["secret"])
    with pytest.raises(ValueError, match="most is 0"):
        exposure(table.without("secret"), table["secret"], most=0)
