"""Whose sensitive value a table gives away: single people, for the owner of the data only.

A report names groups, never people. The owner, who holds the table, may ask which rows an attacker
reads best, and why; nothing of a row but its number and the reasons leaves this module.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from privfunnel.audit.attacks import attack_table
from privfunnel.audit.findings import Attacker, plain
from privfunnel.audit.grouping import fit_grouping
from privfunnel.audit.measure import most_groups, read_secret
from privfunnel.columns import Column, Table
from privfunnel.counting import count
from privfunnel.entropy import FloatArray
from privfunnel.estimate import Progress, Rng
from privfunnel.variables import Codes

SURE = 0.9
REASONS = 3
# A reason of less than this [bit] is none.
LEAST_REASON = 0.05


@final
@dataclass(frozen=True)
class Record:
    """One person whose value an attacker nearly knows.

    Attributes
    ----------
    row : position in the table, from 0.
    said : probability that the attacker, who never saw this person, gives the true value.
    prior : share of people who have that value: what anyone would say.
    bits : log2(said / prior), what the columns tell about this person.
    reasons : (column, bits) that point to the true value most, each column taken alone.
    """

    row: int
    said: float
    prior: float
    bits: float
    reasons: tuple[tuple[str, float], ...]


@final
@dataclass(frozen=True)
class Exposure:
    """The people a table gives away, and how well each attacker guesses.

    Attributes
    ----------
    records : the most exposed people, the worst first.
    attacker : whose words these are: the one with the largest reading.
    attackers : all of them, the one with the largest reading first.
    majority : share guessed right without any data.
    n : people attacked.
    n_sure : of these, how many have a true value of which the attacker is 90 per cent sure.
    """

    records: tuple[Record, ...]
    attacker: str
    attackers: tuple[Attacker, ...]
    majority: float
    n: int
    n_sure: int

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists; no value of any column."""
        return dict(plain(self))

    def __repr__(self) -> str:
        return f"Exposure({self.n_sure} of {self.n} people at {SURE:.0%} or more)"


def exposure(
    released: Table,
    secret: Column,
    *,
    most: int = 20,
    confidence: float = 0.95,
    rng: Rng = None,
    progress: Progress | None = None,
) -> Exposure:
    """The people whose sensitive value the released columns tell best.

    People are ranked by log2 q(s|z)/p(s) of their true value s, where q comes from folds that do
    not hold them. The reasons are the same ratio for single columns, from counts of the *other*
    people with the same value.

    Parameters
    ----------
    released : the columns that everybody would see, without the sensitive one.
    secret : the sensitive column of the same people, in the same order.
    most : people to name.
    confidence : of the intervals of the attackers' readings.
    """
    if len(secret) != released.n:
        raise ValueError(f"{len(secret)} sensitive values for {released.n} released rows")
    if secret.name in released.names:
        raise ValueError(f"the sensitive column {secret.name!r} is among the released ones")
    if most < 1:
        raise ValueError(f"most is {most}; need at least 1")
    about, codes, _ = read_secret(secret)
    generator = np.random.default_rng(rng)
    crowd = attack_table(
        released, codes, about, confidence=confidence, rng=generator, progress=progress
    )
    if crowd.best is None:
        return Exposure((), crowd.attackers[0].name, crowd.attackers, about.majority, len(codes), 0)
    best = crowd.best
    said = best.probabilities[np.arange(len(best.codes)), best.codes]
    gains = best.gains() / math.log(2)
    first = [int(i) for i in np.argsort(-gains, kind="stable")[:most] if gains[i] > 0]
    told = _told(released, codes, crowd.rows[first])
    records = tuple(
        Record(
            int(crowd.rows[i]),
            float(said[i]),
            float(best.prior[best.codes[i]]),
            float(gains[i]),
            _reasons(released.names, told[k]),
        )
        for k, i in enumerate(first)
    )
    n_sure = int((said >= SURE).sum())
    return Exposure(
        records, best.attacker, crowd.attackers, about.majority, len(best.codes), n_sure
    )


def _told(released: Table, codes: Codes, rows: Codes) -> FloatArray:
    """log2 p(s|z_j)/p(s) of each of these people from all others, by column (m, d) [bit]."""
    found = np.zeros((len(rows), len(released.names)))
    n_secret = int(codes.max()) + 1
    most = most_groups(len(codes), n_secret)
    people = np.bincount(codes, minlength=n_secret).astype(float)
    for j, column in enumerate(released):
        group = fit_grouping(column, most).codes(column)
        table = count(group, codes).dense().astype(float)
        for i, row in enumerate(rows):
            s, g = int(codes[row]), int(group[row])
            prior = (people[s] - 1) / (len(codes) - 1)
            if prior > 0:
                # One person's worth of "as everybody" keeps groups of two from shouting.
                here = (table[g, s] - 1 + prior) / (table[g].sum() - 1 + 1)
                found[i, j] = math.log2(here / prior)
    return found


def _reasons(names: tuple[str, ...], told: FloatArray) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-told, kind="stable")[:REASONS]
    return tuple((names[j], float(told[j])) for j in order if told[j] >= LEAST_REASON)
