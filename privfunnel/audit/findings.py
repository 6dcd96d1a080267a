"""What an audit found: frozen results, in bits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, final

from privfunnel.audit.details import (
    Gains,
    Group,
    Hidden,
    LevelPart,
    People,
    Place,
    Subgroup,
    Suggestion,
    Upper,
)
from privfunnel.estimate import Estimate

# Groups of fewer people than this are not shown.
SUPPRESS = 10

Verdict = Literal["measured", "within", "over", "inconclusive"]
# Exit codes of the command line, one for each verdict; 2 is bad input.
EXIT_CODES: dict[str, int] = {"measured": 0, "within": 0, "over": 1, "inconclusive": 3}


@final
@dataclass(frozen=True)
class Secret:
    """The sensitive column as it was audited.

    Attributes
    ----------
    name : its header.
    n_levels : levels that were told apart.
    entropy : H(S) [bit].
    majority : share of the most frequent level: what guessing without any data gets right.
    note : how its values were grouped, "" if they were not.
    """

    name: str
    n_levels: int
    entropy: float
    majority: float
    note: str = ""


@final
@dataclass(frozen=True)
class Channel:
    """What one guess gains from a counted column or set: plug-in readings, not corrected.

    Attributes
    ----------
    vulnerability : share of people that the best guess from the counts gets right.
    min_entropy_leakage : log2 of how many times likelier the best guess becomes [bit].
    max_leakage : maximal leakage of the counted channel [bit].
    cells : cells of the table of counts.
    per_cell : people per cell on average.
    """

    vulnerability: float
    min_entropy_leakage: float
    max_leakage: float
    cells: int
    per_cell: float


@final
@dataclass(frozen=True)
class Finding:
    """What one column, or all of them, tell about the sensitive column.

    Attributes
    ----------
    name : of the column.
    leakage : lower bound of I(S; column) with its interval [bit].
    share : its value as a share of H(S).
    adjusted_p : p-value corrected for the number of columns (Benjamini-Hochberg).
    seen_as : how the column was read ("7 levels", "10 quantile bins").
    channel : what one guess gains from it, where people were counted.
    unread : bits that levels too rare to be told apart could hide.
    """

    name: str
    leakage: Estimate
    share: float
    adjusted_p: float | None
    seen_as: str
    channel: Channel | None = None
    unread: float = 0.0

    @property
    def least_detectable(self) -> float | None:
        """The smallest leak [bit] that would have been found four times in five."""
        found = self.leakage.details.get("least_detectable")
        return None if found is None else float(found)


@final
@dataclass(frozen=True)
class SetFinding:
    """What a few columns tell when they are seen side by side.

    Attributes
    ----------
    names : of the columns.
    leakage : lower bound of I(S; columns) [bit]; its interval and `adjusted_p` are corrected for
        the number of sets that were looked at.
    share : its value as a share of H(S).
    interaction : leakage less that of the columns one by one, read alike [bit]; above 0 they tell
        more together than apart.
    gain : leakage less that of the best smaller set or column [bit].
    looked_at : number of sets that this one was chosen from.
    """

    names: tuple[str, ...]
    leakage: Estimate
    share: float
    adjusted_p: float
    interaction: float
    gain: float
    looked_at: int
    channel: Channel | None = None


@final
@dataclass(frozen=True)
class Attacker:
    """One attacker who sees all released columns.

    Attributes
    ----------
    name : family of the model.
    leakage : lower bound of I(S;Z) that it proves [bit].
    accuracy : share of unseen people it guesses right.
    vulnerability : the mean of its largest probability: how sure it is.
    min_entropy_leakage : log2 of accuracy over majority share [bit], at least 0.
    """

    name: str
    leakage: Estimate
    accuracy: float
    vulnerability: float
    min_entropy_leakage: float


@final
@dataclass(frozen=True)
class Kept:
    """How much of an original column the release still tells (I over H of the original)."""

    name: str
    information: float
    entropy: float

    @property
    def share(self) -> float:
        """Information kept as a share of the entropy of the original column."""
        return self.information / self.entropy if self.entropy > 0 else 1.0


@final
@dataclass(frozen=True)
class Comparison:
    """A release beside the table it was made from."""

    leakage_before: Estimate
    kept: tuple[Kept, ...]
    place: Place | None = None


@final
@dataclass(frozen=True)
class Provenance:
    """What makes a report repeatable: digest of the input, versions, options."""

    digest: str
    versions: dict[str, str]
    options: dict[str, Any]


@final
@dataclass(frozen=True)
class Findings:
    """Everything an audit measured; `AuditReport` wraps it with its output formats."""

    verdict: Verdict
    secret: Secret
    n: int
    budget: float | None
    confidence: float
    together: Finding
    columns: tuple[Finding, ...]
    attackers: tuple[Attacker, ...]
    notes: tuple[str, ...]
    provenance: Provenance
    comparison: Comparison | None = None
    n_to_decide: int | None = None
    sets: tuple[SetFinding, ...] = ()
    levels: tuple[LevelPart, ...] = ()
    groups: tuple[Group, ...] = ()
    people: People | None = None
    subgroups: tuple[Subgroup, ...] = ()
    gains: Gains | None = None
    upper: Upper | None = None
    suggestions: tuple[Suggestion, ...] = ()
    hidden: Hidden | None = None

    @property
    def best_attacker(self) -> Attacker:
        """The attacker who guesses most people right."""
        return max(self.attackers, key=lambda a: a.accuracy)


def plain(item: Any) -> Any:
    """Nested dataclasses as plain dictionaries and lists."""
    if isinstance(item, Estimate):
        return item.to_dict()
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return {f.name: plain(getattr(item, f.name)) for f in dataclasses.fields(item)}
    if isinstance(item, dict):
        return {str(k): plain(v) for k, v in item.items()}
    if isinstance(item, list | tuple):
        return [plain(v) for v in item]
    return item
