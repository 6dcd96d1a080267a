"""One audit from its table to its findings: the parts in turn, each with a generator of its own."""

from __future__ import annotations

import dataclasses
from typing import final

import numpy as np
from scipy.stats import false_discovery_control

from privfunnel.audit.attacks import Crowd, attack_table
from privfunnel.audit.beside import prefix_of, side_by_side
from privfunnel.audit.compare import compare
from privfunnel.audit.counted import Counter, Rows
from privfunnel.audit.details import Group, LevelPart, Upper
from privfunnel.audit.findings import Finding, Findings, Secret, SetFinding
from privfunnel.audit.gains import gain_matrix, gains_of
from privfunnel.audit.grouping import Grouping, fit_grouping
from privfunnel.audit.hidden import hidden_pair
from privfunnel.audit.measure import (
    column_finding,
    describe_secret,
    most_groups,
    people_to_decide,
    secret_grouping,
)
from privfunnel.audit.model_bound import model_upper
from privfunnel.audit.notes import notes_of, provenance_of
from privfunnel.audit.options import Options
from privfunnel.audit.people import SHOWN_COLUMNS, level_parts, people_of, worst_groups
from privfunnel.audit.report import AuditReport
from privfunnel.audit.sets import best_sets
from privfunnel.audit.sources import Source
from privfunnel.audit.subgroups import subgroups_of
from privfunnel.audit.suggest import suggest
from privfunnel.audit.together import all_together, level_of_each, verdict_of
from privfunnel.audit.upper import is_model, upper_bound
from privfunnel.columns import Table
from privfunnel.estimate import Progress, Rng
from privfunnel.tables import MISSING_LEVEL, Missing
from privfunnel.variables import Codes

# The bound of a model is an average over draws, the same at every run.
_BOUND_SEED = 20_14


@final
class Run:
    """One audit: the table, its secret, and a generator for each part of the work."""

    def __init__(
        self,
        source: Source,
        table: Table,
        original: Table | None,
        options: Options,
        seed: Rng,
        tell: Progress,
    ) -> None:
        self.source, self.table, self.original, self.options = source, table, original, options
        self.seed, self.tell = seed, tell
        self.chosen = options.released(table)
        column = table[options.sensitive]
        if column.coded[1] == (MISSING_LEVEL,):
            raise ValueError(f"sensitive column {column.name!r} holds nothing but missing values")
        self.grouping, note = secret_grouping(column)
        self.codes: Codes = self.grouping.codes(column)
        before = original
        if before is not None and options.sensitive in before.names:
            before = before.without(options.sensitive)
        names = before.names if before is not None else ()
        prefix = source.before or prefix_of(self.chosen.names)
        self.before = before
        self.same = {n: f"{prefix}{n}" for n in self.chosen.names if n in names}
        self.both = table if before is None else side_by_side(table, before, prefix)
        self.rows = Rows(self.both, self.codes, self.grouping.size)
        engine = source.counter(self.grouping)
        self.counter: Counter = engine or self.rows
        if engine is not None:
            cut = [fit_grouping(c, most_groups(engine.n, engine.n_secret)) for c in self.chosen]
            engine.prepare(cut, lambda share, words: tell(0.02 + 0.1 * share, words))
        people = self.counter.counts(()).dense()[0]
        self.secret: Secret = describe_secret(self.grouping, note, people)
        self.prior = people / people.sum()
        self.budget = options.budget_bits(self.secret)
        self.matrix = (
            None if options.gains is None else gain_matrix(options.gains, self.grouping.labels)
        )
        self.upper, self.no_upper = self._upper_bound()

    def _upper_bound(self) -> tuple[Upper | None, tuple[str, ...]]:
        """The bound of the stated mechanism, or a note of why there is none."""
        stated = self.options.mechanism
        if stated is None:
            return None, ()
        if not is_model(stated):
            return upper_bound(stated, self.chosen, self.original, self.secret), ()
        if self.original is None:
            return None, (
                f"No upper bound from {stated}: how much its channel lets through depends on the "
                "rows that it released. Give them as the original to get one.",
            )
        rng = np.random.default_rng(_BOUND_SEED)
        original = self._with_secret(self.original)
        found = model_upper(stated, self.chosen, original, self.codes, self.secret, rng)
        return found, ()

    def _with_secret(self, original: Table) -> Table:
        # A model that was allowed to look at the secret needs it to say what it did.
        name = self.options.sensitive
        if name in original.names:
            return original
        return Table({**original.columns, name: self.table[name]}, original.notes)

    def report(self, missing: Missing) -> AuditReport:
        """All parts in turn."""
        options, confidence = self.options, self.options.confidence
        seeds = np.random.default_rng(self.seed).spawn(8)
        columns = self._columns(seeds[0])
        sets = self._sets(columns, seeds[4])
        crowd = attack_table(
            self.chosen,
            self.codes,
            self.secret,
            confidence=level_of_each(confidence),
            rng=seeds[1],
            progress=lambda share, words: self.tell(0.3 + 0.4 * share, words),
        )
        together = all_together(
            self.chosen,
            self.codes,
            self.secret,
            crowd,
            self._column_ends(columns, seeds[6]),
            sets,
            confidence=confidence,
            rng=seeds[2],
        )
        hidden = hidden_pair(
            self.table,
            tuple(f.name for f in columns if not self.table[f.name].variable.constant),
            self.codes,
            self.secret,
            confidence=level_of_each(confidence),
            rng=seeds[7],
        )
        verdict = verdict_of(
            together, columns, self.secret, self.budget, self.upper, sets=sets, hidden=hidden
        )
        self.tell(0.7, "person by person")
        found = Findings(
            verdict=verdict,
            secret=self.secret,
            n=self.counter.n,
            budget=self.budget,
            confidence=confidence,
            together=together,
            columns=columns,
            attackers=crowd.attackers,
            notes=(
                *notes_of(self.table, self.source, self.chosen, columns, self.secret),
                *self.no_upper,
            ),
            provenance=provenance_of(self.source, options, self.chosen, self.seed, missing),
            n_to_decide=people_to_decide(together.leakage, self.budget)
            if self.budget is not None and verdict == "inconclusive"
            else None,
            sets=sets,
            levels=self._levels(columns),
            groups=self._groups(columns, sets),
            people=people_of(
                self.chosen,
                self.codes,
                crowd.best,
                tuple(self.grouping.labels[k] for k in np.unique(self.codes[crowd.rows])),
            ),
            upper=self.upper,
            hidden=hidden,
        )
        found = self._on_request(found, crowd, seeds[3], seeds[5])
        self.tell(1.0, "done")
        return AuditReport(found)

    def _columns(self, rng: np.random.Generator) -> tuple[Finding, ...]:
        found = []
        for i, column in enumerate(self.chosen):
            self.tell(0.02 + 0.18 * i / len(self.chosen.names), f"column {column.name}")
            found.append(
                column_finding(
                    column,
                    self.counter,
                    self.secret,
                    confidence=self.options.confidence,
                    rng=rng,
                )
            )
        tested = [f.leakage.p_value for f in found if f.leakage.p_value is not None]
        adjusted = iter(false_discovery_control(tested)) if tested else iter(())
        found = [
            f
            if f.leakage.p_value is None
            else dataclasses.replace(f, adjusted_p=float(next(adjusted)))
            for f in found
        ]
        return tuple(sorted(found, key=lambda f: (-f.leakage.value, f.name)))

    def _column_ends(
        self, columns: tuple[Finding, ...], rng: np.random.Generator
    ) -> tuple[tuple[str, float], ...]:
        # Lower ends as if every column had been read at this level; only the largest can matter.
        each = 1.0 - (1.0 - level_of_each(self.options.confidence)) / len(columns)
        leading = sorted(columns, key=lambda f: -f.leakage.lower)[:2]
        found = [
            column_finding(self.table[f.name], self.counter, self.secret, confidence=each, rng=rng)
            for f in leading
            if f.leakage.lower > 0.0
        ]
        return tuple((f.name, f.leakage.lower) for f in found)

    def _sets(
        self, columns: tuple[Finding, ...], rng: np.random.Generator
    ) -> tuple[SetFinding, ...]:
        if self.secret.n_levels < 2:
            return ()
        return best_sets(
            self.table,
            self.counter,
            self.rows,
            columns,
            self.secret,
            size=self.options.largest_set,
            confidence=level_of_each(self.options.confidence),
            rng=rng,
            progress=lambda share, words: self.tell(0.2 + 0.1 * share, words),
        )

    def _levels(self, columns: tuple[Finding, ...]) -> tuple[LevelPart, ...]:
        found: list[LevelPart] = []
        for finding in [f for f in columns if f.leakage.lower > 0.0][:SHOWN_COLUMNS]:
            most = most_groups(self.counter.n, self.secret.n_levels)
            grouping: Grouping = fit_grouping(self.table[finding.name], most)
            counts = self.counter.counts((grouping,))
            found += level_parts(counts, grouping, self.grouping.labels, self.options.suppress)
        return tuple(found)

    def _groups(
        self, columns: tuple[Finding, ...], sets: tuple[SetFinding, ...]
    ) -> tuple[Group, ...]:
        # In the most telling set, if it tells more than a smaller one, or in the best column alone.
        wide = [s for s in sets if s.leakage.lower > 0.0 and s.gain > 0.0]
        names = tuple(f.name for f in columns[:1] if f.leakage.lower > 0.0)
        if wide:
            names = max(wide, key=lambda s: s.leakage.value).names
        return worst_groups(
            self.rows,
            self.table,
            names,
            self.grouping.labels,
            confidence=self.options.confidence,
            suppress=self.options.suppress,
        )

    def _on_request(
        self,
        found: Findings,
        crowd: Crowd,
        compare_rng: np.random.Generator,
        suggest_rng: np.random.Generator,
    ) -> Findings:
        options, notes = self.options, list(found.notes)
        if self.before is not None:
            self.tell(0.75, "comparing with the original")
            comparison = compare(
                self.before,
                self.both,
                self.same,
                self.counter,
                self.codes,
                self.secret,
                confidence=level_of_each(options.confidence),
                rng=compare_rng,
            )
            found = dataclasses.replace(found, comparison=comparison)
        if options.subgroup is not None and crowd.best is not None:
            groups, more = subgroups_of(
                self.table.take(crowd.rows)[options.subgroup],
                crowd.best,
                confidence=options.confidence,
                suppress=options.suppress,
            )
            found = dataclasses.replace(found, subgroups=groups)
            notes += more
        if self.matrix is not None:
            present = np.unique(self.codes[crowd.rows]) if crowd.best else slice(None)
            gains = gains_of(crowd.best, self.matrix[:, present], self.prior)
            found = dataclasses.replace(found, gains=gains)
        if options.suggestions and crowd.best is not None:
            suggestions, more = suggest(
                self.table.take(crowd.rows),
                self.chosen.names,
                np.unique(self.codes[crowd.rows], return_inverse=True)[1].astype(np.int64),
                self.secret,
                budget=self.budget,
                train=options.train,
                confidence=options.confidence,
                rng=suggest_rng,
                progress=lambda share, words: self.tell(0.8 + 0.2 * share, words),
            )
            found = dataclasses.replace(found, suggestions=suggestions)
            notes += more
        return dataclasses.replace(found, notes=tuple(notes))
