"""The privfunnel command: results on stdout, one line on stderr and exit 2 for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from privfunnel.cli import main
from privfunnel.funnels.neural import load_funnel
from privfunnel.funnels.training import Settings
from privfunnel.tables import read_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """300 people, a secret bit and two columns."""
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 300)
    shown = np.where(rng.random(300) < 0.1, 1 - s, s)
    lines = [
        f"{a},{'ab'[b]},{c}" for a, b, c in zip(s, shown, rng.integers(0, 9, 300), strict=True)
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["secret,shown,other", *lines]) + "\n")
    return path


def test_audit_writes_every_format(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, numbers, text = (tmp_path / f"a.{end}" for end in ("html", "json", "md"))
    ranking, verdict = tmp_path / "a.csv", tmp_path / "a.xml"
    formats = ["--html", str(page), "--json", str(numbers), "--markdown", str(text)]
    formats += ["--csv", str(ranking), "--junit", str(verdict)]
    code = main(["audit", str(table), "--sensitive", "secret", *formats])
    out = capsys.readouterr()
    assert code == 0
    assert out.err == ""
    assert "bits there are to know" in out.out
    assert json.loads(numbers.read_text())["verdict"] == "measured"
    assert page.read_text().startswith("<!doctype html>")
    assert text.read_text().startswith("# ")
    assert ranking.read_text().startswith("rank,kind,name,bits")
    assert "<testsuite" in verdict.read_text()


def test_audit_of_a_query_with_everything_asked(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gains, numbers = tmp_path / "gains.csv", tmp_path / "n.json"
    gains.write_text("guess,0,1\nzero,1,0\none,0,5\n")
    line = ["audit", str(table), "--sensitive", "secret", "--query"]
    line += ["SELECT *, other % 2 AS parity FROM data", "--kind", "other=continuous"]
    line += ["--gains", str(gains), "--mechanism", "krr:2", "--subgroup", "parity", "--suggest"]
    line += ["--budget-percent", "10", "--largest-set", "2", "--suppress", "20"]
    assert main([*line, "--json", str(numbers)]) == 1
    found = json.loads(numbers.read_text())
    assert found["budget"] == pytest.approx(0.1, abs=0.001)
    assert found["provenance"]["options"]["kinds"]["other"] == "continuous"
    assert found["gains"]["seeing"] > found["gains"]["blind"]
    assert {g["name"] for g in found["subgroups"]} == {"0", "1"}
    assert found["upper"]["bits"] <= 1.0
    assert found["suggestions"]
    assert {len(s["names"]) for s in found["sets"]} == {2}
    assert "suggestion: Leave out" in capsys.readouterr().out


@pytest.mark.parametrize(("budget", "code"), [("0.05", 1), ("0.9", 0), ("0.5", 3)])
def test_audit_exit_codes(table: Path, budget: str, code: int) -> None:
    assert main(["audit", str(table), "--sensitive", "secret", "--budget", budget]) == code


def test_audit_of_chosen_columns(table: Path) -> None:
    line = ["audit", str(table), "--sensitive", "secret", "--release", "other", "--budget", "0.2"]
    assert main(line) == 0


def test_estimate(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["estimate", str(table), "--x", "shown", "--y", "secret", "--method", "plugin"]) == 0
    )
    assert capsys.readouterr().out.startswith("I(shown; secret) = Estimate(0.")


def test_release_writes_the_same_columns(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, numbers, model = tmp_path / "out.csv", tmp_path / "n.json", tmp_path / "f.safetensors"
    line = ["release", str(table), "--sensitive", "secret", "--keep", "shown,other"]
    line += ["--budget", "0.3", "-o", str(out), "--json", str(numbers), "--model", str(model)]
    code = main(line)
    written = capsys.readouterr()
    content = json.loads(numbers.read_text())
    assert code == {"within": 0, "undecided": 3}[content["status"]]
    assert content["leakage"]["value"] <= 0.3 < content["leakage_before"]["value"]
    released = out.read_text().splitlines()
    assert released[0] == "shown,other"
    assert len(released) == 301
    assert {row.split(",")[0] for row in released[1:]} <= {"a", "b"}
    assert {row.split(",")[1] for row in released[1:]} <= set("012345678")
    assert "leakage about secret" in written.out
    assert model.is_file()
    again = load_funnel(model).transform(read_table(table))
    assert again.names == ("shown", "other")


def test_release_that_sees_the_secret(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privfunnel.funnels.tabular.Settings", lambda n_steps: Settings(n_steps=20))
    out, model = tmp_path / "out.csv", tmp_path / "f.safetensors"
    line = ["release", str(table), "--sensitive", "secret", "--use-sensitive", "--keep", "shown"]
    assert main([*line, "--budget", "0.9", "-o", str(out), "--model", str(model)]) in (0, 3)
    assert "looks at secret itself too" in capsys.readouterr().out
    assert out.read_text().splitlines()[0] == "shown"
    with pytest.raises(ValueError, match="needs the column 'secret'"):
        load_funnel(model).transform(read_table(table).without("secret"))


def test_release_over_budget_is_not_written(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Training that does nothing: everything is released nearly as it is.
    monkeypatch.setattr("privfunnel.funnels.tabular.Settings", lambda n_steps: Settings(n_steps=1))
    monkeypatch.setattr("privfunnel.funnels.tabular.ROUNDS", 1)
    out = tmp_path / "out.csv"
    line = ["release", str(table), "--sensitive", "secret", "--budget", "0.05", "-o", str(out)]
    assert main(line) == 1
    written = capsys.readouterr()
    assert "OVER the budget" in written.out
    assert "not written" in written.err
    assert not out.exists()


BAD = {
    "empty": ("", "the file is empty"),
    "header only": ("secret,x\n", "no rows"),
    "one row": ("secret,x\n1,2\n", "1 row, need at least 2"),
    "no such column": ("s,x\n1,2\n0,3\n1,4\n", "no column 'secret'"),
    "missing values": ("secret,x\n1,2\n0,\n1,3\n0,4\n", "missing values in 1 of 4 rows"),
}
# A release cannot be trained on these; an audit has an answer.
CONSTANT = {
    "constant secret": ("secret,x\n1,2\n1,3\n1,4\n", "'secret' is the same for everyone"),
    "constant column": ("secret,x\n1,2\n0,2\n1,2\n", "'x' is the same for everyone"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = BAD[name]
    path, page = tmp_path / "bad.csv", tmp_path / "bad.html"
    path.write_text(content)
    assert main(["audit", str(path), "--sensitive", "secret", "--html", str(page)]) == 2
    out = capsys.readouterr()
    assert message in out.err
    assert out.err.count("\n") == 1
    assert out.out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_columns_are_audited(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(CONSTANT[name][0])
    assert main(["audit", str(path), "--sensitive", "secret", "--budget", "0"]) == 0
    assert "the same" in capsys.readouterr().out


@pytest.mark.parametrize("name", [*BAD, *CONSTANT])
def test_bad_tables_of_release(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, message = {**BAD, **CONSTANT}[name]
    path, out = tmp_path / "bad.csv", tmp_path / "out.csv"
    path.write_text(content)
    line = ["release", str(path), "--sensitive", "secret", "--budget", "0.1", "-o", str(out)]
    assert main(line) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


def test_missing_values_on_request(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("secret,x\n" + "1,2\n0,\n1,3\n0,4\n" * 20)
    for how in ("drop", "level"):
        assert main(["audit", str(path), "--sensitive", "secret", "--missing", how]) == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["audit", "nowhere.csv", "--sensitive", "s"], "nowhere.csv: no such file"),
        (["audit", "{table}", "--sensitive", "secret", "--html", "no/where.html"], "no folder"),
        (["audit", "{table}", "--sensitive", "secret", "--budget", "7"], "budget is 7 bits"),
        (
            ["release", "{table}", "--sensitive", "secret", "--budget", "0.1", "-o", "a.xls"],
            "ending",
        ),
        (
            ["release", "{table}", "--sensitive", "secret", "--budget", "-1", "-o", "a.csv"],
            "budget is -1",
        ),
        (["estimate", "{table}", "--x", "shown", "--y", "nope"], "no column 'nope'"),
        (["audit", "{table}", "--sensitive", "secrte"], "did you mean 'secret'?"),
        (["audit", "{table}", "--sensitive", "secret", "--query", "SELEC"], "the query failed"),
        (["audit", "{table}", "--sensitive", "secret", "--gains", "no.csv"], "no.csv: no such"),
        (["audit", "{table}", "--sensitive", "secret", "--mechanism", "dp"], "mechanism must be"),
    ],
)
def test_bad_options(
    line: list[str], message: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([part.replace("{table}", str(table)) for part in line]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["audit"],
        ["audit", "x.csv"],
        ["audit", "x", "--budget", "a"],
        ["audit", "x", "--sensitive", "s", "--kind", "x"],
        ["audit", "x", "--sensitive", "s", "--budget", "1", "--budget-percent", "1"],
    ],
)
def test_usage_errors_are_one_line(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(line)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
