"""A lower bound of I(S; features) from how well a classifier predicts S for people it never saw.

For any predictive law q, H(S) - E[-ln q(S | features)] is at most the information (Barber & Agakov
2003; as an evaluator: Qin, Kim & Gedeon 2021). The attackers are cross-fitted and calibrated, and
each person contributes one term, which gives the interval.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from privfunnel.columns import quantile_bins
from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress, from_reading, normal_quantile, normal_tail
from privfunnel.estimators.attackers import Attack, attack
from privfunnel.variables import Codes, Variable

Label = Literal["x", "y", "auto"]
# Rarer levels than these are merged into one, a continuous label is cut into bins: both can only
# lower the information, so the reading stays a lower bound.
MAX_CLASSES = 24
LABEL_BINS = 8
# Everything above is left to be guessed by models that saw a random part of the rows.
MAX_ROWS = 100_000


def classifier_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    models: tuple[str, ...] = ("boosted trees", "logistic"),
    folds: int = 5,
    label: Label = "auto",
) -> Estimate:
    """Held-out lower bound; `details` names the families and keeps one term per person.

    Parameters
    ----------
    models : names in privfunnel.estimators.attackers.FAMILIES. Which one is read for one half of
        the people is decided by the other half, so that choosing costs no honesty.
    folds : each person is predicted by models trained on the other folds.
    label : which side is predicted; "auto" takes the discrete one with fewer levels.
    """
    target, features = _sides(x, y, label)
    codes, note = classes(target)
    name = "classifier" if len(models) > 1 else models[0]
    if codes.max() < 1 or len(codes) < 10:
        note = note or f"{len(codes)} rows are too few to train on"
        nothing = (0.0, math.inf)
        return from_reading(0.0, method=name, n=len(x), bound="lower", interval=nothing, note=note)
    rows = np.arange(len(codes))
    if len(rows) > MAX_ROWS:
        rows = rng.choice(len(rows), MAX_ROWS, replace=False)
        note = f"{note}; " * bool(note) + f"{MAX_ROWS} of {len(codes)} rows used"
    attacks = []
    for i, model in enumerate(models):
        attacks.append(attack(features.matrix[rows], codes[rows], model, n_folds=folds, rng=rng))
        if progress:
            progress((i + 1) / len(models), f"attacker: {model}")
    terms, accuracy, chosen = _honest_choice(attacks, rng)
    error = float(terms.std(ddof=1)) / len(terms) ** 0.5
    power = normal_quantile(confidence) + normal_quantile(0.8)
    details: dict[str, Any] = {"note": note} if note else {}
    raw, least = float(terms.mean()), 2 * power**2 / len(terms)
    half_width = normal_quantile(0.5 + confidence / 2) * error
    return from_reading(
        raw,
        method=name,
        n=len(terms),
        bound="lower",
        # Attackers who gave up read 0 with no spread: that says only what they would have found.
        interval=(raw - half_width, max(raw + half_width, least)),
        standard_error=error,
        confidence=confidence,
        p_value=normal_tail(raw / error) if error else 1.0,
        # A leak of I nats gives a perfect attacker terms of variance about 2 I.
        least_detectable=least,
        label=target.name,
        attacker=chosen,
        families={a.attacker: _summary(a) for a in attacks},
        accuracy=accuracy,
        majority=attacks[0].majority,
        pointwise_nats=terms,
        **details,
    )


def _honest_choice(
    attacks: list[Attack], rng: np.random.Generator
) -> tuple[FloatArray, float, str]:
    # Terms (n,), accuracy and most used family; each half is read by the other half's choice.
    gains = np.array([a.gains() for a in attacks])
    hits = np.array([a.probabilities.argmax(axis=1) == a.codes for a in attacks])
    half = rng.permutation(gains.shape[1]) % 2
    pick = [int(gains[:, half != h].mean(axis=1).argmax()) for h in (0, 1)]
    row = np.array(pick)[half]
    people = np.arange(len(half))
    overall = int(gains.mean(axis=1).argmax())
    return gains[row, people], float(hits[row, people].mean()), attacks[overall].attacker


def classes(side: Variable) -> tuple[Codes, str]:
    """Classes (n,) that a classifier can predict, and a note on what was merged."""
    if side.kind != "discrete":
        if side.dim > 1:
            raise ValueError(
                f"{side.name} has {side.dim} columns that are not all discrete: a classifier "
                "predicts one column; use method='neural' or 'ksg'"
            )
        return quantile_bins(side.values[:, 0], LABEL_BINS), f"label cut into {LABEL_BINS} bins"
    codes = side.codes
    counts = np.bincount(codes)
    if len(counts) <= MAX_CLASSES:
        return codes, ""
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(counts), dtype=np.int64)
    rank[order] = np.arange(len(counts))
    note = f"{len(counts) - MAX_CLASSES + 1} rare levels merged into one"
    return np.minimum(rank[codes], MAX_CLASSES - 1), note


def _sides(x: Variable, y: Variable, label: Label) -> tuple[Variable, Variable]:
    if label not in ("x", "y", "auto"):
        raise ValueError(f"label must be 'x', 'y' or 'auto', not {label!r}")
    if label != "auto":
        return (x, y) if label == "x" else (y, x)

    def rank(side: Variable) -> tuple[bool, int]:
        return side.kind != "discrete", side.n_levels if side.kind == "discrete" else side.dim

    return (y, x) if rank(y) < rank(x) else (x, y)


def _summary(found: Attack) -> dict[str, float]:
    gains = found.gains()
    return {
        "nats": float(gains.mean()),
        "standard_error_nats": float(gains.std(ddof=1)) / len(gains) ** 0.5,
        "accuracy": found.accuracy,
    }
