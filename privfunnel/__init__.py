"""Measure what a release tells about a sensitive column, and train releases that tell less.

Public names are loaded on first use (PEP 562), so that `import privfunnel` stays light.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privfunnel.audit.audit import audit
    from privfunnel.audit.report import AuditReport
    from privfunnel.entropy import conditional_mutual_information, entropy, mutual_information
    from privfunnel.estimate import METHODS, Estimate, estimate_mi
    from privfunnel.funnels.discrete import DiscreteFunnel
    from privfunnel.funnels.frontier import Frontier, frontier
    from privfunnel.funnels.gaussian import GaussianFunnel
    from privfunnel.funnels.neural import NeuralFunnel, load_funnel
    from privfunnel.funnels.tabular import TableFunnel
    from privfunnel.leakage import max_leakage
    from privfunnel.selection import Selection, select_features
    from privfunnel.selector import FeatureSelector

# Public name -> the module that defines it.
_HOME = {
    "METHODS": "privfunnel.estimate",
    "AuditReport": "privfunnel.audit.report",
    "DiscreteFunnel": "privfunnel.funnels.discrete",
    "Estimate": "privfunnel.estimate",
    "FeatureSelector": "privfunnel.selector",
    "Frontier": "privfunnel.funnels.frontier",
    "GaussianFunnel": "privfunnel.funnels.gaussian",
    "NeuralFunnel": "privfunnel.funnels.neural",
    "Selection": "privfunnel.selection",
    "TableFunnel": "privfunnel.funnels.tabular",
    "audit": "privfunnel.audit.audit",
    "conditional_mutual_information": "privfunnel.entropy",
    "entropy": "privfunnel.entropy",
    "estimate_mi": "privfunnel.estimate",
    "frontier": "privfunnel.funnels.frontier",
    "load_funnel": "privfunnel.funnels.neural",
    "max_leakage": "privfunnel.leakage",
    "mutual_information": "privfunnel.entropy",
    "select_features": "privfunnel.selection",
}

__all__ = [
    "METHODS",
    "AuditReport",
    "DiscreteFunnel",
    "Estimate",
    "FeatureSelector",
    "Frontier",
    "GaussianFunnel",
    "NeuralFunnel",
    "Selection",
    "TableFunnel",
    "audit",
    "conditional_mutual_information",
    "entropy",
    "estimate_mi",
    "frontier",
    "load_funnel",
    "max_leakage",
    "mutual_information",
    "select_features",
]


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Importing a submodule binds it to its parent; where a public function bears the same
        # name (`entropy`, `audit`), the function keeps the name whatever is imported first.
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
