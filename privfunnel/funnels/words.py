"""A table release in words and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from privfunnel.estimate import Estimate

if TYPE_CHECKING:
    from privfunnel.funnels.tabular import TableFunnel

SAYS = {
    "within": "within the budget for the attackers tried",
    "over": "OVER the budget",
    "undecided": "below the budget, but its interval reaches beyond: more people would decide",
}


def text(funnel: TableFunnel, sensitive: str) -> str:
    """What the release leaks and keeps, one line a column."""
    leak, before = funnel.leakage, funnel.leakage_before
    total = sum(k.entropy for k in funnel.kept)
    lines = [
        f"leakage about {sensitive}: {_bits(leak)}, {SAYS[funnel.status]} ({funnel.budget:g})",
        f"  read by the worst of {_names(leak)} on {leak.n:,} people nobody had seen",
        f"  before: {_bits(before)}; the adversary of training read {funnel.in_loop:.3f}",
        "  the release looks at "
        + (
            f"{sensitive} itself too"
            if funnel.use_sensitive
            else f"the kept columns only, never at {sensitive}"
        ),
        f"utility: {funnel.utility.value:.1f} of {total:.1f} bits of the columns, read on the same"
        " people",
    ]
    width = max(len(k.name) for k in funnel.kept)
    lines.append(f"  {'column':<{width}}   kept     of  unchanged")
    lines += [
        f"  {k.name:<{width}}  {k.information:5.2f}  {k.entropy:5.2f}  {100 * k.unchanged:7.0f} %"
        for k in funnel.kept
    ]
    return "\n".join(lines)


def as_json(funnel: TableFunnel, sensitive: str) -> str:
    """The same numbers for programs."""
    content: dict[str, Any] = {
        "sensitive": sensitive,
        "budget": funnel.budget,
        "status": funnel.status,
        "unit": "bit",
        "use_sensitive": funnel.use_sensitive,
        "leakage": funnel.leakage.to_dict(),
        "leakage_before": funnel.leakage_before.to_dict(),
        "leakage_in_training_loop": funnel.in_loop,
        "utility": funnel.utility.to_dict(),
        "columns": [vars(k) for k in funnel.kept],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _bits(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} bits ({estimate.lower:.3f} to {estimate.upper:.3f})"


def _names(estimate: Estimate) -> str:
    return ", ".join(estimate.details.get("attackers", {estimate.method: None}))
