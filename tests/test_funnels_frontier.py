"""frontier(): rows in order, edges that enclose, references, pictures that are written whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from privfunnel.cli import main
from privfunnel.columns import Table
from privfunnel.funnels.dropping import drop_columns
from privfunnel.funnels.frontier import Frontier, frontier
from privfunnel.funnels.lines import linear_line
from privfunnel.funnels.neural import NeuralFunnel
from privfunnel.funnels.picture import save_picture
from privfunnel.tables import read_table
from privfunnel.variables import as_variable


def people(n: int = 300) -> Table:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, n)
    return read_table(
        {
            "secret": s,
            "telling": np.where(rng.random(n) < 0.1, 1 - s, s) + 2 * rng.integers(0, 2, n),
            "half": np.where(rng.random(n) < 0.25, 1 - s, s),
            "other": rng.integers(0, 6, n),
        }
    )


@pytest.fixture(scope="module")
def discrete() -> Frontier:
    table = people()
    return frontier(table["telling"].values, table["secret"].values, [0.05, 0.2, 0.4])


@pytest.fixture(scope="module")
def of_table() -> Frontier:
    return frontier(people(), "secret", [0.1, 0.4], n_steps=50, attackers=("logistic",))


def test_discrete_rows_rise_inside_the_region(discrete: Frontier) -> None:
    assert discrete.solver == "discrete"
    assert [row.budget for row in discrete.rows] == [0.05, 0.2, 0.4]
    utilities = [row.utility.value for row in discrete.rows]
    assert utilities == sorted(utilities)
    upper = discrete.edges["bottleneck"]
    for row in discrete.rows:
        assert row.leakage.value == pytest.approx(row.budget, abs=1e-6)
        x, y = zip(*upper, strict=True)
        assert row.leakage.value <= np.interp(row.utility.value, x, y) + 1e-6
    lower = [y for _, y in discrete.edges["funnel"]]
    assert (np.diff(lower) >= -1e-9).all()


def test_table_frontier_and_its_references(of_table: Frontier) -> None:
    assert of_table.solver == "table"
    assert [row.budget for row in of_table.rows] == [0.1, 0.4]
    assert of_table.references[0].name == "all columns"
    assert of_table.references[1].name == "without telling"
    assert of_table.references[0].leakage > of_table.references[1].leakage
    for row in of_table.rows:
        assert (row.status == "over") == (row.leakage.value > row.budget)


def test_vectors_go_to_the_net() -> None:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 200)
    x = rng.normal(size=(200, 2)) + s[:, None]
    found = frontier(x, s, [0.3], n_steps=10, n_outputs=1, attackers=("logistic",))
    assert found.solver == "neural"
    assert len(found.rows) == 1


def test_frames_and_dictionaries(discrete: Frontier) -> None:
    frame = discrete.to_frame()
    assert list(frame.columns)[:3] == ["budget", "status", "leakage"]
    assert len(frame) == 3
    assert json.loads(json.dumps(discrete.to_dict()))["solver"] == "discrete"
    assert repr(discrete) == "Frontier(3 budgets, discrete)"


def test_pictures(discrete: Frontier, of_table: Frontier, tmp_path: Path) -> None:
    for i, found in enumerate((discrete, of_table)):
        ax = found.plot()
        assert "leakage" in ax.get_ylabel()
        assert len(ax.get_legend().get_texts()) >= 3
        plt.close(ax.figure)
        save_picture(found, tmp_path / f"{i}.png")
        assert (tmp_path / f"{i}.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="ending must be"):
        save_picture(discrete, tmp_path / "x.gif")


def test_dropping_columns_ends_with_the_least_telling_one() -> None:
    path = drop_columns(people(), "secret", rng=0)
    assert [len(d.columns) for d in path] == [3, 2, 1]
    assert path[-1].columns == ("other",)
    assert path[0].utility > path[1].utility > path[2].utility


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = people(120)
    rows = zip(*(table[c].values.astype(int) for c in ("secret", "telling", "other")), strict=True)
    path, out, numbers = (tmp_path / name for name in ("t.csv", "f.png", "f.json"))
    path.write_text("\n".join(["secret,telling,other", *(f"{a},{b},{c}" for a, b, c in rows)]))
    line = ["frontier", str(path), "--sensitive", "secret", "--budgets", "0.3", "-o", str(out)]
    assert main([*line, "--json", str(numbers)]) == 0
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert len(json.loads(numbers.read_text())["rows"]) == 1
    assert "all columns" in capsys.readouterr().out
    out.unlink()
    assert main([*line[:-1], str(tmp_path / "no" / "f.png")]) == 2
    assert main(["frontier", str(path), "--sensitive", "nope", "-o", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert not out.exists()


def vectors() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 120)
    return rng.normal(size=(120, 1)) + s[:, None], s


QUICK = {"n_steps": 5, "n_outputs": 1, "attackers": ("logistic",), "solver": "neural"}


def test_an_interrupted_frontier_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, s = vectors()
    state = tmp_path / "state.json"
    trained: list[float] = []
    whole = NeuralFunnel.fit

    def fit(self: NeuralFunnel, *arguments: object, **options: object) -> NeuralFunnel:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(self.budget)
        return whole(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(NeuralFunnel, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        frontier(x, s, [0.1, 0.2, 0.3], state=state, **QUICK)  # type: ignore[arg-type]
    assert len(json.loads(state.read_text())["results"]) == 2
    monkeypatch.setattr(NeuralFunnel, "fit", whole)
    again = frontier(x, s, [0.1, 0.2, 0.3], state=state, **QUICK)  # type: ignore[arg-type]
    straight = frontier(x, s, [0.1, 0.2, 0.3], **QUICK)  # type: ignore[arg-type]
    assert again.rows == straight.rows
    with pytest.raises(ValueError, match="belongs to other data"):
        frontier(x + 1.0, s, [0.1], state=state, **QUICK)  # type: ignore[arg-type]
    state.write_text("{}")
    with pytest.raises(ValueError, match="not the state of a frontier"):
        frontier(x, s, [0.1], state=state, **QUICK)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be a whole number"):
        frontier(x, s, [0.1], state=state, rng=None, **QUICK)  # type: ignore[arg-type]


def test_budgets_in_parallel_are_those_of_one_after_another() -> None:
    x, s = vectors()
    alone = frontier(x, s, [0.1, 0.3], **QUICK)  # type: ignore[arg-type]
    with joblib.parallel_config(backend="threading"):
        together = frontier(x, s, [0.1, 0.3], n_jobs=2, **QUICK)  # type: ignore[arg-type]
    assert [r.budget for r in together.rows] == [0.1, 0.3]
    assert {r.leakage.n for r in together.rows} == {r.leakage.n for r in alone.rows}


ON_DASK = """
import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from privfunnel import frontier

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 120)
    x = rng.normal(size=(120, 1)) + s[:, None]
    options = {"n_steps": 3, "n_outputs": 1, "attackers": ("logistic",), "solver": "neural"}
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster), joblib.parallel_config(backend="dask"):
            found = frontier(x, s, [0.1, 0.3], n_jobs=2, **options)
    print(found.rows == frontier(x, s, [0.1, 0.3], **options).rows)
"""


def test_a_local_dask_cluster_finds_the_same(tmp_path: Path) -> None:
    script = tmp_path / "on_dask.py"
    script.write_text(ON_DASK)
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "True", run.stderr[-2000:]


def test_knee_edges_and_local_privacy(discrete: Frontier) -> None:
    assert discrete.knee in discrete.rows
    x, y = zip(*discrete.edges["bottleneck"], strict=True)
    assert (np.diff(np.diff(y) / np.diff(x)) <= 1e-6).all()
    low_x, low_y = zip(*discrete.edges["funnel"], strict=True)
    for utility, leakage in discrete.edges["randomised response"]:
        assert leakage <= np.interp(utility, x, y) + 1e-6
        assert leakage >= np.interp(utility, low_x, low_y) - 1e-6


def test_bad_input() -> None:
    table = people()
    with pytest.raises(ValueError, match="numbers of bits"):
        frontier(table["other"].values, table["secret"].values, [])
    with pytest.raises(ValueError, match="does not fit X"):
        frontier(table["other"].values, table["secret"].values, solver="table")


def csv_of(table: Table, path: Path) -> Path:
    rows = zip(*(table[name].values.astype(int) for name in table.names), strict=True)
    path.write_text("\n".join([",".join(table.names), *(",".join(map(str, r)) for r in rows)]))
    return path


INTERRUPTED = """
import sys
import privfunnel.funnels.tabular as tabular
from privfunnel.cli import main
from privfunnel.funnels.training import Settings

tabular.Settings = lambda n_steps: Settings(n_steps=3)
tabular.TableFunnel.__init__.__kwdefaults__["attackers"] = ("logistic",)
sys.exit(main(sys.argv[1:]))
"""


def test_control_c_and_run_again(tmp_path: Path) -> None:
    table = csv_of(people(150), tmp_path / "t.csv")
    state, out = tmp_path / "state.json", tmp_path / "f.png"
    script = tmp_path / "run.py"
    script.write_text(INTERRUPTED)
    line = [sys.executable, "-W", "ignore", str(script), "frontier", str(table)]
    line += ["--sensitive", "secret", "--keep", "telling", "--budgets", "0.1,0.2,0.3,0.4"]
    line += ["--state", str(state), "-o", str(out)]
    first = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120.0
    while not state.exists() and time.monotonic() < end and first.poll() is None:
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    errors = first.communicate(timeout=60)[1]
    assert first.returncode == 130, errors[-2000:]
    assert errors.strip() == "privfunnel: interrupted"
    assert not out.exists()
    before = json.loads(state.read_text())["results"]
    assert 1 <= len(before) < 4
    again = subprocess.run(line, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr[-2000:]
    after = json.loads(state.read_text())["results"]
    assert len(after) == 4
    assert {key: after[key] for key in before} == before
    assert out.read_bytes()[:4] == b"\x89PNG"


def test_discrete_command_with_two_budgets_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = csv_of(people(), tmp_path / "t.csv")
    out, numbers = tmp_path / "f.svg", tmp_path / "f.json"
    line = ["frontier", str(table), "--sensitive", "secret", "--keep", "telling,half"]
    line += ["--solver", "discrete", "--algorithm", "ratio_greedy", "--budgets", "0.1,0.3"]
    assert main([*line, "--jobs", "2", "-o", str(out), "--json", str(numbers)]) == 0
    found = json.loads(numbers.read_text())
    assert found["solver"] == "discrete"
    assert {"funnel", "bottleneck", "randomised response"} == set(found["edges"])
    assert [r["name"] for r in found["references"]] == [
        "telling, half as it is",
        "less 1 of 2 columns",
    ]
    assert found["references"][0]["leakage"] > found["references"][1]["leakage"]
    assert "<svg" in out.read_text()
    bad = ["frontier", str(table), "--sensitive", "secret", "-o"]
    assert main([*bad, str(out), "--algorithm", "dc"]) == 2
    kept = ["--solver", "discrete", "--state", str(tmp_path / "state.json")]
    assert main([*bad, str(out), *kept]) == 2
    assert main([*bad, str(tmp_path / "f.gif")]) == 2
    assert main([*bad, str(out), "--jobs", "0"]) == 2
    errors = capsys.readouterr().err
    assert "belongs to --solver discrete" in errors
    assert "trains none" in errors
    assert "ending must be" in errors
    assert "jobs must be a number" in errors


def test_lines_of_tables_and_of_numbers(of_table: Frontier) -> None:
    line = of_table.edges["randomised response"]
    utilities, leaks = zip(*line, strict=True)
    assert line[0] == (0.0, 0.0)
    assert utilities == tuple(sorted(utilities))
    assert leaks[-1] > 0.4 > 0.2 > leaks[1]
    rng = np.random.default_rng(0)
    s = rng.normal(size=300)
    x = 0.8 * s + 0.6 * rng.normal(size=300)
    known = linear_line(as_variable(x), as_variable(s), 2.0)
    assert known is not None
    rho = np.corrcoef(x, s)[0, 1]
    exact = -0.5 * np.log2(1 - rho**2 * (1 - 2.0 ** (-2 * 2.0)))
    assert known[-1] == pytest.approx((2.0, exact), abs=1e-6)
    assert linear_line(as_variable(np.stack([x, 2 * x], axis=1)), as_variable(s), 1.0) is None
    assert linear_line(as_variable(np.array(["a", "b"] * 50)), as_variable(s[:100]), 1.0) is None
