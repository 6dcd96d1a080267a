"""audit(): what a table tells about a sensitive column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from privfunnel.audit.beside import apart
from privfunnel.audit.findings import SUPPRESS
from privfunnel.audit.gains import GainTable
from privfunnel.audit.options import Options
from privfunnel.audit.report import AuditReport
from privfunnel.audit.run import Run
from privfunnel.audit.sources import Source, open_source
from privfunnel.columns import ColumnKind, Table
from privfunnel.estimate import Progress, Rng
from privfunnel.tables import Missing, read_table


def audit(
    data: Any,
    *,
    sensitive: str,
    release: Iterable[str] | None = None,
    original: Any = None,
    confidence: float = 0.95,
    budget: float | None = None,
    budget_percent: float | None = None,
    missing: Missing = "refuse",
    kinds: Mapping[str, ColumnKind] | None = None,
    query: str | None = None,
    largest_set: int = 3,
    subgroup: str | None = None,
    gains: GainTable | None = None,
    mechanism: str | None = None,
    suggestions: bool = False,
    train: bool = False,
    suppress: int = SUPPRESS,
    rng: Rng = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Measure what the released columns tell about the sensitive one.

    Parameters
    ----------
    data : path of a CSV, Parquet or DuckDB file, a dataframe (pandas, polars, pyarrow, Dask,
        Spark), a DuckDB relation, or a mapping of arrays. What has more than `sources.BIG` rows
        and is a file or lazy stays where it is: counts and a sample are read.
    sensitive : name of the column to protect.
    release : names of the columns that would be published; all others by default.
    original : the table that `data` was made from, row by row; then the report compares them, and
        the sensitive column may be there only. Big tables are compared by their engine: both as
        files, DuckDB relations or polars LazyFrames.
    confidence : level of the two-sided intervals.
    budget, budget_percent : largest leakage allowed [bit, or percent of H(S)]; the report then
        holds a verdict.
    missing : "refuse", "drop" rows, or "level": missing values as a level of their own.
    kinds : name -> "discrete" or "continuous" where the inferred kind is wrong.
    query : SQL (DuckDB) that makes the table; the file given is called `data` in it.
    largest_set : columns in the largest set that is looked for, 1 for none.
    subgroup : a column; what the attacker learns is reported for people of each of its values.
    gains : guess -> {level of the sensitive column: what that guess is worth}.
    mechanism : "krr:EPS", "gaussian:SIGMA" or a model file of `privfunnel release` (with its
        `original`), how the release was made if that is known: only then is there an upper bound.
    suggestions : try releases that tell less, and audit them on people not used to choose them.
    train : a trained funnel among the suggestions (needs torch).
    suppress : groups of fewer people than this are not shown.
    rng : seed or generator of folds and attackers; the same seed gives the same report.
    progress : called with the share done and a few words.

    Raises
    ------
    ValueError
        If a column is not there, the budget lies outside 0 to H(S), or the tables do not fit
        together.
    """
    options = Options(
        sensitive,
        None if release is None else tuple(release),
        confidence,
        budget,
        budget_percent,
        largest_set,
        subgroup,
        gains,
        mechanism,
        suggestions or train,
        train,
        suppress,
    )
    tell = progress or (lambda share, words: None)
    tell(0.0, "reading the table")
    wanted = None if options.release is None else [*options.release, sensitive]
    if wanted is not None and subgroup is not None:
        wanted.append(subgroup)
    source = open_source(
        data,
        query=query,
        missing=missing,
        kinds=kinds,
        wanted=wanted,
        original=original,
        sensitive=sensitive,
    )
    table, first = _aligned(source, original, sensitive, missing)
    return Run(source, table, first, options, rng, tell).report(missing)


def _aligned(
    source: Source, original: Any, sensitive: str, missing: Missing
) -> tuple[Table, Table | None]:
    if original is None:
        return source.table, None
    if source.before is not None:
        return apart(source.table, source.before)
    table, first = source.table, read_table(original, missing=missing, empty="level")
    if table.notes or first.notes:
        raise ValueError(
            "rows were dropped for missing values, so the release and the original no longer "
            "match row by row: use missing='level', or fill the gaps"
        )
    if first.n != table.n:
        raise ValueError(f"the release has {table.n} rows, the original {first.n}: need the same")
    if sensitive not in table.names:
        table = Table({**table.columns, sensitive: first[sensitive]}, table.notes)
    return table, first
