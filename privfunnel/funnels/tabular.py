"""TableFunnel: a release in the table's own columns, with plausible values in each of them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, final

import numpy as np

from privfunnel.columns import Table
from privfunnel.entropy import FloatArray, entropy
from privfunnel.estimate import Estimate, Progress, Rng
from privfunnel.funnels.fresh import (
    ATTACKERS,
    Status,
    aim,
    check_attackers,
    fresh_leakage,
    quick_leakage,
    secret_codes,
    status_of,
)
from privfunnel.funnels.groups import Groups, check_width
from privfunnel.funnels.model_file import save_model
from privfunnel.variables import Codes

try:
    import torch

    from privfunnel.funnels.column_channel import ColumnChannel
    from privfunnel.funnels.critics import Adversary
    from privfunnel.funnels.redrawing import (
        KeptColumn,
        as_table,
        chances_of,
        encode_groups,
        indicators,
        kept_columns,
        redraw,
    )
    from privfunnel.funnels.training import Settings, seeded, train
except ImportError as error:  # pragma: no cover
    raise ImportError(
        f"TableFunnel needs torch ({error}): pip install 'privfunnel-fsmi[funnel]'"
    ) from None

FEWEST = 100
# How often a release over its budget is trained again.
ROUNDS = 3


@final
@dataclass(frozen=True)
class _Fitted:
    channel: ColumnChannel
    groups: tuple[Groups, ...]
    sees: Groups | None
    leakage: Estimate
    before: Estimate
    utility: Estimate
    kept: tuple[KeptColumn, ...]
    in_loop: float
    attempts: int


@final
class TableFunnel:
    """Keeps or redraws each value with chances that depend on the row, not on the secret.

    Numbers are cut into bins, names into levels; a value is drawn for its group, so the release
    tells nothing that the groups do not. Training holds the adversary's reading of I(S;Z) under
    the budget and keeps as much as it can of I(X_j;Z_j), summed over columns. Reported numbers come
    from fresh attackers on people that took no part.

    Parameters
    ----------
    budget : largest I(S;Z) [bit].
    engine : adversary of training, "mine" (Donsker-Varadhan) or "cross_entropy".
    held_out : share of the people read at the end.
    confidence : of the intervals.
    n_steps : length of training.
    use_sensitive : let the chances depend on the secret as well; whoever releases people later
        then needs their secret.
    attackers : who reads the release at the end: families of classifiers, and "mine".
    rng : seed or generator of training (never of the noise of `transform`).
    """

    def __init__(
        self,
        budget: float,
        *,
        engine: Literal["mine", "cross_entropy"] = "mine",
        held_out: float = 0.4,
        confidence: float = 0.95,
        n_steps: int = 500,
        use_sensitive: bool = False,
        attackers: tuple[str, ...] = ATTACKERS,
        rng: Rng = None,
    ) -> None:
        if not (math.isfinite(budget) and budget >= 0.0):
            raise ValueError(f"budget is {budget}; need a finite number of bits of at least 0")
        if engine not in ("mine", "cross_entropy"):
            raise ValueError(f"engine must be mine or cross_entropy, not {engine!r}")
        if not 0.05 <= held_out <= 0.8:
            raise ValueError(f"held_out is {held_out}; need a share between 0.05 and 0.8")
        self.budget, self._engine, self._held_out = budget, engine, held_out
        self._confidence, self._n_steps, self._rng = confidence, n_steps, rng
        self._use_sensitive = use_sensitive
        self._attackers = check_attackers(attackers)
        self._fitted: _Fitted | None = None

    def fit(
        self,
        table: Table,
        *,
        sensitive: str,
        keep: Iterable[str] | None = None,
        start: TableFunnel | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Train on part of the people, read on the rest; tighter again if that is over budget.

        Parameters
        ----------
        table : from `read_table`.
        sensitive : the column to protect; no input of the release without `use_sensitive`.
        keep : the columns to release, all others by default.
        start : a funnel of the same table and seed to go on from, in half the steps.
        """
        if start is not None and start.use_sensitive != self._use_sensitive:
            with_it = "with" if start.use_sensitive else "without"
            raise ValueError(
                f"start was trained {with_it} use_sensitive, this funnel is the other way"
            )
        chosen = _chosen(table, sensitive, keep)
        secret = table[sensitive]
        codes = secret_codes(secret.values, secret.kind == "discrete")
        self._check(codes, table.n, sensitive)
        rng = np.random.default_rng(self._rng)
        people = rng.permutation(table.n)
        n_held = round(self._held_out * table.n)
        held, fit = people[:n_held], people[n_held:]
        groups = tuple(Groups.fit(column) for column in chosen)
        sees = Groups.fit(secret) if self._use_sensitive else None
        grouped = encode_groups(groups, table, sees=sees)
        channel, leakage, in_loop, attempts = self._train(
            groups, sees, grouped, codes, fit, held, start, rng, progress
        )
        level = 1.0 - (1.0 - self._confidence) / ROUNDS
        before = fresh_leakage(
            chosen.take(held).matrix(),
            codes[held],
            confidence=level,
            rng=rng,
            attackers=self._attackers,
        )
        redrawn = redraw(channel, grouped[held], rng)
        kept, utility = kept_columns(groups, grouped[held], redrawn, self._confidence, rng)
        if progress is not None:
            progress(1.0, "done")
        self._fitted = _Fitted(
            channel, groups, sees, leakage, before, utility, kept, in_loop, attempts
        )
        return self

    def transform(self, table: Table, rng: Rng = None) -> Table:
        """The release of a table with the same columns; new noise in each call.

        With `use_sensitive` the table must hold the sensitive column too; it never comes back.
        Leave `rng` alone for a real release: noise that can be drawn again is no noise. Release
        each person once.
        """
        fitted = self._get()
        generator = np.random.default_rng(rng)
        grouped = encode_groups(fitted.groups, table, sees=fitted.sees)
        redrawn = redraw(fitted.channel, grouped, generator)
        return as_table(fitted.groups, redrawn, generator)

    def chances(self, table: Table) -> dict[str, FloatArray]:
        """The channel itself: name -> p(group released | row), (n, groups of that column).

        Given the row, columns are drawn apart from each other.
        """
        fitted = self._get()
        found = chances_of(fitted.channel, encode_groups(fitted.groups, table, sees=fitted.sees))
        return {g.name: found[:, j, : g.n] for j, g in enumerate(fitted.groups)}

    @property
    def leakage(self) -> Estimate:
        """I(S;Z) [bit] as the worst fresh attacker reads it on people nobody saw."""
        return self._get().leakage.to_base(2)

    @property
    def leakage_before(self) -> Estimate:
        """The same attackers on the columns as they are [bit]."""
        return self._get().before.to_base(2)

    @property
    def utility(self) -> Estimate:
        """Sum over columns of I(X_j;Z_j) [bit] on people nobody saw."""
        return self._get().utility.to_base(2)

    @property
    def kept(self) -> tuple[KeptColumn, ...]:
        """The same column by column."""
        return self._get().kept

    @property
    def use_sensitive(self) -> bool:
        """Whether the release looks at the secret of the people it releases."""
        return self._use_sensitive

    @property
    def in_loop(self) -> float:
        """What the adversary of training read at the end [bit]: to be compared, not believed."""
        return self._get().in_loop / math.log(2)

    @property
    def status(self) -> Status:
        """Where the fresh reading stands: "within" the budget, "over" it, or "undecided"."""
        return status_of(self.leakage, self.budget)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the funnel to one safetensors file; `load_funnel` reads it."""
        fitted = self._get()
        tensors = {name: t.numpy() for name, t in fitted.channel.state_dict().items()}
        meta = {
            "budget": self.budget,
            "groups": [g.to_dict() for g in fitted.groups],
            "sees": None if fitted.sees is None else fitted.sees.to_dict(),
            "leakage": fitted.leakage.to_dict(),
            "before": fitted.before.to_dict(),
            "utility": fitted.utility.to_dict(),
            "kept": [vars(k) for k in fitted.kept],
            "in_loop": fitted.in_loop,
            "attempts": fitted.attempts,
        }
        save_model(path, "table", tensors, meta)

    @classmethod
    def from_parts(cls, tensors: dict[str, Any], meta: dict[str, Any]) -> Self:
        """The funnel of a model file; use `load_funnel`."""
        sees = None if meta["sees"] is None else Groups.from_dict(meta["sees"])
        funnel = cls(meta["budget"], use_sensitive=sees is not None)
        groups = tuple(Groups.from_dict(g) for g in meta["groups"])
        channel = _channel(groups, sees)
        channel.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
        channel.eval()
        leakage, before, utility = (
            Estimate(**meta[name]) for name in ("leakage", "before", "utility")
        )
        kept = tuple(KeptColumn(**k) for k in meta["kept"])
        funnel._fitted = _Fitted(
            channel,
            groups,
            sees,
            leakage,
            before,
            utility,
            kept,
            meta["in_loop"],
            meta["attempts"],
        )
        return funnel

    def __repr__(self) -> str:
        if self._fitted is None:
            return f"TableFunnel({self.budget:g}, not fitted)"
        return (
            f"TableFunnel({self.budget:g} bits, {self.status}: leakage {self.leakage.value:.3g}, "
            f"utility {self.utility.value:.3g})"
        )

    def _get(self) -> _Fitted:
        if self._fitted is None:
            raise RuntimeError("the funnel is not fitted yet: call fit(table, sensitive=...) first")
        return self._fitted

    def _check(self, codes: Codes, n: int, sensitive: str) -> None:
        if codes.max() < 1:
            raise ValueError(
                f"sensitive column {sensitive!r} is the same for everyone: nothing to protect"
            )
        if n < FEWEST:
            raise ValueError(f"{n} people are too few to train and read on: need {FEWEST}")
        top = entropy(np.bincount(codes) / n)
        if self.budget > top:
            raise ValueError(
                f"budget is {self.budget:g} bits; {sensitive!r} holds {top:.4g}, so every release "
                "is within it"
            )

    def _train(
        self,
        groups: tuple[Groups, ...],
        sees: Groups | None,
        grouped: Codes,
        codes: Codes,
        fit: Codes,
        held: Codes,
        start: TableFunnel | None,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> tuple[ColumnChannel, Estimate, float, int]:
        budget = self.budget * math.log(2)
        level = 1.0 - (1.0 - self._confidence) / ROUNDS
        inner = aim(budget, len(held), confidence=level)
        secret = np.unique(codes[fit], return_inverse=True)[1]
        prior = torch.from_numpy(np.bincount(secret) / len(secret)).float()
        with seeded(int(rng.integers(2**31))):
            channel = _channel(groups, sees)
            if start is not None:
                channel.load_state_dict(start._get().channel.state_dict())
            x = indicators(grouped[fit], channel.width)
            n_inputs = channel.n_columns * channel.width

            def released(people: Codes) -> FloatArray:
                redrawn = redraw(channel, grouped[people], rng)
                return as_table(groups, redrawn, rng).matrix()

            for attempt in range(1, ROUNDS + 1):
                afresh = attempt == 1 and start is None
                trained = train(
                    channel,
                    Adversary(n_inputs, self._engine, prior=prior),
                    x,
                    torch.from_numpy(secret),
                    budget=inner,
                    check=lambda: quick_leakage(released(fit), codes[fit], rng),
                    settings=Settings(n_steps=self._n_steps // (1 if afresh else 2)),
                    progress=_part(progress, attempt),
                )
                leakage = fresh_leakage(
                    released(held),
                    codes[held],
                    confidence=level,
                    rng=rng,
                    attackers=self._attackers,
                )
                if leakage.value <= budget:
                    break
                inner *= max(0.2, 0.7 * budget / leakage.value)
        return channel, leakage, trained.leakage, attempt


def _chosen(table: Table, sensitive: str, keep: Iterable[str] | None) -> Table:
    _ = table[sensitive]
    names = [c for c in table.names if c != sensitive] if keep is None else list(keep)
    if sensitive in names:
        raise ValueError(f"the sensitive column {sensitive!r} is among the columns to keep")
    if not names:
        raise ValueError("no column to keep")
    check_width(names, sensitive)
    chosen = table.select(names)
    for column in chosen:
        if column.variable.constant:
            raise ValueError(f"column {column.name!r} is the same for everyone: leave it out")
    return chosen


def _channel(groups: tuple[Groups, ...], sees: Groups | None) -> ColumnChannel:
    return ColumnChannel([g.n for g in groups], n_secret=0 if sees is None else sees.n)


def _part(progress: Progress | None, attempt: int) -> Progress | None:
    if progress is None:
        return None
    # The first attempt is usually the last: it gets most of the bar.
    start, share = ((0.0, 0.8), (0.8, 0.1), (0.9, 0.1))[attempt - 1]
    return lambda done, words: progress(start + share * done, words)
