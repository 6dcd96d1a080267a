"""What an audit found person by person, group by group, and what could be done: frozen results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from privfunnel.estimate import Estimate


@final
@dataclass(frozen=True)
class LevelPart:
    """One level of a column: its part of the column's leakage.

    Attributes
    ----------
    column, level : which.
    n : people who have it.
    part : p(z) D(p(S|z) || p(S)) [bit]; the parts of all levels add up to the plug-in leakage.
    points_to : the level of the sensitive column that it makes likelier most.
    share, base : share of that level here, and among all people.
    """

    column: str
    level: str
    n: int
    part: float
    points_to: str
    share: float
    base: float


@final
@dataclass(frozen=True)
class Group:
    """People with a few values in common who are given away most.

    `lower` is the lower end of the share's interval, corrected for the number of groups.
    """

    where: tuple[tuple[str, str], ...]
    n: int
    points_to: str
    share: float
    lower: float
    base: float


@final
@dataclass(frozen=True)
class Sureness:
    """Among the people an attacker is so sure about: how many there are and how many it knows."""

    at_least: float
    n: int
    right: float


@final
@dataclass(frozen=True)
class Surest:
    """The people for whom an attacker finds the rarest sensitive value likeliest: who has it.

    `share` of these n people have it, `base` of all do.
    """

    level: str
    n: int
    share: float
    base: float


@final
@dataclass(frozen=True)
class People:
    """Person by person: who shares what with whom, and what unseen people lose.

    Attributes
    ----------
    n : people looked at: all, or the sample in memory.
    read_as : how the released columns were read to find people with the same values.
    cells : different combinations of values.
    k : fewest people with the same values (k-anonymity of these readings).
    l : fewest different sensitive values among people with the same values (l-diversity).
    alone : people whose combination nobody shares.
    small : people in cells of fewer than five, those alone among them.
    pure : people who share their combination, and the sensitive value, with at least one other
        and everyone who has it.
    pure_by_chance : how many would be expected if the columns told nothing.
    tail : (share of people, log2 q(s|z)/p(s) [bit]) of the strongest attacker on unseen people.
    sure : what becomes of the attacker's surest guesses.
    surest : the one in a hundred people (at least ten) whom it suspects most of the rarest value.
    """

    n: int
    read_as: str
    cells: int
    k: int
    l: int  # noqa: E741  (the field's name for it)
    alone: int
    small: int
    pure: int
    pure_by_chance: float
    tail: tuple[tuple[float, float], ...] = ()
    sure: tuple[Sureness, ...] = ()
    surest: Surest | None = None


@final
@dataclass(frozen=True)
class Subgroup:
    """What the strongest attacker learns about people of one group [bit].

    `leakage` is against the shares within the group: what the group's name itself tells is not
    counted.
    """

    name: str
    n: int
    leakage: Estimate
    accuracy: float
    majority: float


@final
@dataclass(frozen=True)
class Gains:
    """g-leakage: what the best strategy gains under a stated table of gains.

    `blind` without data, `seeing` by the strongest attacker on unseen people, log2 of their ratio
    [bit].
    """

    blind: float
    seeing: float
    leakage: float


@final
@dataclass(frozen=True)
class Upper:
    """Upper bound of the leakage [bit] under a mechanism that the user states.

    `max_leakage` is None where the mechanism has none.
    """

    mechanism: str
    bits: float
    max_leakage: float | None
    columns: tuple[tuple[str, float], ...]


@final
@dataclass(frozen=True)
class Hidden:
    """Two columns whose combinations few people share: what they could tell unseen.

    `bits` is an upper end [bit] read from the `shared` of `n` people whose combination somebody
    shares.
    """

    names: tuple[str, str]
    bits: float
    shared: int
    n: int


@final
@dataclass(frozen=True)
class Place:
    """Where a released column lies between the best and the worst release of equal utility [bit].

    `share` is 0 on the funnel (the best), 1 on the bottleneck (the worst).
    """

    column: str
    utility: float
    leakage: float
    funnel: float
    bottleneck: float
    share: float


@final
@dataclass(frozen=True)
class Suggestion:
    """A release that tells less, audited again on people not used to choose it.

    Attributes
    ----------
    kind : "drop", "merge" or "train".
    title : what to do, in a sentence.
    steps : the details: columns, or which levels become one.
    leakage : the strongest attacker's reading of it [bit].
    before : the same attackers, the same people, the columns as they are [bit].
    kept : share of the entropy of the released columns that is left.
    within : whether the whole interval is within the budget; None without a budget.
    n_chosen, n_audited : people used to choose, and people used to audit.
    """

    kind: str
    title: str
    steps: tuple[str, ...]
    leakage: Estimate
    before: Estimate
    kept: float
    within: bool | None
    n_chosen: int
    n_audited: int
