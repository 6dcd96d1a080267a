"""Findings written by hand: every part of a report, with numbers that no estimator can move."""

from __future__ import annotations

from privfunnel.audit.details import (
    Gains,
    Group,
    Hidden,
    LevelPart,
    People,
    Place,
    Subgroup,
    Suggestion,
    Sureness,
    Surest,
    Upper,
)
from privfunnel.audit.findings import (
    Attacker,
    Channel,
    Comparison,
    Finding,
    Findings,
    Kept,
    Provenance,
    Secret,
    SetFinding,
)
from privfunnel.estimate import Estimate


def estimate(value: float, lower: float, upper: float, p: float | None = 0.0001) -> Estimate:
    """A reading of 400 people [bit]."""
    details = {"raw": value, "standard_error": 0.02, "least_detectable": 0.015}
    return Estimate(value, lower, upper, "lower", p, "corrected", 400, 2, details)


def sample() -> Findings:
    """An audit of a small clinic: two columns about a diagnosis, one with a hostile name."""
    channel = Channel(0.8, 0.678, 0.737, 4, 100.0)
    return Findings(
        verdict="over",
        secret=Secret("diagnosis", 2, 0.971, 0.6),
        n=400,
        budget=0.1,
        confidence=0.95,
        together=Finding("all together", estimate(0.31, 0.25, 0.37), 0.319, None, "boosted trees"),
        columns=(
            Finding("ward", estimate(0.28, 0.22, 0.34), 0.288, 0.0002, "2 levels", channel),
            Finding("<b>=1+1|</b>", estimate(0.0, 0.0, 0.02, 0.6), 0.0, 0.6, "10 quantile bins"),
        ),
        attackers=(
            Attacker("boosted trees", estimate(0.31, 0.25, 0.37), 0.82, 0.8, 0.451),
            Attacker("logistic", estimate(0.27, 0.2, 0.34), 0.8, 0.78, 0.415),
        ),
        notes=("3 of 403 rows dropped for missing values in ward (3)",),
        provenance=Provenance(
            "0" * 64, {"python": "3", "privfunnel-fsmi": "0"}, {"release": ["ward"], "seed": 0}
        ),
        comparison=Comparison(
            estimate(0.6, 0.55, 0.65),
            (Kept("ward", 0.7, 0.95),),
            Place("ward", 0.7, 0.28, 0.1, 0.4, 0.6),
        ),
        sets=(
            SetFinding(
                ("ward", "<b>=1+1|</b>"), estimate(0.3, 0.2, 0.4), 0.309, 0.002, 0.02, 0.02, 1
            ),
        ),
        levels=(LevelPart("ward", "west", 120, 0.2, "yes", 0.93, 0.4),),
        groups=(Group((("ward", "west"),), 120, "yes", 0.93, 0.85, 0.4),),
        people=People(
            400, "values, numbers as ten groups", 20, 2, 1, 3, 7, 30, 2.5,
            ((0.5, 0.2), (0.9, 1.1), (0.99, 1.3)), (Sureness(0.9, 80, 0.95),),
            Surest("yes", 10, 0.9, 0.4),
        ),
        subgroups=(Subgroup("women", 210, estimate(0.33, 0.2, 0.4), 0.85, 0.55),),
        gains=Gains(0.6, 0.82, 0.451),
        upper=Upper("k-ary randomised response with epsilon 1", 0.5, 0.7, (
            ("ward", 0.5),
        )),
        suggestions=(
            Suggestion(
                "merge", "Put values together in ward", ("In ward, west, east become one",),
                estimate(0.05, 0.0, 0.09), estimate(0.3, 0.22, 0.38), 0.6, True, 200, 200,
            ),
        ),
        hidden=Hidden(("ward", "<b>=1+1|</b>"), 0.2, 350, 400),
    )  # fmt: skip
