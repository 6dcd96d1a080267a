"""The command line: privfunnel audit | release | frontier | estimate.

Exit codes of `audit` and `release`: 0 within the budget (or none given), 1 over it, 2 bad input,
3 the data cannot decide.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, cast

from privfunnel.audit import words
from privfunnel.audit.audit import audit
from privfunnel.audit.findings import EXIT_CODES
from privfunnel.audit.gains import read_gains
from privfunnel.audit.report import AuditReport
from privfunnel.columns import ColumnKind
from privfunnel.estimate import METHODS, Progress, estimate_mi
from privfunnel.files import write_text
from privfunnel.funnels import words as release_words
from privfunnel.funnels.solvers import SOLVERS
from privfunnel.funnels.table_file import check_ending, write_table
from privfunnel.tables import Missing, Table, read_table

# Formats of an audit's report: option --NAME, method to_NAME.
REPORTS = {
    "html": "a page",
    "json": "the numbers",
    "markdown": "text",
    "csv": "the ranking",
    "junit": "the verdict for a build server (JUnit XML)",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # One line instead of usage and error.
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except (ValueError, TypeError, ImportError, OSError) as error:
        print(f"privfunnel: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("privfunnel: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="privfunnel", description="What a table tells, and how to tell less.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("audit", help="what columns tell about a sensitive one")
    _common(one, _audit)
    one.add_argument("--sensitive", required=True, metavar="COL", help="the column to protect")
    one.add_argument("--release", type=_names, metavar="COL,...", help="columns to be published")
    one.add_argument("--original", metavar="DATA", help="table the release was made from")
    limit = one.add_mutually_exclusive_group()
    limit.add_argument("--budget", type=float, metavar="BITS", help="largest leakage allowed")
    limit.add_argument(
        "--budget-percent", type=float, metavar="P", help="the same in percent of H(S)"
    )
    one.add_argument("--confidence", type=float, default=0.95, help="of intervals (0.95)")
    one.add_argument("--query", metavar="SQL", help="table to audit; DATA is called data in it")
    one.add_argument(
        "--kind", action="append", default=[], type=_kind, metavar="COL=KIND",
        help="discrete or continuous, where the inferred kind is wrong; may be repeated",
    )  # fmt: skip
    one.add_argument("--largest-set", type=int, default=3, metavar="K", help="columns a set (3)")
    one.add_argument("--subgroup", metavar="COL", help="report people of each of its values")
    one.add_argument("--gains", metavar="F", help="CSV of what each guess is worth (g-leakage)")
    one.add_argument(
        "--mechanism", metavar="M", help="krr:EPS, gaussian:SIGMA or a model: upper bound"
    )
    one.add_argument("--suggest", action="store_true", help="try releases that tell less")
    one.add_argument("--train", action="store_true", help="a trained one among them (torch)")
    one.add_argument("--suppress", type=int, default=10, metavar="N", help="smallest group shown")
    for name, what in REPORTS.items():
        one.add_argument(f"--{name}", metavar="F", help=f"write {what}")

    one = commands.add_parser("release", help="train a release that tells less and write it")
    _common(one, _release)
    one.add_argument("--sensitive", required=True, metavar="COL", help="the column to protect")
    one.add_argument("--keep", type=_names, metavar="COL,...", help="columns to release")
    one.add_argument("--budget", type=float, required=True, metavar="BITS", help="largest leakage")
    one.add_argument("-o", "--output", required=True, metavar="OUT", help="CSV or Parquet file")
    one.add_argument("--model", metavar="F", help="save the funnel, to release more rows later")
    one.add_argument("--engine", choices=["mine", "cross_entropy"], default="mine")
    one.add_argument(
        "--use-sensitive", action="store_true",
        help="let the release look at the sensitive column; releasing more rows then needs it too",
    )  # fmt: skip
    one.add_argument("--json", metavar="F", help="write the numbers")

    one = commands.add_parser("frontier", help="draw leakage against utility over budgets")
    _common(one, _frontier)
    one.add_argument("--sensitive", required=True, metavar="COL", help="the column to protect")
    one.add_argument("--keep", type=_names, metavar="COL,...", help="columns to release")
    one.add_argument("--budgets", type=_numbers, metavar="BITS,...", help="5 to 75 %% of the leak")
    one.add_argument(
        "--solver", choices=["table", "discrete", "neural"], default="table",
        help="columns of their own, one exact code of all columns, or numbers by a net (table)",
    )  # fmt: skip
    one.add_argument("--algorithm", choices=list(SOLVERS), help="of the solver discrete")
    one.add_argument("--state", metavar="F", help="keep finished budgets here; goes on from them")
    one.add_argument("--jobs", type=int, default=1, metavar="N", help="budgets at once (1)")
    one.add_argument("-o", "--output", required=True, metavar="OUT.png", help="picture")
    one.add_argument("--json", metavar="F", help="write the numbers")

    one = commands.add_parser("estimate", help="mutual information of two columns")
    _common(one, _estimate)
    one.add_argument("--x", type=_names, required=True, metavar="COL,...")
    one.add_argument("--y", type=_names, required=True, metavar="COL,...")
    one.add_argument("--method", default="auto", choices=list(METHODS), metavar="NAME")
    one.add_argument("--confidence", type=float, default=0.95, help="of the interval (0.95)")
    one.add_argument("--permutations", type=int, default=0, metavar="N", help="for the p-value")
    return parser


def _common(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int]) -> None:
    parser.set_defaults(command=command)
    parser.add_argument("data", metavar="DATA", help="CSV or Parquet file")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    parser.add_argument(
        "--missing",
        choices=["refuse", "drop", "level"],
        default="refuse",
        help="refuse missing values, drop their rows, or make them a level of their own",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _audit(arguments: argparse.Namespace) -> int:
    _can_write(*(getattr(arguments, name) for name in REPORTS))
    missing: Missing = arguments.missing
    gains = None if arguments.gains is None else read_gains(arguments.gains)
    with _bar(arguments.quiet) as progress:
        report = audit(
            arguments.data,
            sensitive=arguments.sensitive,
            release=arguments.release,
            original=arguments.original,
            confidence=arguments.confidence,
            budget=arguments.budget,
            budget_percent=arguments.budget_percent,
            missing=missing,
            kinds=dict(arguments.kind),
            query=arguments.query,
            largest_set=arguments.largest_set,
            subgroup=arguments.subgroup,
            gains=gains,
            mechanism=arguments.mechanism,
            suggestions=arguments.suggest,
            train=arguments.train,
            suppress=arguments.suppress,
            rng=arguments.seed,
            progress=progress,
        )
    _print_audit(report)
    for name in REPORTS:
        path = getattr(arguments, name)
        if path:
            getattr(report, f"to_{name}")(path)
            print(f"wrote {path}")
    return report.exit_code


def _print_audit(report: AuditReport) -> None:
    found = report.findings
    print(report.headline)
    for sentence in words.summary(found):
        print(f"  {sentence}")
    width = max(len(f.name) for f in (found.together, *found.columns))
    print(f"\n  {'column':<{width}}   bits  of H(S)  interval         read as")
    for f in (found.together, *found.columns):
        print(
            f"  {f.name:<{width}}  {f.leakage.value:5.3f}  {words.percent(f.share):>7}"
            f"  {words.interval(f)}  {f.seen_as}"
        )
    for s in found.sets:
        print(f"  together: {' + '.join(s.names)}, {words.bits(s.leakage.value)} ({s.gain:+.3f})")
    for one in found.suggestions:
        less = f"{words.bits(one.leakage.value)} (interval {words.ends(one.leakage)})"
        print(f"  suggestion: {one.title}: {less}, keeps {words.percent(one.kept)}")
    for note in found.notes:
        print(f"  note: {note}")


def _release(arguments: argparse.Namespace) -> int:
    # Torch is loaded by this command only.
    from privfunnel.funnels.tabular import TableFunnel

    check_ending(arguments.output)
    _can_write(arguments.output, arguments.model, arguments.json)
    keep = arguments.keep
    table = _read(arguments, None if keep is None else [*keep, arguments.sensitive])
    with _bar(arguments.quiet) as progress:
        funnel = TableFunnel(
            arguments.budget,
            engine=arguments.engine,
            use_sensitive=arguments.use_sensitive,
            rng=arguments.seed,
        ).fit(table, sensitive=arguments.sensitive, keep=keep, progress=progress)
    print(release_words.text(funnel, arguments.sensitive))
    if arguments.json:
        write_text(arguments.json, release_words.as_json(funnel, arguments.sensitive))
        print(f"wrote {arguments.json}")
    if funnel.status == "over":
        print(f"not written: {arguments.output} would be over the budget", file=sys.stderr)
        return EXIT_CODES["over"]
    write_table(funnel.transform(table), arguments.output)
    print(f"wrote {arguments.output}")
    if arguments.model:
        funnel.save(arguments.model)
        print(f"wrote {arguments.model}")
    return EXIT_CODES["within" if funnel.status == "within" else "inconclusive"]


def _frontier(arguments: argparse.Namespace) -> int:
    from privfunnel.funnels.frontier import frontier
    from privfunnel.funnels.picture import check_picture, save_picture

    check_picture(arguments.output)
    _can_write(arguments.output, arguments.json, arguments.state)
    if arguments.algorithm and arguments.solver != "discrete":
        raise ValueError("--algorithm belongs to --solver discrete")
    if arguments.state and arguments.solver == "discrete":
        raise ValueError(
            "--state keeps trained budgets; --solver discrete trains none: leave it out"
        )
    keep = arguments.keep
    table = _read(arguments, None if keep is None else [*keep, arguments.sensitive])
    secret = arguments.sensitive
    sides: tuple[Any, Any] = (table, secret)
    if arguments.solver != "table":
        sides = table.without(secret).variable(), table[secret].variable
    with _bar(arguments.quiet) as progress:
        found = frontier(
            *sides,
            arguments.budgets,
            solver=arguments.solver,
            rng=arguments.seed,
            state=arguments.state,
            n_jobs=arguments.jobs,
            progress=progress,
            **({"algorithm": arguments.algorithm} if arguments.algorithm else {}),
        )
    print("  budget  leakage  interval         utility  status")
    for row in found.rows:
        leak = row.leakage
        print(
            f"  {row.budget:6.3f}  {leak.value:7.3f}  {leak.lower:.3f} to {leak.upper:.3f}"
            f"  {row.utility.value:7.2f}  {row.status}"
        )
    for reference in found.references:
        print(
            f"  {reference.leakage:.3f} bits leak, {reference.utility:.2f} kept: {reference.name}"
        )
    if arguments.json:
        write_text(arguments.json, json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
        print(f"wrote {arguments.json}")
    save_picture(found, arguments.output)
    print(f"wrote {arguments.output}")
    return 0


def _estimate(arguments: argparse.Namespace) -> int:
    table = _read(arguments, [*arguments.x, *arguments.y])
    with _bar(arguments.quiet) as progress:
        found = estimate_mi(
            table.variable(*arguments.x),
            table.variable(*arguments.y),
            method=arguments.method,
            confidence=arguments.confidence,
            n_permutations=arguments.permutations,
            rng=arguments.seed,
            progress=progress,
        )
    print(f"I({', '.join(arguments.x)}; {', '.join(arguments.y)}) = {found}")
    return 0


def _read(arguments: argparse.Namespace, columns: list[str] | None = None) -> Table:
    names = None if columns is None else list(dict.fromkeys(columns))
    return read_table(arguments.data, columns=names, missing=arguments.missing)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"needs column names separated by commas, not {text!r}")
    return names


def _kind(text: str) -> tuple[str, ColumnKind]:
    name, _, kind = text.rpartition("=")
    if not name or kind not in ("discrete", "continuous"):
        raise argparse.ArgumentTypeError(
            f"needs COLUMN=discrete or COLUMN=continuous, not {text!r}"
        )
    return name, cast(ColumnKind, kind)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"needs numbers separated by commas, not {text!r}"
        ) from None


def _can_write(*paths: str | None) -> None:
    # Before the work, not after it.
    for path in paths:
        if path and not Path(path).resolve().parent.is_dir():
            raise ValueError(f"cannot write {path}: there is no folder {Path(path).parent}")


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress]:
    """A progress bar on stderr, gone when the work is done; none when stderr is no terminal."""
    from tqdm import tqdm

    bar: Any = tqdm(
        total=100,
        file=sys.stderr,
        leave=False,
        disable=True if quiet else None,
        bar_format="{l_bar}{bar}| {elapsed}",
    )

    def progress(share: float, words: str) -> None:
        bar.set_description_str(words[:40], refresh=False)
        bar.n = min(100, round(100 * share))
        bar.refresh()

    try:
        yield progress
    finally:
        bar.close()


if __name__ == "__main__":
    sys.exit(main())
