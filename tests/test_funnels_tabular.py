"""TableFunnel: the table's own columns come back, with plausible values and less of the secret."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from privfunnel.columns import Table
from privfunnel.funnels.groups import MOST_GROUPS, Groups
from privfunnel.funnels.neural import load_funnel
from privfunnel.funnels.table_file import write_table
from privfunnel.funnels.tabular import TableFunnel
from privfunnel.tables import read_table


def people(n: int = 500, seed: int = 0) -> Table:
    """A secret, a name and a number that show it, a name and a number that do not."""
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 2, n)
    return read_table(
        {
            "secret": np.array(["no", "yes"])[s],
            "club": np.array(["red", "blue", "green"])[np.where(rng.random(n) < 0.8, s, 2)],
            "wage": np.round(1000 + 150 * s + 100 * rng.normal(size=n), 2),
            "town": np.array([f"town {k}" for k in rng.integers(0, 5, n)]),
            "age": rng.integers(18, 90, n),
        }
    )


@pytest.fixture(scope="module")
def funnel() -> TableFunnel:
    classifiers = ("boosted trees", "logistic")
    made = TableFunnel(0.15, n_steps=150, attackers=classifiers, rng=0)
    return made.fit(people(), sensitive="secret")


def test_budget_is_held_and_what_is_harmless_stays(funnel: TableFunnel) -> None:
    assert funnel.leakage_before.value > 0.5
    assert funnel.leakage.value <= 0.15
    assert funnel.status in ("within", "undecided")
    kept = {k.name: k for k in funnel.kept}
    assert kept["town"].information > 0.7 * kept["town"].entropy
    assert kept["club"].information < 0.8 * kept["club"].entropy
    assert funnel.utility.value == pytest.approx(sum(k.information for k in funnel.kept))


def test_released_columns_look_like_the_originals(funnel: TableFunnel) -> None:
    table = people()
    released = funnel.transform(table)
    assert released.names == ("club", "wage", "town", "age")
    assert released.n == table.n
    for column in released:
        before = table[column.name]
        assert column.kind == before.kind
        if before.levels is None:
            assert before.values.min() <= column.values.min()
            assert column.values.max() <= before.values.max()
        else:
            assert column.levels == before.levels
    assert released["age"].decode(released["age"].values).dtype.kind == "i"
    cents = 100 * released["wage"].values
    assert np.allclose(cents, np.round(cents))


def test_noise_is_new_unless_it_is_asked_for(funnel: TableFunnel) -> None:
    table = people()
    first, second = funnel.transform(table), funnel.transform(table)
    assert first.digest() != second.digest()
    assert funnel.transform(table, rng=1).digest() == funnel.transform(table, rng=1).digest()


def test_the_secret_is_no_input(funnel: TableFunnel) -> None:
    table = people()
    blind = table.without("secret")
    assert funnel.transform(table, rng=2).digest() == funnel.transform(blind, rng=2).digest()


def test_new_people_are_released_by_a_saved_funnel(funnel: TableFunnel, tmp_path: Path) -> None:
    path = tmp_path / "funnel.safetensors"
    funnel.save(path)
    loaded = load_funnel(path)
    table = people(80, seed=4).without("secret")
    assert loaded.transform(table, rng=1).digest() == funnel.transform(table, rng=1).digest()
    assert loaded.leakage == funnel.leakage
    assert loaded.kept == funnel.kept
    strange = Table({c.name: c for c in read_table({**_arrays(table), "club": ["black"] * 80})})
    with pytest.raises(ValueError, match="column 'club' holds 'black'"):
        loaded.transform(strange)


def _arrays(table: Table) -> dict[str, np.ndarray]:
    return {c.name: c.decode(c.values) for c in table}


def test_files_come_back_as_they_were_written(tmp_path: Path) -> None:
    table = people(60)
    for name in ("t.csv", "t.parquet"):
        write_table(table, tmp_path / name)
        again = read_table(tmp_path / name)
        assert again.names == table.names
        for column in table:
            assert again[column.name].levels == column.levels
            assert np.allclose(again[column.name].values, column.values)
    with pytest.raises(ValueError, match="ending must be one of"):
        write_table(table, tmp_path / "t.xls")


def test_groups_of_names_and_numbers() -> None:
    rng = np.random.default_rng(0)
    many = read_table(
        {"zip": [f"z{k}" for k in rng.zipf(1.4, 600) % 70], "x": rng.normal(size=600)}
    )
    zips, numbers = Groups.fit(many["zip"]), Groups.fit(many["x"])
    assert zips.n == MOST_GROUPS == numbers.n
    for groups in (zips, numbers):
        codes = groups.encode(many[groups.name])
        redrawn = groups.encode(groups.draw(codes, rng))
        assert np.array_equal(redrawn, codes)
        again = Groups.from_dict(groups.to_dict())
        assert np.array_equal(again.encode(many[groups.name]), codes)
    # Nobody's extreme value comes back.
    drawn = numbers.draw(np.full(2000, numbers.n - 1), rng).values
    assert drawn.max() < many["x"].values.max()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sensitive": "nope"}, "no column 'nope'"),
        ({"sensitive": "secret", "keep": ["secret", "age"]}, "among the columns to keep"),
        ({"sensitive": "secret", "keep": []}, "no column to keep"),
    ],
)
def test_bad_choices(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TableFunnel(0.1, n_steps=1).fit(people(120), **options)  # type: ignore[arg-type]


def test_bad_budgets_and_few_people() -> None:
    with pytest.raises(ValueError, match="budget is -1"):
        TableFunnel(-1)
    with pytest.raises(ValueError, match="every release"):
        TableFunnel(3.0).fit(people(120), sensitive="secret")
    with pytest.raises(ValueError, match="60 people are too few"):
        TableFunnel(0.1).fit(people(60), sensitive="secret")
    with pytest.raises(RuntimeError, match="not fitted yet"):
        TableFunnel(0.1).transform(people(60))


@pytest.fixture(scope="module")
def seeing() -> TableFunnel:
    made = TableFunnel(
        0.15, n_steps=150, use_sensitive=True, attackers=("boosted trees", "logistic"), rng=0
    )
    return made.fit(people(), sensitive="secret")


def test_a_release_that_sees_the_secret_moves_with_it(seeing: TableFunnel) -> None:
    assert seeing.use_sensitive
    assert seeing.leakage.value <= 0.15
    table = people()
    other = _arrays(table) | {"secret": np.array(["yes"] * 250 + ["no"] * 250)}
    once, twice = seeing.transform(table, rng=2), seeing.transform(read_table(other), rng=2)
    assert once.names == ("club", "wage", "town", "age")
    assert once.digest() != twice.digest()


def test_a_saved_release_that_sees_the_secret_asks_for_it(
    seeing: TableFunnel, tmp_path: Path
) -> None:
    path = tmp_path / "funnel.safetensors"
    seeing.save(path)
    loaded = load_funnel(path)
    table = people(80, seed=4)
    assert loaded.use_sensitive
    assert loaded.transform(table, rng=1).digest() == seeing.transform(table, rng=1).digest()
    for made in (seeing, loaded):
        with pytest.raises(ValueError, match="use_sensitive: it needs the column 'secret'"):
            made.transform(table.without("secret"))


def test_seeing_the_secret_is_not_switched_on_the_way(funnel: TableFunnel) -> None:
    with pytest.raises(ValueError, match="start was trained without use_sensitive"):
        TableFunnel(0.1, use_sensitive=True, rng=0).fit(people(), sensitive="secret", start=funnel)


def test_missing_values_are_a_level_of_their_own() -> None:
    table = people(200)
    clubs = [None if i % 7 == 0 else c for i, c in enumerate(_arrays(table)["club"])]
    gaps = read_table({**_arrays(table), "club": clubs}, missing="level")
    made = TableFunnel(0.3, n_steps=3, attackers=("logistic",), rng=0)
    released = made.fit(gaps, sensitive="secret", keep=["club", "age"]).transform(gaps, rng=0)
    names = set(released["club"].decode(released["club"].values))
    assert names == set(gaps["club"].levels or ())
    assert len(names) == 4


def test_a_changed_model_of_a_table_is_refused(funnel: TableFunnel, tmp_path: Path) -> None:
    path = tmp_path / "funnel.safetensors"
    funnel.save(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"wage", b"wige", 1))
    with pytest.raises(ValueError, match="changed after it was written"):
        load_funnel(path)
    path.write_bytes(content.replace(b'"version":"3"', b'"version":"2"'))
    with pytest.raises(ValueError, match="written as version 2 of the format"):
        load_funnel(path)
