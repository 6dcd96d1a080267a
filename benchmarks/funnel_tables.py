"""Tables with a task: a learned funnel against dropping the most revealing columns; resumable.

`python3 dev.py bench funnel_tables [--tables fair,...] [--seeds 3] [--most 4] [--out FOLDER]`.
60 per cent of the people teach: the order of the columns (by what each tells alone) and the funnel.
The others are read by fresh attackers, boosted trees and logistic regression, cross-fitted on
them: worst leakage, best task accuracy, for the release and for the table less its k most
revealing columns alike. The funnel gets the leakage L of each such table as its budget, and 0.75 L.
Target: at L more accuracy; at 0.75 L at least as much, read below 0.8 L. Leakage in bits.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from privfunnel.datasets import load_table
from privfunnel.estimators.attackers import attack

SHARES = (1.0, 0.75)
ATTACKERS = ("boosted trees", "logistic")
Sample = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


def anes() -> Sample:
    people = load_table("anes96")
    left = people.without("vote", "income")
    rich = people["income"].values > np.median(people["income"].values)
    return {c.name: c.decode(c.values) for c in left}, people["vote"].values, rich


def statsmodels_table(name: str) -> Any:
    import statsmodels.api

    return getattr(statsmodels.api.datasets, name).load_pandas().data


def fair() -> Sample:
    data = statsmodels_table("fair")
    left = data.drop(columns=["affairs", "children"])
    return dict(left.items()), data["children"] > 0, data["affairs"] > 0


def fair_faith() -> Sample:
    data = statsmodels_table("fair")
    left = data.drop(columns=["yrs_married", "religious"])
    older = data["yrs_married"] > data["yrs_married"].median()
    return dict(left.items()), data["religious"] > 2, older


def randhie() -> Sample:
    data = statsmodels_table("randhie")
    left = data.drop(columns=["mdvis", "physlm"])
    return dict(left.items()), data["physlm"] > 0, data["mdvis"] >= 2


def randhie_plan() -> Sample:
    data = statsmodels_table("randhie")
    sick = data["disea"] > data["disea"].median()
    return dict(data.drop(columns=["idp", "disea"]).items()), data["idp"] > 0, sick


def sklearn_table(load: str, secret: int) -> Sample:
    import sklearn.datasets

    data = getattr(sklearn.datasets, load)()
    columns = {str(k): data.data[:, k] for k in range(data.data.shape[1]) if k != secret}
    s = data.data[:, secret]
    return columns, s > np.median(s), data.target > np.median(data.target)


def breast_cancer() -> Sample:
    columns, s, _ = sklearn_table("load_breast_cancer", 1)
    return columns, s, breast_target()


def breast_target() -> np.ndarray:
    import sklearn.datasets

    return np.asarray(sklearn.datasets.load_breast_cancer().target)


def diabetes() -> Sample:
    return sklearn_table("load_diabetes", 1)


def digits() -> Sample:
    import sklearn.datasets

    data = sklearn.datasets.load_digits()
    pixels = data.data.reshape(-1, 4, 2, 4, 2).sum(axis=(2, 4)).reshape(-1, 16)
    return {f"p{k}": pixels[:, k] for k in range(16)}, data.target % 2, data.target >= 5


TABLES: dict[str, Callable[[], Sample]] = {
    "anes96": anes,
    "fair": fair,
    "fair_faith": fair_faith,
    "randhie": randhie,
    "randhie_plan": randhie_plan,
    "breast_cancer": breast_cancer,
    "diabetes": diabetes,
    "digits": digits,
}


def matrix(columns: dict[str, np.ndarray]) -> np.ndarray:
    from privfunnel.columns import Table
    from privfunnel.tables import read_table

    table: Table = read_table({k: np.asarray(v) for k, v in columns.items()})
    return table.matrix()


def read(features: np.ndarray, s: np.ndarray, u: np.ndarray, seed: int) -> dict[str, Any]:
    """Worst leakage [bit] and best task accuracy of attackers cross-fitted on these people."""
    rng = np.random.default_rng(seed)
    leaks = [attack(features, s, name, rng=rng) for name in ATTACKERS]
    tasks = [attack(features, u, name, rng=rng) for name in ATTACKERS]
    worst = max(leaks, key=lambda a: float(a.gains().mean()))
    best = max(tasks, key=lambda a: a.accuracy)
    return {
        "leak": max(0.0, float(worst.gains().mean()) / math.log(2)),
        "least": float(worst.reading().details["least_detectable"]) / math.log(2),
        "accuracy": best.accuracy,
        "majority": best.majority,
        "right": best.probabilities.argmax(axis=1) == u,
    }


def points(d: int, most: int) -> list[int]:
    """How many columns to drop: at most so many different numbers, 1 to d - 1."""
    return sorted({round(k) for k in np.geomspace(1, d - 1, min(most, d - 1))})


def run(table: str, seed: int, most: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    from privfunnel.funnels.neural import NeuralFunnel

    columns, s_values, u_values = TABLES[table]()
    s = np.unique(s_values, return_inverse=True)[1]
    u = np.unique(u_values, return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    people = rng.permutation(len(s))
    train, unseen = np.split(people, [round(0.6 * len(people))])
    names = list(columns)
    alone = {
        name: read(matrix({name: np.asarray(columns[name])[train]}), s[train], u[train], seed)
        for name in names
    }
    order = sorted(names, key=lambda name: -alone[name]["leak"])
    frame = pandas_frame(columns)
    found = []
    for k in points(len(names), most):
        rest = {n: np.asarray(columns[n])[unseen] for n in names if n not in order[:k]}
        dropped = read(matrix(rest), s[unseen], u[unseen], seed)
        row = {"table": table, "seed": seed, "dropped": k, "unseen": len(unseen)}
        row |= {f"drop_{key}": dropped[key] for key in ("leak", "accuracy", "majority", "least")}
        if dropped["leak"] <= dropped["least"]:
            # Nothing that these people could show: no leakage to undercut.
            found.append(row)
            continue
        for share in SHARES:
            budget = share * dropped["leak"]
            start = time.process_time()
            funnel = NeuralFunnel(budget, rng=seed, **options).fit(
                frame.iloc[train], s[train], task=u[train]
            )
            seconds = time.process_time() - start
            z = funnel.transform(frame.iloc[unseen], rng=seed)
            ours = read(z, s[unseen], u[unseen], seed)
            better = ours["right"].astype(float) - dropped["right"]
            row |= {
                f"leak_{share:g}": ours["leak"],
                f"accuracy_{share:g}": ours["accuracy"],
                f"error_{share:g}": float(better.std() / math.sqrt(len(better))),
                f"status_{share:g}": funnel.status,
                f"cpu_s_{share:g}": seconds,
            }
        found.append(row)
    return found


def pandas_frame(columns: dict[str, np.ndarray]) -> Any:
    import pandas as pd

    return pd.DataFrame({k: np.asarray(v) for k, v in columns.items()})


def summary(found: list[dict[str, Any]]) -> list[dict[str, object]]:
    """One line for each table and number of columns dropped, over all seeds."""
    lines: list[dict[str, object]] = []
    for key in dict.fromkeys((r["table"], r["dropped"]) for r in found):
        rows = [r for r in found if (r["table"], r["dropped"]) == key]
        told = [r for r in rows if "leak_1" in r]
        line: dict[str, object] = {"table": key[0], "dropped": key[1], "seeds": len(rows)}
        line |= {
            "drop_leak": mean(rows, "drop_leak"),
            "drop_acc": mean(rows, "drop_accuracy"),
            "majority": mean(rows, "drop_majority"),
        }
        if not told:
            lines.append(line | {"note": "nothing to be seen"})
            continue
        for share in SHARES:
            gains = [r[f"accuracy_{share:g}"] - r["drop_accuracy"] for r in told]
            ratios = [r[f"leak_{share:g}"] / r["drop_leak"] for r in told]
            errors = np.array([r[f"error_{share:g}"] for r in told])
            half = 1.96 * max(
                float(np.std(gains, ddof=1) / math.sqrt(len(gains))) if len(gains) > 1 else 0.0,
                float(math.sqrt((errors**2).sum()) / len(errors)),
            )
            line |= {
                f"acc_gain_{share:g}": float(np.mean(gains)),
                f"half_{share:g}": half,
                f"leak_ratio_{share:g}": float(np.mean(ratios)),
            }
        lines.append(line | {"cpu_s": mean(told, "cpu_s_1")})
    return lines


def mean(rows: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([r[key] for r in rows]))


def rows(argv: list[str]) -> list[dict[str, object]]:
    parser = argparse.ArgumentParser(prog="dev.py bench funnel_tables", description=__doc__)
    parser.add_argument("--tables", type=lambda t: t.split(","), default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=4, help="tables less columns, each table")
    parser.add_argument("--out", type=Path, default=Path("out/funnel_tables"))
    parser.add_argument("--outputs", type=int, help="dimensions of Z")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    extra = {} if options.outputs is None else {"n_outputs": options.outputs}
    found: list[dict[str, Any]] = []
    cases = [(name, seed) for seed in range(options.seeds) for name in options.tables]
    for name, seed in tqdm(cases, desc="tables", unit="case"):
        path = options.out / f"{name}-{seed}.json"
        if not path.exists():
            made = run(name, seed, options.most, extra)
            path.with_suffix(".part").write_text(json.dumps(made, indent=1))
            path.with_suffix(".part").replace(path)
        found += json.loads(path.read_text())
    return summary(found)
