"""Formats of a report against golden files, the schema, spreadsheets and build servers.

`python -m tests.test_audit_formats` writes the golden files again.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import io
import json
import typing
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from privfunnel.audit.audit import audit
from privfunnel.audit.findings import Findings
from privfunnel.audit.report import SCHEMA_VERSION, AuditReport, json_schema
from privfunnel.files import write_text
from tests.audit_sample import sample

GOLDEN = Path(__file__).resolve().parent / "golden"
FORMATS: dict[str, Callable[[AuditReport], str]] = {
    "audit.html": AuditReport.to_html,
    "audit.json": AuditReport.to_json,
    "audit.md": AuditReport.to_markdown,
    "audit.csv": AuditReport.to_csv,
    "audit.xml": AuditReport.to_junit,
}


@pytest.mark.parametrize("name", FORMATS)
def test_golden(name: str) -> None:
    expected = (GOLDEN / name).read_text(encoding="utf-8")
    assert FORMATS[name](AuditReport(sample())) == expected, (
        "if the change is meant: python -m tests.test_audit_formats"
    )


# The schema


def check(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "$") -> None:
    """The part of JSON Schema that the report's schema uses."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        for option in schema["anyOf"]:
            try:
                return check(value, option, root, where)
            except AssertionError:
                continue
        raise AssertionError(f"{where}: {value!r} fits none of {schema['anyOf']}")
    if "const" in schema:
        assert value == schema["const"], where
    if "enum" in schema:
        assert value in schema["enum"], where
    python = {
        "object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
        "number": (int, float), "null": type(None),
    }  # fmt: skip
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    assert not kinds or any(isinstance(value, python[k]) for k in kinds), f"{where}: {value!r}"
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema["required"]) <= set(value), where
        assert set(value) <= set(schema["properties"]), where
        for key, item in value.items():
            check(item, schema["properties"][key], root, f"{where}.{key}")
    if isinstance(value, list):
        places = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
        assert len(places) == len(value), where
        for i, (item, place) in enumerate(zip(value, places, strict=True)):
            check(item, place, root, f"{where}[{i}]")
    return None


def reports() -> list[AuditReport]:
    """One written by hand, a real one, and the smallest."""
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 250)
    real = audit(
        {"s": s, "x": s + rng.integers(0, 2, 250), "y": rng.normal(size=250)},
        sensitive="s",
        budget=0.3,
        subgroup="x",
        rng=0,
    )
    least = audit({"s": [1, 1], "x": [1, 2]}, sensitive="s", rng=0)
    return [AuditReport(sample()), real, least]


def test_reports_keep_to_the_schema() -> None:
    schema = json_schema()
    assert schema["properties"]["schema"]["const"] == SCHEMA_VERSION
    for report in reports():
        content = json.loads(report.to_json())
        check(content, schema, schema)
        if importlib.util.find_spec("jsonschema"):
            from jsonschema import Draft202012Validator

            Draft202012Validator.check_schema(schema)
            Draft202012Validator(schema).validate(content)


def test_the_schema_refuses_other_things() -> None:
    schema = json_schema()
    content = AuditReport(sample()).to_dict()
    for change in ({"verdict": "fine"}, {"n": "many"}, {"columns": [{"name": "x"}]}, {"more": 1}):
        with pytest.raises(AssertionError):
            check({**content, **change}, schema, schema)


def test_the_schema_names_every_field() -> None:
    # A field added to a result must be added to the schema, and its version raised if one is lost.
    schema = json_schema()
    seen: set[type] = set()

    def visit(kind: Any, place: dict[str, Any]) -> None:
        if typing.get_origin(kind) in (tuple, typing.Union, UnionType):
            for part in typing.get_args(kind):
                if dataclasses.is_dataclass(part):
                    visit(part, schema["$defs"][part.__name__])
        elif dataclasses.is_dataclass(kind) and isinstance(kind, type) and kind not in seen:
            seen.add(kind)
            hints = typing.get_type_hints(kind)
            assert set(hints) <= set(place["properties"]), kind
            for name, hint in hints.items():
                ref = place["properties"][name].get("$ref", "")
                visit(hint, schema["$defs"].get(ref.rsplit("/", 1)[-1], {}))

    visit(Findings, schema)
    assert len(seen) > 12


# CSV and JUnit


def test_csv_is_ranked_and_holds_no_formula() -> None:
    report = AuditReport(
        dataclasses.replace(
            sample(),
            columns=tuple(
                dataclasses.replace(sample().columns[0], name=name)
                for name in ("=1+1", "@cmd", "-2", "+3", "plain, with comma")
            ),
        )
    )
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert [row["kind"] for row in rows] == ["all", *["column"] * 5, "set"]
    assert [row["rank"] for row in rows] == ["0", "1", "2", "3", "4", "5", "1"]
    names = [row["name"] for row in rows]
    assert names[1:6] == ["'=1+1", "'@cmd", "'-2", "'+3", "plain, with comma"]
    assert float(rows[0]["bits"]) == 0.31


@pytest.mark.parametrize(
    ("verdict", "child"),
    [("over", "failure"), ("inconclusive", "skipped"), ("within", None), ("measured", None)],
)
def test_junit(verdict: Any, child: str | None) -> None:
    found = dataclasses.replace(sample(), verdict=verdict)
    suite = ElementTree.fromstring(AuditReport(found).to_junit())
    case = suite.find("testcase")
    assert case is not None
    assert case.get("name") == "diagnosis"
    assert {c.tag for c in case} == {"system-out"} | ({child} if child else set())
    assert suite.get("failures") == str(int(verdict == "over"))


def test_junit_survives_control_characters() -> None:
    found = dataclasses.replace(
        sample(), secret=dataclasses.replace(sample().secret, name="a\x00<&\x1b")
    )
    suite = ElementTree.fromstring(AuditReport(found).to_junit())
    case = suite.find("testcase")
    assert case is not None
    assert case.get("name") == "a <& "


# Nothing half-written


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdopen", full)
    with pytest.raises(OSError, match="No space left"):
        AuditReport(sample()).to_json(path)
    monkeypatch.undo()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def write_golden() -> None:
    """Write the golden files from the hand-written findings."""
    GOLDEN.mkdir(exist_ok=True)
    for name, text in FORMATS.items():
        write_text(GOLDEN / name, text(AuditReport(sample())))


if __name__ == "__main__":
    write_golden()
