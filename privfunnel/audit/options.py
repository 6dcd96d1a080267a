"""What a user may ask of an audit, checked before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from privfunnel.audit.findings import SUPPRESS, Secret
from privfunnel.audit.upper import is_model, parse_mechanism
from privfunnel.columns import Table

GainTable = Mapping[str, Mapping[str, float]]
LARGEST_SET = 5


@final
@dataclass(frozen=True)
class Options:
    """Options of `audit`, see there."""

    sensitive: str
    release: tuple[str, ...] | None = None
    confidence: float = 0.95
    budget: float | None = None
    budget_percent: float | None = None
    largest_set: int = 3
    subgroup: str | None = None
    gains: GainTable | None = None
    mechanism: str | None = None
    suggestions: bool = False
    train: bool = False
    suppress: int = SUPPRESS

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"confidence must lie between 0 and 1, not {self.confidence!r}")
        if self.budget is not None and self.budget_percent is not None:
            raise ValueError("give the budget in bits or in percent of H(S), not both")
        percent = self.budget_percent
        if percent is not None and not 0.0 <= percent <= 100.0:
            raise ValueError(f"budget_percent must lie between 0 and 100, not {percent!r}")
        if not 1 <= self.largest_set <= LARGEST_SET:
            raise ValueError(f"largest_set must be 1 to {LARGEST_SET}, not {self.largest_set!r}")
        if self.suppress < 1:
            raise ValueError(f"suppress must be a number of people >= 1, not {self.suppress!r}")
        if self.mechanism is not None and not is_model(self.mechanism):
            parse_mechanism(self.mechanism)

    def budget_bits(self, secret: Secret) -> float | None:
        """The budget [bit], whichever way it was given.

        Raises
        ------
        ValueError
            If it lies outside 0 to H(S).
        """
        if self.budget_percent is not None:
            return self.budget_percent / 100.0 * secret.entropy
        budget = self.budget
        # With H(S) = 0 every budget is kept.
        highest = secret.entropy + 1e-9 if secret.n_levels > 1 else float("inf")
        if budget is not None and not 0.0 <= budget <= highest:
            raise ValueError(
                f"budget is {budget:g} bits; need between 0 and {secret.entropy:.4g}: H(S), all "
                f"there is to know about {secret.name!r}"
            )
        return budget

    def released(self, table: Table) -> Table:
        """The columns that would be published.

        Raises
        ------
        ValueError
            If one is unknown or the sensitive one is among them, or there are none.
        """
        _ = table[self.sensitive]
        others = [c for c in table.names if c != self.sensitive]
        names: Iterable[str] = others if self.release is None else self.release
        if self.sensitive in names:
            raise ValueError(f"the sensitive column {self.sensitive!r} is among the released ones")
        if not names:
            raise ValueError(
                f"no column is released: the table holds nothing but {self.sensitive!r}"
            )
        if self.subgroup is not None:
            _ = table[self.subgroup]
        return table.select(names)
