"""Attackers: classifiers that guess a sensitive column, always scored on people they never saw.

The mean of log q(s|z) / p(s) over unseen people is a lower bound of I(S;Z), whatever q is (Barber
& Agakov 2003): a badly trained attacker reads too little, never too much.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, from_reading, normal_quantile

Codes = npt.NDArray[np.int64]
# Exponents tried on q/p: 0 is no attack at all, so that an attacker who learnt nothing reads 0;
# below 1 tames overconfidence.
_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25)
# No probability is believed beyond this: one surprise must not decide the reading.
_FLOOR = 1e-4


@final
@dataclass(frozen=True)
class Attack:
    """What one attacker said about each person, from folds that do not hold that person.

    Attributes
    ----------
    attacker : name in FAMILIES.
    codes : (n,) the truth.
    probabilities : (n, k) calibrated guesses.
    prior : (k,) share of each level.
    """

    attacker: str
    codes: Codes
    probabilities: FloatArray
    prior: FloatArray

    @property
    def accuracy(self) -> float:
        """Share of people guessed right."""
        return float((self.probabilities.argmax(axis=1) == self.codes).mean())

    @property
    def majority(self) -> float:
        """Share guessed right by always saying the most frequent level."""
        return float(self.prior.max())

    def gains(self) -> FloatArray:
        """ln q(s|z) / p(s) of each person, (n,) [nat]."""
        said = self.probabilities[np.arange(len(self.codes)), self.codes]
        return np.asarray(np.log(said) - np.log(self.prior[self.codes]))

    def reading(self, *, confidence: float = 0.95) -> Estimate:
        """The lower bound of I(S;Z) [nat] that this attack proves."""
        gains = self.gains()
        n, mean = len(gains), float(gains.mean())
        error = float(gains.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
        p_value = float(ndtr(-mean / error)) if error > 0 else 1.0
        power = normal_quantile(confidence) + normal_quantile(0.8)
        # A leak of I nats makes gains of variance about 2 I; this is for a perfect attacker.
        least = 2.0 * power**2 / n
        half = normal_quantile(0.5 + confidence / 2) * error
        return from_reading(
            mean,
            method=self.attacker,
            n=n,
            bound="lower",
            standard_error=error,
            # An attacker who gave up reads 0 without spread: that proves nothing below what this
            # many people could have shown.
            interval=(mean - half, max(mean + half, least)),
            confidence=confidence,
            p_value=p_value,
            least_detectable=least,
        )


def attack(
    features: FloatArray,
    codes: Codes,
    attacker: str,
    *,
    n_folds: int = 5,
    rng: np.random.Generator,
) -> Attack:
    """Cross-fit one family of attackers: everybody is guessed by a model that never saw them.

    Parameters
    ----------
    features : (n, d) numbers.
    codes : (n,) levels of the sensitive column, 0 to k - 1.
    attacker : name in FAMILIES.
    """
    if attacker not in FAMILIES:
        raise ValueError(f"unknown attacker {attacker!r}; one of: {', '.join(FAMILIES)}")
    if find_spec("sklearn") is None:
        raise ImportError("attackers need scikit-learn: pip install 'privfunnel-fsmi[audit]'")
    n, k = len(codes), int(codes.max()) + 1
    prior = np.bincount(codes, minlength=k) / n
    fold = folds(codes, min(n_folds, n), rng)
    guesses = np.empty((n, k))
    for f in range(int(fold.max()) + 1):
        train, test = fold != f, fold == f
        seed = int(rng.integers(2**31))
        guesses[test] = fit_guess(
            attacker, features[train], codes[train], features[test], prior, seed
        )
    return Attack(attacker, codes, calibrated(guesses, codes, prior, fold), prior)


def attack_all(
    features: FloatArray,
    codes: Codes,
    attackers: Iterable[str] | None = None,
    *,
    n_folds: int = 5,
    rng: np.random.Generator,
) -> list[Attack]:
    """One attack of each family named (all if none is)."""
    names = tuple(FAMILIES) if attackers is None else tuple(attackers)
    return [attack(features, codes, name, n_folds=n_folds, rng=rng) for name in names]


def strongest(attacks: list[Attack], *, confidence: float = 0.95) -> Estimate:
    """The largest of some attackers' lower bounds, its interval corrected for the choice."""
    level = 1.0 - (1.0 - confidence) / len(attacks)
    readings = [a.reading(confidence=level) for a in attacks]
    return max(readings, key=lambda e: float(e.details["raw"]))


def folds(codes: Codes, n_folds: int, rng: np.random.Generator) -> Codes:
    """A fold for each person, every level spread evenly over the folds."""
    order = np.lexsort((rng.random(len(codes)), codes))
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % n_folds
    return fold


def fit_guess(
    attacker: str,
    train: FloatArray,
    codes: Codes,
    test: FloatArray,
    prior: FloatArray,
    seed: int,
) -> FloatArray:
    """Probabilities (m, k) that a freshly trained attacker gives for people it never saw."""
    present = np.unique(codes)
    result = np.tile(prior, (len(test), 1))
    if len(present) < 2 or len(train) < 4:
        return result
    model = FAMILIES[attacker](len(train), seed)
    with warnings.catch_warnings():
        # An attacker that has not converged is a weaker attacker, not a wrong one.
        warnings.simplefilter("ignore")
        with _one_thread():
            model.fit(train, np.searchsorted(present, codes))
            said = model.predict_proba(test)
    # Levels that the training people never show keep their prior share.
    missing = 1.0 - float(prior[present].sum())
    result[:, present] = said * (1.0 - missing)
    return result


def calibrated(guesses: FloatArray, codes: Codes, prior: FloatArray, fold: Codes) -> FloatArray:
    """Each fold's guesses at the temperature that suits the other folds best."""
    n = len(codes)
    logs = np.log(np.maximum(guesses, _FLOOR)) - np.log(prior)
    candidates = []
    for t in _TEMPERATURES:
        weights = prior * np.exp(t * (logs - logs.max(axis=1, keepdims=True)))
        candidates.append(weights / weights.sum(axis=1, keepdims=True))
    scores = np.array([np.log(c[np.arange(n), codes]) for c in candidates])
    result = np.empty_like(guesses)
    for f in range(int(fold.max()) + 1):
        best = int(scores[:, fold != f].sum(axis=1).argmax()) if (fold != f).any() else 0
        result[fold == f] = candidates[best][fold == f]
    return result


def _trees(n: int, seed: int) -> Any:
    # About 20 leaves' worth of people per split: small tables are not memorised.
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=120 if n >= 4000 else 60,
        learning_rate=0.1,
        max_leaf_nodes=15 if n >= 4000 else 6,
        min_samples_leaf=max(2, min(20, n // 20)),
        l2_regularization=1.0,
        early_stopping=n >= 4000,
        n_iter_no_change=8,
        random_state=seed,
    )


def _logistic(n: int, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=200))


def _mlp(n: int, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net = MLPClassifier(
        hidden_layer_sizes=(32, 32),
        alpha=1e-2,
        learning_rate_init=3e-3,
        batch_size=min(n, 64 if n < 4000 else 256),
        max_iter=40,
        early_stopping=n >= 200,
        n_iter_no_change=5,
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), net)


FAMILIES: dict[str, Callable[[int, int], Any]] = {
    "boosted trees": _trees,
    "logistic": _logistic,
    "mlp": _mlp,
}


def _one_thread() -> Any:
    # More threads than free cores make boosted trees 70 times slower.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1)
