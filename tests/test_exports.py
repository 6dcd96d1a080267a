"""The public names: those of the contract stay, and nothing new appears unnoticed."""

from __future__ import annotations

import importlib
import inspect

import pytest

EXPORTS = {
    "fsmi": """
        DepthCamera Explorer Explorer3D MEASURES OccupancyGrid Plan Plan3D RangeSensor
        SpinningLidar VoxelMap beam_mi cast_runs condition_on_view expected_ranges fcmi_map
        load_map load_octomap mi_map mi_map_tiled monte_carlo_mi path_mi path_mi_3d
        replay run_lengths runs_mi save_map save_octomap scan_mi scan_mi_3d simulate_ranges
        simulate_ranges_3d traverse traverse_3d update update_3d write_mi_map
    """,
    "privfunnel": """
        AuditReport DiscreteFunnel Estimate FeatureSelector Frontier GaussianFunnel METHODS
        NeuralFunnel Selection TableFunnel audit conditional_mutual_information entropy
        estimate_mi frontier load_funnel max_leakage mutual_information select_features
    """,
}


@pytest.mark.parametrize("package", EXPORTS)
def test_exported_names(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(EXPORTS[package].split())
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize(
    ("package", "name"), [(p, n) for p, names in EXPORTS.items() for n in names.split()]
)
def test_every_name_resolves_and_is_documented(package: str, name: str) -> None:
    value = getattr(importlib.import_module(package), name)
    if callable(value):
        assert inspect.getdoc(value), f"{package}.{name} has no docstring"


@pytest.mark.parametrize("package", EXPORTS)
def test_unknown_names_are_refused(package: str) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        importlib.import_module(package).nothing_of_the_kind  # noqa: B018
