"""Plain words for what was found: sentences that a data-protection officer can act on.

Never "anonymous", never "compliant": everything is measured against the attackers named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from privfunnel.audit.findings import Finding, Findings
from privfunnel.estimate import Estimate

NOT_TESTED = (
    "Linkage: joining this table with another one that names people.",
    "Singling out: finding the one person with a rare combination of values.",
    "Membership: finding out whether somebody is in the table at all.",
    "Attackers who know more than these columns, or use other methods than those named.",
)
# Shares of H(S) up to which a leak is called so.
_SIZES = ((0.05, "a little"), (0.25, "noticeably much"), (0.6, "a lot"), (1.01, "most of it"))


def headline(found: Findings) -> str:
    """The verdict in one sentence."""
    name = f"“{found.secret.name}”"
    leak, share = found.together.leakage, found.together.share
    if found.secret.n_levels < 2:
        return f"Nothing to find out: everyone has the same {name}"
    if found.verdict == "over":
        return f"Over the budget: the columns tell more about {name} than allowed"
    if found.verdict == "within":
        if leak.upper > (found.budget or 0.0):
            return f"Within the budget: the stated mechanism lets no more through about {name}"
        return f"Within the budget: no attacker tried learnt more about {name} than allowed"
    if found.verdict == "inconclusive":
        if leak.upper <= (found.budget or 0.0):
            what = "values too rare to be read" if _worst_doubt(found).rare else "some columns"
            return f"Undecided: {what} could tell too much about {name}"
        return f"Undecided: {found.n:,} people are too few to tell whether {name} is within budget"
    if leak.lower <= 0.0:
        return f"No leak about {name} was found"
    size = next(word for limit, word in _SIZES if share <= limit)
    if size == "most of it":
        return f"The columns give {name} away"
    return f"The columns tell {size} about {name}"


def summary(found: Findings) -> list[str]:
    """Two to four sentences that explain the headline."""
    s, leak = found.secret, found.together.leakage
    if s.n_levels < 2:
        return [f"All {found.n:,} people have the same {s.name}: H(S) is 0 bits."]
    best = found.best_attacker
    lines = [
        f"Seen together, {columns(found)} at least {bits(leak.lower)} about {s.name}. "
        f"The strongest attacker read {bits(leak.value)}, {percent(found.together.share)} of the "
        f"{bits(s.entropy)} there are to know "
        f"({percent(found.confidence)} interval {interval(found.together)})."
    ]
    if leak.lower <= 0.0:
        lines[0] = (
            f"Seen together, {columns(found)} nothing about {s.name} that the attackers could use "
            f"(reading {bits(leak.value)}, interval {interval(found.together)})."
        )
        if found.together.least_detectable:
            lines.append(
                f"With {found.n:,} people a leak below about "
                f"{bits(found.together.least_detectable)} would have gone unnoticed."
            )
    else:
        lines.append(
            f"A stranger who sees them ({best.name}) guesses {s.name} right for "
            f"{percent(best.accuracy)} of people never seen before; always guessing the most "
            f"frequent value is right for {percent(s.majority)}."
        )
        top = found.columns[0]
        lines.append(
            f"The column that tells most by itself is {top.name} ({bits(top.leakage.value)})."
        )
    lines += budget_lines(found)
    return lines


def budget_lines(found: Findings) -> list[str]:
    """What the budget asks for and what would decide, if there is one."""
    if found.budget is None:
        return []
    leak = found.together.leakage
    if found.verdict == "over":
        return [
            f"The budget is {bits(found.budget)}; even the lower end of what was read is above."
        ]
    if found.verdict == "within" and found.upper is not None and found.upper.bits <= found.budget:
        return [
            f"The budget is {bits(found.budget)}; if the release was made by "
            f"{found.upper.mechanism}, nobody can learn more than {bits(found.upper.bits)}."
        ]
    if found.verdict == "within":
        return [
            f"The budget is {bits(found.budget)}; the upper end of the strongest reading, "
            f"{bits(leak.upper)}, is below. Other attackers might read more."
        ]
    if leak.upper <= found.budget:
        doubt = _worst_doubt(found)
        return [f"The budget is {bits(found.budget)}; no attacker read more, but {doubt.text}"]
    more = (
        ""
        if found.n_to_decide is None
        else (f" About {found.n_to_decide:,} people would decide, if the reading stays the same.")
    )
    inside = f"lies inside the interval {interval(found.together)}"
    return [f"The budget of {bits(found.budget)} {inside}.{more}"]


@final
@dataclass(frozen=True)
class _Doubt:
    """What could tell more than the strongest attacker read; `rare` if nobody could count it."""

    bits: float
    rare: bool
    text: str


def _worst_doubt(found: Findings) -> _Doubt:
    single = [(f.leakage.upper, f"{f.name} by itself") for f in found.columns]
    sets = [(s.leakage.upper, f"{' and '.join(s.names)} side by side") for s in found.sets]
    doubts = [_Doubt(b, False, f"{what} may tell up to {bits(b)}.") for b, what in single + sets]
    more = "Put rare values together or audit more people."
    doubts += [
        _Doubt(
            f.leakage.upper + f.unread,
            True,
            f"values of {f.name} shared by too few people to be counted could hide up to "
            f"{bits(f.unread)}. {more}",
        )
        for f in found.columns
        if f.unread > 0.0
    ]
    if found.hidden is not None:
        b, pair = found.hidden.bits, " and ".join(found.hidden.names)
        what = f"few people share their combination of {pair}, which could tell up to {bits(b)}"
        doubts.append(_Doubt(b, True, f"{what} side by side. {more}"))
    return max(doubts, key=lambda d: d.bits)


def columns(found: Findings) -> str:
    """The subject and verb of a sentence about all released columns."""
    k = len(found.columns)
    return "the released column tells" if k == 1 else f"the {k} released columns tell"


def bits(value: float) -> str:
    """A number of bits with its unit: three decimals, fewer if large."""
    return f"{value:.3f} bits" if value < 10 else f"{value:.1f} bits"


def number(value: float) -> str:
    """A number of bits without its unit."""
    return f"{value:.3f}"


def ends(estimate: Estimate) -> str:
    """The interval of an estimate, without unit."""
    return f"{estimate.lower:.3f} to {estimate.upper:.3f}"


def interval(finding: Finding) -> str:
    """The interval of a finding, without unit."""
    return ends(finding.leakage)


def percent(share: float) -> str:
    """A share in percent, one decimal below ten; the space before the sign does not break."""
    value = 100.0 * share
    return f"{value:.1f}\u00a0%" if value < 10 else f"{value:.0f}\u00a0%"


def p_value(p: float | None) -> str:
    """A p-value, never shown as 0."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
