"""NeuralFunnel: a trained encoder with known noise, for any columns X and S."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Literal, Self, final

import numpy as np

from privfunnel.entropy import FloatArray, check_base
from privfunnel.estimate import Estimate, Progress, Rng
from privfunnel.estimators.attackers import attack_all, strongest
from privfunnel.funnels.encoding import Encoding
from privfunnel.funnels.fresh import (
    ATTACKERS,
    Status,
    aim,
    check_attackers,
    fresh_leakage,
    known_noise_information,
    quick_leakage,
    secret_codes,
    status_of,
)
from privfunnel.funnels.model_file import load_model, save_model
from privfunnel.variables import Codes, Variable, as_variable

try:
    import torch

    from privfunnel.funnels.channels import GaussianChannel
    from privfunnel.funnels.critics import Adversary
    from privfunnel.funnels.training import Settings, seeded, train
except ImportError as error:  # pragma: no cover
    raise ImportError(
        f"NeuralFunnel needs torch ({error}): pip install 'privfunnel-fsmi[funnel]'"
    ) from None

Engine = Literal["auto", "mine", "cross_entropy"]
Utility = Literal["auto", "mine", "channel", "task"]
FEWEST = 40
# How often a release over its budget is trained again.
ROUNDS = 3


@dataclass(frozen=True)
class _Fitted:
    """Everything a fitted funnel holds; estimates in nats."""

    channel: GaussianChannel
    encoding: Encoding
    leakage: Estimate
    utility: Estimate
    in_loop: float
    inner_budget: float


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
    engine : adversary of training, "mine" or "cross_entropy" (discrete S only); "auto" takes
        cross-entropy where S is discrete.
    utility : "mine" (a critic of I(X;Z)), "channel" (I(X;Z) from the known noise) or "task";
        "auto" is "task" if one is given, else "mine".
    n_outputs : dimensions of Z.
    noise : standard deviation of the noise; f has unit power in each dimension.
    held_out : share of the people that is kept from training and read at the end.
    confidence : of the intervals.
    n_steps : length of training.
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
        n_outputs: int = 2,
        noise: float = 0.3,
        held_out: float = 0.3,
        confidence: float = 0.95,
        n_steps: int = 800,
        attackers: tuple[str, ...] = ATTACKERS,
        base: float = 2,
        rng: Rng = None,
    ) -> None:
        if not (math.isfinite(budget) and budget >= 0.0):
            raise ValueError(f"budget is {budget}; need a finite number of at least 0")
        if engine not in ("auto", "mine", "cross_entropy"):
            raise ValueError(f"engine must be auto, mine or cross_entropy, not {engine!r}")
        if utility not in ("auto", "mine", "channel", "task"):
            raise ValueError(f"utility must be auto, mine, channel or task, not {utility!r}")
        if not 0.05 <= held_out <= 0.8:
            raise ValueError(f"held_out is {held_out}; need a share between 0.05 and 0.8")
        if n_outputs < 1 or noise <= 0.0 or n_steps < 1:
            raise ValueError("n_outputs and n_steps must be at least 1, noise above 0")
        self._log, self._base = check_base(base), base
        self.budget, self._engine, self._utility = budget, engine, utility
        self._shape = (n_outputs, noise)
        self._held_out, self._confidence, self._n_steps = held_out, confidence, n_steps
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
        x, s = as_variable(X, name="X"), as_variable(S, name="S")
        goal = None if task is None else as_variable(task, name="task")
        _check_sides(x, s, goal)
        kind = self._kind_of_utility(goal)
        rng = np.random.default_rng(self._rng)
        people = rng.permutation(len(x))
        n_held = max(20, round(self._held_out * len(x)))
        held, fit = people[:n_held], people[n_held:]
        encoding = Encoding.fit(x.take(fit))
        secret = secret_codes(s.values[:, 0], s.kind == "discrete")
        self._check_budget(secret)
        numbers = None if s.kind == "discrete" else s.values[held, 0]
        inputs = torch.from_numpy(encoding.apply(x.values)).float()
        level = 1.0 - (1.0 - self._confidence) / ROUNDS
        budget = self.budget * self._log
        inner = aim(budget, n_held, confidence=level)
        with seeded(int(rng.integers(2**31))):
            channel = self._channel(encoding.width, kind, goal)
            for attempt in range(ROUNDS):
                adversary, target = self._adversary(s, fit)
                trained = train(
                    channel,
                    adversary,
                    inputs[fit],
                    target,
                    budget=inner,
                    task=_task_tensor(goal, fit),
                    check=lambda: quick_leakage(
                        _release(channel, inputs[fit], rng)[1], secret[fit], rng
                    ),
                    settings=Settings(
                        n_steps=self._n_steps // (2 if attempt else 1),
                        check_every=100,
                        # Z has few dimensions: its adversary need not be held back.
                        weight_penalty=1e-4,
                    ),
                    progress=_part(progress, attempt / ROUNDS, 0.9 / ROUNDS),
                )
                mean, z = _release(channel, inputs[held], rng)
                leakage = fresh_leakage(z, secret[held], confidence=level, rng=rng, numbers=numbers)
                if leakage.value <= budget:
                    break
                inner *= max(0.2, 0.7 * budget / leakage.value)
        utility = _read_utility(kind, goal, held, mean, z, self._shape[1], self._confidence, rng)
        if progress is not None:
            progress(1.0, "done")
        self._fitted = _Fitted(channel, encoding, leakage, utility, trained.leakage, inner)
        return self

    def transform(self, X: Any, rng: Rng = None) -> FloatArray:
        """Z (n, n_outputs) of people, with new noise in each call.

        Leave `rng` alone for a real release: noise that can be drawn again is no noise. Release
        each person once.
        """
        fitted = self._get()
        inputs = fitted.encoding.apply(as_variable(X, name="X").values)
        generator = np.random.default_rng(rng)
        return _release(fitted.channel, torch.from_numpy(inputs).float(), generator)[1]

    @property
    def leakage(self) -> Estimate:
        """I(S;Z) as the worst fresh attacker reads it on people nobody saw."""
        return self._get().leakage.to_base(self._base)

    @property
    def utility(self) -> Estimate:
        """I(X;Z), or I(task;Z), on the same people."""
        return self._get().utility.to_base(self._base)

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
        """No release of this shape can tell more about anything: k/2 log(1 + 1/noise^2)."""
        n_outputs, noise = self._shape
        return 0.5 * n_outputs * math.log1p(noise**-2) / self._log

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the funnel to one safetensors file; `load_funnel` reads it."""
        fitted = self._get()
        tensors = {
            name: tensor.numpy()
            for name, tensor in fitted.channel.state_dict().items()
            if not name.startswith("critic.")
        }
        meta = {
            "budget": self.budget,
            "base": self._base,
            "n_outputs": self._shape[0],
            "noise": self._shape[1],
            "encoding": fitted.encoding.to_dict(),
            "leakage": fitted.leakage.to_dict(),
            "utility": fitted.utility.to_dict(),
            "in_loop": fitted.in_loop,
            "inner_budget": fitted.inner_budget,
        }
        save_model(path, "neural", tensors, meta)

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

    def _kind_of_utility(self, goal: Variable | None) -> str:
        if self._utility == "task" and goal is None:
            raise ValueError("utility='task' needs fit(X, S, task=...)")
        if self._utility != "auto":
            return self._utility
        return "mine" if goal is None else "task"

    def _check_budget(self, secret: Codes) -> None:
        p = np.bincount(secret) / len(secret)
        top = float(-(p[p > 0] * np.log(p[p > 0])).sum()) / self._log
        if self.budget > top * (1 + 1e-9):
            raise ValueError(
                f"budget is {self.budget:g}; S holds {top:.4g}, so every release is within it: "
                "release X as it is, or give a smaller budget"
            )

    def _channel(self, width: int, kind: str, goal: Variable | None) -> GaussianChannel:
        n_outputs, noise = self._shape
        n_task = goal.n_levels if goal is not None and goal.kind == "discrete" else 0
        return GaussianChannel(width, n_outputs, noise=noise, utility=kind, n_task=n_task)

    def _adversary(self, s: Variable, fit: Codes) -> tuple[Adversary, torch.Tensor]:
        discrete = s.kind == "discrete"
        engine = self._engine
        if engine == "auto":
            engine = "cross_entropy" if discrete else "mine"
        if not discrete:
            scores = Encoding.fit(s.take(fit)).apply(s.values)[fit]
            made = Adversary(self._shape[0], engine, prior=None, n_secret=scores.shape[1])
            return made, torch.from_numpy(scores).float()
        codes = np.unique(s.codes[fit], return_inverse=True)[1]
        prior = torch.from_numpy(np.bincount(codes) / len(codes)).float()
        return Adversary(self._shape[0], engine, prior=prior), torch.from_numpy(codes)


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
    funnel = NeuralFunnel(
        meta["budget"], n_outputs=meta["n_outputs"], noise=meta["noise"], base=meta["base"]
    )
    encoding = Encoding.from_dict(meta["encoding"])
    channel = GaussianChannel(
        encoding.width, meta["n_outputs"], noise=meta["noise"], utility="channel"
    )
    channel.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
    channel.eval()
    funnel._fitted = _Fitted(
        channel,
        encoding,
        Estimate(**meta["leakage"]),
        Estimate(**meta["utility"]),
        meta["in_loop"],
        meta["inner_budget"],
    )
    return funnel


def _check_sides(x: Variable, s: Variable, goal: Variable | None) -> None:
    for side in (s, goal):
        if side is not None and len(side) != len(x):
            raise ValueError(f"X has {len(x)} rows, {side.name} has {len(side)}")
        if side is not None and side.dim != 1:
            raise ValueError(f"{side.name} must be one column, not {side.dim}")
        if side is not None and side.constant:
            raise ValueError(f"{side.name} is the same for everyone: there is nothing to tell")
    if x.constant:
        raise ValueError("X is the same for everyone: there is nothing to release")
    if len(x) < FEWEST:
        raise ValueError(f"{len(x)} people are too few to train and read on: need {FEWEST}")


def _task_tensor(goal: Variable | None, rows: Codes) -> torch.Tensor | None:
    if goal is None:
        return None
    if goal.kind == "discrete":
        return torch.from_numpy(goal.codes[rows])
    return torch.from_numpy(Encoding.fit(goal.take(rows)).apply(goal.values[rows])[:, 0]).float()


def _release(
    channel: GaussianChannel, inputs: torch.Tensor, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    with torch.no_grad():
        mean = channel.mean(inputs).numpy().astype(np.float64)
    return mean, mean + channel.noise * rng.normal(size=mean.shape)


def _read_utility(
    kind: str,
    goal: Variable | None,
    held: Codes,
    mean: FloatArray,
    z: FloatArray,
    noise: float,
    confidence: float,
    rng: np.random.Generator,
) -> Estimate:
    if kind != "task" or goal is None:
        return known_noise_information(mean, z, noise)
    codes = secret_codes(goal.values[held, 0], goal.kind == "discrete")
    return strongest(attack_all(z, codes, rng=rng), confidence=confidence)


def _part(progress: Progress | None, start: float, share: float) -> Progress | None:
    if progress is None:
        return None
    return lambda done, words: progress(start + share * done, words)
