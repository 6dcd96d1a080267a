"""Where the rows are: in memory, or in an engine that hands out counts and a sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from privfunnel.audit.counted import Counter
from privfunnel.audit.grouping import Grouping
from privfunnel.columns import ColumnKind, Table
from privfunnel.tables import Missing, read_table


@final
@dataclass(frozen=True)
class Source:
    """A table in memory: all rows, or a sample of those of an engine."""

    table: Table
    notes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was read."""
        return self.table.digest()

    def counter(self, secret: Grouping) -> Counter | None:
        """Counts of all rows by the engine; None if they are all in memory."""
        return None


def open_source(
    data: Any,
    *,
    query: str | None = None,
    missing: Missing = "refuse",
    kinds: Mapping[str, ColumnKind] | None = None,
    wanted: Iterable[str] | None = None,
) -> Source:
    """The rows of any source."""
    return Source(read_table(data, missing=missing, kinds=kinds, empty="level"))
