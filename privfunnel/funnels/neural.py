"""NeuralFunnel: a trained encoder with known noise, for any columns X and S."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Literal, Self, final

import numpy as np

from privfunnel.entropy import FloatArray, check_base
from privfunnel.estimate import Estimate, Progress, Rng
from privfunnel.funnels.fresh import ATTACKERS, Status, aim, check_attackers, status_of
from privfunnel.funnels.inputs import Inputs, side_of
from privfunnel.funnels.model_file import load_model, save_model
from privfunnel.variables import Codes, Variable

try:
    import torch

    from privfunnel.funnels.opponents import ENGINES, Engine
    from privfunnel.funnels.shapes import (
        Code,
        channel_of,
        codes_of,
        make_channel,
        options_of,
        shape_of,
    )
    from privfunnel.funnels.start import steps_of_task
    from privfunnel.funnels.study import AnyChannel, Plan, Study, release
    from privfunnel.funnels.training import Trained, seeded
except ImportError as error:  # pragma: no cover
    raise ImportError(
        f"NeuralFunnel needs torch ({error}): pip install 'privfunnel-fsmi[funnel]'"
    ) from None

Utility = Literal["auto", "mine", "channel", "task", "distortion"]
UTILITIES = ("auto", "mine", "channel", "task", "distortion")
# How often a release over its budget is trained again.
ROUNDS = 3
# Standard deviations of the noise where the caller names none.
_NOISE, _TASK_NOISE, _TASK_NOISE_TWO = 0.3, 0.05, 0.15


@dataclass(frozen=True)
class _Fitted:
    """Everything a fitted funnel holds; estimates in nats."""

    channel: AnyChannel
    inputs: Inputs
    leakage: Estimate
    utility: Estimate
    in_loop: float
    inner_budget: float
    distortion: float | None


@final
class NeuralFunnel:
    """A release Z = f(X) + noise with little to say about S and much about X, or about a task.

    An implementation of the formulation of Wu, Tang, Dang & Chen (2021): utility is maximised
    while an estimate of I(S;Z) is held under a budget. What is reported is not what the training
    loop read: `leakage` is the worst of fresh attackers on people that neither the encoder nor
    they had seen.

    Parameters
    ----------
    budget : largest I(S;Z), in bits unless `base` says otherwise.
    engine : what reads leakage in training: "mixture" (from the known noise; a continuous S in
        groups), "mine", or "cross_entropy" (discrete S only); "auto" takes the mixture unless S
        has very many levels.
    utility : "mine" (a critic of I(X;Z)), "channel" (I(X;Z) from the known noise), "task", or
        "distortion" (Z is X in its own units, as close as the budget allows, with learnt noise);
        "auto" is "task" if one is given, else "channel".
    code : "gaussian", numbers with noise, or "categorical", one of `n_codes` codes that are drawn.
    n_outputs : dimensions of Z, by default 2; for a task 1, if it has more than two levels 2; for
        a distortion those of X, whatever is given.
    noise : standard deviation of the noise, by default 0.3, for a task 0.05 (two outputs 0.15); f
        has unit power in each dimension.
    held_out : share of the people that is kept from training and read at the end.
    confidence : of the intervals.
    n_steps : length of training; by default what the engine needs.
    restarts : trainings from different starts, of which the best goes on.
    annealing : share of the steps in which the budget comes down from four times as much.
    use_sensitive : let the encoder see S as well; releasing people then needs their S.
    attackers : who reads the release at the end: families of classifiers, and "mine".
    base : unit, 2 for bits, math.e for nats.
    rng : seed or generator; the same seed gives the same funnel.
    """

    def __init__(
        self,
        budget: float,
        *,
        engine: Engine = "auto",
        utility: Utility = "auto",
        code: Code = "gaussian",
        n_codes: int = 8,
        n_outputs: int | None = None,
        noise: float | None = None,
        held_out: float = 0.3,
        confidence: float = 0.95,
        n_steps: int | None = None,
        restarts: int = 1,
        annealing: float = 0.2,
        use_sensitive: bool = False,
        attackers: tuple[str, ...] = ATTACKERS,
        base: float = 2,
        rng: Rng = None,
    ) -> None:
        if not (math.isfinite(budget) and budget >= 0.0):
            raise ValueError(f"budget is {budget}; need a finite number of at least 0")
        if engine not in ENGINES:
            raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
        if utility not in UTILITIES:
            raise ValueError(f"utility must be one of {', '.join(UTILITIES)}, not {utility!r}")
        if not 0.05 <= held_out <= 0.8:
            raise ValueError(f"held_out is {held_out}; need a share between 0.05 and 0.8")
        counts_fit = all(v is None or v >= 1 for v in (n_outputs, n_steps))
        if not counts_fit or (noise is not None and noise <= 0.0):
            raise ValueError("n_outputs and n_steps must be at least 1, noise above 0")
        if restarts < 1 or not 0.0 <= annealing <= 0.9:
            raise ValueError(
                f"need restarts >= 1 and annealing between 0 and 0.9, not {restarts}, {annealing}"
            )
        self._log, self._base = check_base(base), base
        self.budget, self._engine, self._utility = budget, engine, utility
        self._n_codes = codes_of(code, n_codes)
        self._asked, self._shape = (n_outputs, noise), (n_outputs or 2, noise or _NOISE)
        self._held_out, self._confidence, self._n_steps = held_out, confidence, n_steps
        self._restarts, self._annealing = restarts, annealing
        self._use_sensitive = use_sensitive
        self._attackers, self._rng = check_attackers(attackers), rng
        self._fitted: _Fitted | None = None

    def fit(self, X: Any, S: Any, task: Any = None, progress: Progress | None = None) -> Self:
        """Train on most people, then read on the others with fresh attackers.

        A release whose fresh reading is over the budget is trained again with a tighter one, up
        to three times; if it still is, `status` says "over".

        Parameters
        ----------
        X : (n, d) what is known and useful; numbers or names.
        S : (n,) the sensitive column.
        task : (n,) what Z should tell, for utility "task".
        progress : called with the share done and a few words.
        """
        x, s = side_of(X, "X"), side_of(S, "S")
        goal = None if task is None else side_of(task, "task")
        rng = np.random.default_rng(self._rng)
        with seeded(int(rng.integers(2**31))):
            study = Study.of(
                x,
                s,
                goal,
                self._plan(x, goal),
                held_out=self._held_out,
                use_sensitive=self._use_sensitive,
                rng=rng,
            )
            self._check_budget(study)
            level = 1.0 - (1.0 - self._confidence) / ROUNDS
            budget = self.budget * self._log
            inner = aim(budget, len(study.held), confidence=level)
            channel, trained = self._best_start(study, inner, rng, progress)
            for attempt in range(ROUNDS):
                leakage, law, z = study.fresh(channel, level, rng)
                if leakage.value <= budget or attempt == ROUNDS - 1:
                    break
                inner *= max(0.2, 0.7 * budget / leakage.value)
                part = _part(progress, 0.8 + 0.1 * attempt, 0.1)
                trained = study.train(channel, inner, rng, again=True, progress=part)
        utility = study.useful(law, z, rng)
        if progress is not None:
            progress(1.0, "done")
        self._fitted = _Fitted(
            channel, study.seen, leakage, utility, trained.leakage, inner, study.distortion(z)
        )
        return self

    def _best_start(
        self, study: Study, inner: float, rng: np.random.Generator, progress: Progress | None
    ) -> tuple[AnyChannel, Trained]:
        """Of all restarts the most useful one within the budget, or the one closest to it."""
        best: tuple[tuple[bool, float], AnyChannel, Trained] | None = None
        share = 0.8 / self._restarts
        for i in range(self._restarts):
            channel = make_channel(study, self._shape[1], self._n_codes, start=i)
            part = _part(progress, i * share, share)
            trained = study.train(channel, inner, rng, again=False, progress=part)
            leak = study.quick(channel, rng) if self._restarts > 1 else 0.0
            within = leak <= inner
            rank = (within, trained.utility if within else -leak)
            if best is None or rank > best[0]:
                best = rank, channel, trained
        assert best is not None
        return best[1], best[2]

    def transform(self, X: Any, rng: Rng = None, *, S: Any = None) -> FloatArray | Codes:
        """Z (n, n_outputs) of people, or codes (n,), drawn anew in each call.

        S is given only with `use_sensitive`.

        Leave `rng` alone for a real release: noise that can be drawn again is no noise. Release
        each person once.
        """
        fitted = self._get()
        x = side_of(X, "X")
        if (S is None) == (fitted.inputs.of_s is not None):
            need = "needs S too: transform(X, S=...)" if S is None else "does not take S"
            raise ValueError(f"this release {need}")
        s = None if S is None else side_of(S, "S")
        inputs = torch.from_numpy(fitted.inputs.of_variables(x, s)).float()
        z = release(fitted.channel, inputs, np.random.default_rng(rng))[1]
        if self._n_codes is not None:
            return np.asarray(z.argmax(axis=1))
        return fitted.inputs.original(z)

    def law(self, X: Any, *, S: Any = None) -> FloatArray:
        """Means and log standard deviations of Z (n, 2 n_outputs), or log chances of codes.

        For a distortion in standard deviations of X from its mean. Who knows it gains nothing
        but what `leakage` counts already; never publish it for real people.
        """
        fitted = self._get()
        s = None if S is None else side_of(S, "S")
        inputs = fitted.inputs.of_variables(side_of(X, "X"), s)
        return release(fitted.channel, torch.from_numpy(inputs).float(), np.random.default_rng(0))[
            0
        ]

    @property
    def leakage(self) -> Estimate:
        """I(S;Z) as the worst fresh attacker reads it on people nobody saw."""
        return self._get().leakage.to_base(self._base)

    @property
    def utility(self) -> Estimate:
        """I(X;Z), or I(task;Z), on the same people."""
        return self._get().utility.to_base(self._base)

    @property
    def distortion(self) -> float | None:
        """Mean of (Z - X)^2 over the variance of X on the same people; None for other utilities."""
        return self._get().distortion

    @property
    def status(self) -> Status:
        """Where the fresh reading stands: "within" the budget, "over" it, or "undecided"."""
        return status_of(self.leakage, self.budget)

    @property
    def in_loop(self) -> float:
        """What the adversary of training read at the end: shown to be compared, not believed."""
        return self._get().in_loop / self._log

    @property
    def capacity(self) -> float:
        """No release of this shape can tell more: k/2 log(1 + 1/noise^2), or that of its codes."""
        if self._n_codes is not None:
            return math.log(self._n_codes) / self._log
        n_outputs, noise = self._shape
        if self._fitted is not None and self._fitted.channel.free:
            return math.inf
        return 0.5 * n_outputs * math.log1p(noise**-2) / self._log

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the funnel to one safetensors file; `load_funnel` reads it."""
        fitted = self._get()
        tensors = {
            name: tensor.numpy()
            for name, tensor in fitted.channel.state_dict().items()
            if not name.startswith("critic.")
        }
        channel = fitted.channel
        meta = {
            "budget": self.budget,
            "base": self._base,
            "shape": shape_of(channel),
            "inputs": fitted.inputs.to_dict(),
            "leakage": fitted.leakage.to_dict(),
            "utility": fitted.utility.to_dict(),
            "in_loop": fitted.in_loop,
            "inner_budget": fitted.inner_budget,
            "distortion": fitted.distortion,
        }
        save_model(path, "neural", tensors, meta)

    @classmethod
    def from_parts(cls, tensors: dict[str, Any], meta: dict[str, Any]) -> Self:
        """The funnel of a model file; use `load_funnel`."""
        inputs = Inputs.from_dict(meta["inputs"])
        channel = channel_of(meta["shape"], inputs.width)
        channel.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
        channel.eval()
        funnel = cls(
            meta["budget"],
            **options_of(channel),
            base=meta["base"],
            use_sensitive=inputs.of_s is not None,
        )
        funnel._fitted = _Fitted(
            channel,
            inputs,
            Estimate(**meta["leakage"]),
            Estimate(**meta["utility"]),
            meta["in_loop"],
            meta["inner_budget"],
            meta["distortion"],
        )
        return funnel

    def __repr__(self) -> str:
        if self._fitted is None:
            return f"NeuralFunnel({self.budget:g}, not fitted)"
        return (
            f"NeuralFunnel({self.budget:g}, {self.status}: leakage {self.leakage.value:.3g}, "
            f"utility {self.utility.value:.3g})"
        )

    def _get(self) -> _Fitted:
        if self._fitted is None:
            raise RuntimeError("the funnel is not fitted yet: call fit(X, S) first")
        return self._fitted

    def _kind_of_utility(self, x: Variable, goal: Variable | None) -> str:
        if self._utility == "task" and goal is None:
            raise ValueError("utility='task' needs fit(X, S, task=...)")
        if self._utility == "distortion" and any(x.nominal):
            raise ValueError("utility='distortion' needs numbers in X: names have no distance")
        if self._utility == "distortion" and self._n_codes is not None:
            raise ValueError("utility='distortion' needs code='gaussian': codes have no distance")
        if self._utility != "auto":
            return self._utility
        return "channel" if goal is None else "task"

    def _plan(self, x: Variable, goal: Variable | None) -> Plan:
        kind = self._kind_of_utility(x, goal)
        self._shape = self._shape_for(kind, goal)
        return Plan(
            engine=self._engine,
            utility=kind,
            n_outputs=self._n_codes or (x.dim if kind == "distortion" else self._shape[0]),
            n_steps=self._n_steps or (steps_of_task(len(x)) if kind == "task" else None),
            annealing=self._annealing,
            attackers=self._attackers,
            confidence=self._confidence,
        )

    def _shape_for(self, kind: str, goal: Variable | None) -> tuple[int, float]:
        n_outputs, noise = self._asked
        if kind == "task" and goal is not None:
            # One number orders people by what they tell; little noise, that it shows.
            many = goal.kind == "discrete" and goal.n_levels > 2
            n_outputs = n_outputs or (2 if many else 1)
            noise = noise or (_TASK_NOISE if n_outputs == 1 else _TASK_NOISE_TWO)
        return n_outputs or 2, noise or _NOISE

    def _check_budget(self, study: Study) -> None:
        top = study.secret_entropy() / self._log
        if study.s.kind == "discrete" and self.budget > top * (1 + 1e-9):
            raise ValueError(
                f"budget is {self.budget:g}; S holds {top:.4g}, so every release is within it: "
                "release X as it is, or give a smaller budget"
            )


def load_funnel(path: str | os.PathLike[str]) -> Any:
    """The funnel that `save` wrote: a NeuralFunnel or a TableFunnel.

    Raises
    ------
    ValueError
        If the file is not a model file, was changed, or has another version.
    """
    kind, tensors, meta = load_model(path)
    if kind == "table":
        from privfunnel.funnels.tabular import TableFunnel

        return TableFunnel.from_parts(tensors, meta)
    if kind != "neural":
        raise ValueError(f"{path}: a model of kind {kind!r}, which this version does not know")
    return NeuralFunnel.from_parts(tensors, meta)


def _part(progress: Progress | None, start: float, share: float) -> Progress | None:
    if progress is None:
        return None
    return lambda done, words: progress(start + share * done, words)
