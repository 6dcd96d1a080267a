"""Names of the estimators, and where each one lives.

Nothing is imported here: `estimate_mi` imports an estimator when it is asked for, which keeps
`import privfunnel` light and lets the door stand below the rooms it opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Takes = Literal["discrete", "continuous", "any"]


@dataclass(frozen=True)
class Method:
    """One estimator.

    Attributes
    ----------
    target : "module:function". The function takes two `Variable`s and the keyword arguments
        confidence, rng, progress and its own options, and returns an Estimate in nats.
    about : one line for lists and messages.
    takes : the kind of sides it is made for; "discrete" needs codes, "continuous" numbers.
    preset : options that this name fixes.
    """

    target: str
    about: str
    takes: Takes = "continuous"
    preset: Mapping[str, Any] = field(default_factory=dict)


def _plugin(correction: str, about: str) -> Method:
    target = "privfunnel.estimators.plugin:plugin_mi"
    return Method(target, about, "discrete", {"correction": correction})


def _neural(critic: str, about: str) -> Method:
    name = critic.split(":")[1]
    return Method(
        "privfunnel.estimators.neural:neural_mi", about, "any", {"critics": (critic,), "name": name}
    )


def _classifier(models: tuple[str, ...], about: str) -> Method:
    target = "privfunnel.estimators.classifier:classifier_mi"
    preset = {"models": models} if len(models) == 1 else {}
    return Method(target, about, "any", preset)


def _knn(name: str, about: str, takes: Takes = "continuous", **preset: Any) -> Method:
    return Method(f"privfunnel.estimators.knn:{name}_mi", about, takes, preset)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "auto": Method(
            "privfunnel.estimators.auto:auto_mi", "chosen by kind, n and dimension", "any"
        ),
        "plugin": _plugin("none", "relative frequencies, as counted"),
        "corrected": _plugin("permutation", "plug-in less its mean under independence"),
        "miller_madow": _plugin("miller_madow", "plug-in with the first-order bias taken off"),
        "grassberger": _plugin("grassberger", "plug-in with digamma corrections per cell"),
        "shrinkage": _plugin("shrinkage", "James-Stein: the table pulled towards independence"),
        "nsb": _plugin(
            "nsb", "Bayesian entropies under a prior flat in the entropy; sparse tables"
        ),
        "ksg": _knn("ksg", "nearest neighbours, for up to four dimensions", kind=1),
        "ksg2": _knn("ksg", "nearest neighbours, a radius for each side", kind=2),
        "ross": _knn("ross", "nearest neighbours, a discrete side against numbers", "any"),
        "mixed_ksg": _knn("mixed", "nearest neighbours, mixtures of masses and densities", "any"),
        "gaussian": Method(
            "privfunnel.estimators.gaussian:gaussian_mi", "closed form for jointly Gaussian sides"
        ),
        "copula": Method(
            "privfunnel.estimators.copula:copula_mi",
            "Gaussian copula: closed form on normal scores",
        ),
        "copula_entropy": Method(
            "privfunnel.estimators.copula:copula_entropy_mi",
            "minus the copula entropy, by nearest neighbours among ranks",
        ),
        "elliptical": Method(
            "privfunnel.estimators.elliptical:elliptical_mi",
            "held-out lower bound by the best Gaussian or Student copula",
            "any",
        ),
        "neural": Method(
            "privfunnel.estimators.neural:neural_mi",
            "held-out lower bound by networks on top of the elliptical critic",
            "any",
            {"name": "neural"},
        ),
        "mine": _neural("hybrid:mine", "held-out; MINE with the bias-corrected gradient"),
        "nwj": _neural("hybrid:nwj", "held-out; Nguyen, Wainwright & Jordan"),
        "infonce": _neural("separable:infonce", "held-out; contrastive"),
        "smile": Method(
            "privfunnel.estimators.neural:neural_mi",
            "held-out point estimate by SMILE's clipped reading; not a bound",
            "any",
            {"critics": ("hybrid:smile",), "reading": "smile", "name": "smile"},
        ),
        "club": Method(
            "privfunnel.estimators.club:club_mi",
            "a heuristic: an upper bound only if the fitted law of y given x is the true one",
            "any",
        ),
        "js": _neural("hybrid:js", "held-out; Jensen-Shannon (logistic) training"),
        "classifier": _classifier(
            ("boosted trees", "logistic"), "held-out lower bound: the better of trees and logistic"
        ),
        "boosted": _classifier(("boosted trees",), "held-out lower bound by boosted trees"),
        "logistic": _classifier(("logistic",), "held-out lower bound by logistic regression"),
        "mlp": _classifier(("mlp",), "held-out lower bound by a small neural network"),
    }
)
