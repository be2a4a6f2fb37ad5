"""What becomes of values that change their type, of contracts, and of generated documents: in dlt, and in headrace.

Both load the same pages. Where they differ, the difference is listed here with its reason, and the lists are exact: a
difference that is not in them, and one of them that is none any more, fails. dlt lives in an environment of its own,
which the first test makes (a minute); two minutes and a half after that.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias

import pytest

import headrace
from benchmarks.contenders import dlt_python, prepare_dlt
from stream.errors import HeadraceError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Rows: TypeAlias = list[dict[str, Any]]
Tables: TypeAlias = dict[str, Rows]

THEIRS: Final = """
import json, sys
import dlt, duckdb

cases, folder = json.load(open(sys.argv[1])), sys.argv[2]
outcomes = []
for number, case in enumerate(cases):
    file = f"{folder}/theirs{number}.duckdb"
    destination = dlt.destinations.duckdb(file)
    pipe = dlt.pipeline(f"theirs{number}", pipelines_dir=folder, destination=destination, dataset_name="d")
    refused = False
    for rows in case["pages"]:
        try:
            contract = case["contract"] or None
            pipe.run(dlt.resource(rows, name="events", schema_contract=contract)).raise_on_failed_jobs()
        except Exception as error:
            refused = True
            pipe.drop_pending_packages()
    tables = {}
    with duckdb.connect(file) as connection:
        ask = "select table_name from information_schema.tables where table_schema = 'd'"
        for (name,) in connection.execute(ask).fetchall():
            if name.startswith("_dlt_"):
                continue
            cursor = connection.execute(f'select * from d."{name}"')
            columns = [column[0] for column in cursor.description]
            tables[name] = [dict(zip(columns, row)) for row in cursor.fetchall()]
    outcomes.append({"refused": refused, "tables": tables})
json.dump(outcomes, sys.stdout, default=str)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """Pages of rows, each loaded by a run of its own, and the contract of their resource."""

    pages: Sequence[Rows]
    contract: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The tables in the end, and whether a run was refused."""

    tables: Tables
    refused: bool = False


@pytest.fixture(scope="module", autouse=True)
def dlt_environment() -> None:
    """The environment that dlt lives in."""
    prepare_dlt()


def theirs(cases: Sequence[Case], folder: Path) -> list[Outcome]:
    (folder / "cases.json").write_text(json.dumps([{"pages": c.pages, "contract": c.contract} for c in cases]))
    environ = {
        **os.environ,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "HOME": str(folder),
    }
    command = [str(dlt_python()), "-c", THEIRS, str(folder / "cases.json"), str(folder)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout[done.stdout.index("[{") :])
    return [Outcome(plain(each["tables"]), each["refused"]) for each in found]


def ours(cases: Sequence[Case], folder: Path) -> list[Outcome]:
    return [_ours(case, folder, number) for number, case in enumerate(cases)]


def _ours(case: Case, folder: Path, number: int) -> Outcome:
    url = f"duckdb:///{folder}/ours{number}.duckdb"
    pipe = headrace.pipeline(f"ours{number}", folder, destination=url, dataset_name="d")
    refused = False
    for rows in case.pages:
        try:
            pipe.run(headrace.resource(rows, name="events", schema_contract=case.contract))
        except HeadraceError:
            refused = True
    found = {name: list(pipe.dataset().table(name)) for name in pipe.dataset().tables}
    return Outcome(plain(json.loads(json.dumps(found, default=str))), refused)


def plain(tables: Tables) -> Tables:
    """Return the rows without the systems' own columns and without what is null, in an order of their own."""
    return {name: sorted(map(_plain_row, rows), key=repr) for name, rows in tables.items() if rows}


def _plain_row(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in sorted(row.items()) if not k.startswith(("_hr_", "_dlt_")) and v is not None}


# -- a value of another type

VALUES: Final[Mapping[str, Any]] = {
    "int": 7,
    "float": 2.5,
    "whole": 3.0,
    "bool": True,
    "text": "abc",
    "digits": "123",
    "zeros": "007",
    "instant": "2026-01-02T03:04:05Z",
    "day": "2026-01-02",
    "empty": "",
    "object": {"a": 1},
    "list": [1, 2],
}
_NUMBERS: Final = ("int", "float", "whole")
_TEXTS: Final = ("text", "digits", "zeros", "day", "empty")

# What the column was made for, what comes next, and why headrace does otherwise.
DIFFERENT: Final[Mapping[tuple[str, str], str]] = {
    ("int", "float"): "a bigint column widens to double where each value is exact; dlt makes a variant",
    **dict.fromkeys([(n, "zeros") for n in _NUMBERS], "007 is no number: postal codes keep their zeros"),
    **dict.fromkeys([(n, "instant") for n in (*_NUMBERS, "bool")], "a text variant holds the text that was written"),
    **dict.fromkeys([("bool", n) for n in _NUMBERS], "a number is no bool; dlt makes true of 7"),
    **dict.fromkeys([(t, "bool") for t in _TEXTS], "a bool is no text; dlt writes True, as Python does"),
    **dict.fromkeys([(t, "whole") for t in _TEXTS], "3.0 and 3 are one number, and one text: 3"),
    **dict.fromkeys(
        [("instant", n) for n in (*_NUMBERS, "digits", "zeros")],
        "a number is an instant where a hint says so (format); dlt takes it for seconds since 1970",
    ),
    ("instant", "day"): "a day is no instant: it has no time; dlt takes midnight",
}


def changes_of_type(outcome: Outcome) -> dict[tuple[str, str], Any]:
    """Return what became of each pair of values: columns by name and row, and elements of a child table."""
    return {(was, now): _found(outcome, f"{was}_to_{now}") for was in VALUES for now in VALUES}


def _found(outcome: Outcome, name: str) -> dict[str, Any]:
    events = outcome.tables["events"]
    columns = {f"{k}@{row['n']}": v for row in events for k, v in row.items() if k == name or k.startswith(f"{name}__")}
    return columns | {"list": outcome.tables.get(f"events__{name}")}


def test_a_value_of_another_type_differs_only_where_intended(tmp_path: Path) -> None:
    before = {f"{was}_to_{now}": value for was, value in VALUES.items() for now in VALUES}
    after = {f"{was}_to_{now}": value for was in VALUES for now, value in VALUES.items()}
    case = [Case([[{"n": 1, **before}], [{"n": 2, **after}]])]
    (wanted,), (found,) = theirs(case, tmp_path), ours(case, tmp_path)
    expected, made = changes_of_type(wanted), changes_of_type(found)
    assert {pair for pair in made if made[pair] != expected[pair]} == set(DIFFERENT)


# -- contracts

FIRST: Final[Rows] = [{"n": 1, "x": 7, "list": [{"a": 1}], "place": {"city": "Graz"}}]
CHANGES: Final[Mapping[str, tuple[str, Rows]]] = {
    "a new child table": ("tables", [{"n": 2, "x": 8, "items": [{"a": 1}]}, {"n": 3, "x": 9}]),
    "a new column": ("columns", [{"n": 2, "x": 8, "new": "a"}, {"n": 3, "x": 9}]),
    "a new column of an object": ("columns", [{"n": 2, "place": {"city": "Linz", "zip": "4020"}}, {"n": 3}]),
    "a new column of a child table": ("columns", [{"n": 2, "list": [{"a": 1, "b": 2}, {"a": 3}]}, {"n": 3}]),
    "another type": ("data_type", [{"n": 2, "x": "abc"}, {"n": 3, "x": 9}]),
    "another type in a child table": ("data_type", [{"n": 2, "list": [{"a": "abc"}, {"a": 3}]}, {"n": 3}]),
    "no change": ("columns", [{"n": 2, "x": 8}]),
}
MODES: Final = ("evolve", "freeze", "discard_row", "discard_value")

# What changes, the mode, and why headrace does otherwise.
DIFFERENT_OUTCOMES: Final[Mapping[tuple[str, str], str]] = {}


def test_contracts_have_the_same_outcomes_but_where_intended(tmp_path: Path) -> None:
    cases = {
        (change, mode): Case([FIRST, rows], {entity: mode})
        for change, (entity, rows) in CHANGES.items()
        for mode in MODES
    }
    pairs = zip(theirs(list(cases.values()), tmp_path), ours(list(cases.values()), tmp_path), strict=True)
    differing = {case for case, (wanted, found) in zip(cases, pairs, strict=True) if wanted != found}
    assert differing == set(DIFFERENT_OUTCOMES)


# -- generated documents

KEYS: Final = (
    "orderId",
    "getHTTPResponse",
    "user name",
    "1st",
    "a+b",
    "deep.key",
    "ALLCAPS",
    "snake_case",
    "(a)",
    "@id",
)


# What a key is called otherwise, and why.
DIFFERENT_NAMES: Final[Mapping[str, str]] = {
    "Ünïcode": "letters of other alphabets are written in Latin ones; dlt makes `_` of them",
    "Имя": "letters of other alphabets are written in Latin ones; dlt makes `_` of them",
}


def test_keys_are_called_alike_but_where_intended(tmp_path: Path) -> None:
    cases = {key: Case([[{key: 1}]]) for key in (*KEYS, *DIFFERENT_NAMES)}
    pairs = zip(theirs(list(cases.values()), tmp_path), ours(list(cases.values()), tmp_path), strict=True)
    assert {key for key, (wanted, found) in zip(cases, pairs, strict=True) if wanted != found} == set(DIFFERENT_NAMES)


def drifting(random: Random, pages: int, rows: int) -> list[Rows]:
    """Return pages of nested documents: keys come and go, values are null, and from half-way on some change type."""
    shape = _object(random, depth=0)
    return [
        [{"n": page * rows + row, **_drawn(random, shape, drifted=page >= pages // 2)} for row in range(rows)]
        for page in range(pages)
    ]


def _object(random: Random, depth: int) -> dict[str, Any]:
    keys = random.sample(KEYS, random.randint(2, 5))
    return {key: _kind(random, depth) for key in keys}


def _kind(random: Random, depth: int) -> Any:
    kinds: list[Any] = ["int", "float", "bool", "text", "instant", ("int", "text"), ("text", "int"), ("int", "list")]
    if depth < 3:
        kinds += [_object(random, depth + 1), [_object(random, depth + 1)], ["int"], ("int", "object")]
    return random.choice(kinds)


def _drawn(random: Random, shape: Mapping[str, Any], *, drifted: bool) -> dict[str, Any]:
    return {
        key: None if random.random() < 0.1 else _value(random, kind, drifted=drifted)
        for key, kind in shape.items()
        if random.random() < 0.8
    }


def _value(random: Random, kind: Any, *, drifted: bool) -> Any:
    match kind:
        case dict():
            return _drawn(random, kind, drifted=drifted)
        case [inner]:
            return [_value(random, inner, drifted=drifted) for _ in range(random.randint(0, 3))]
        case (before, after):
            return _value(random, after if drifted else before, drifted=drifted)
        case "int":
            return random.randint(-(2**40), 2**40)
        case "float":
            return random.randint(-1_000, 1_000) + 0.5
        case "bool":
            return random.random() < 0.5
        case "text":
            return "".join(random.choices("abc xyzäß'\"\\", k=random.randint(1, 8))) + "x"
        case "instant":
            return f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}T03:04:05.{random.randint(0, 999):03}Z"
        case _:
            return VALUES[kind]


def test_generated_documents_that_drift_give_the_same_tables(tmp_path: Path) -> None:
    cases = [Case(drifting(Random(seed), pages=4, rows=8)) for seed in range(20)]
    for seed, (wanted, found) in enumerate(zip(theirs(cases, tmp_path), ours(cases, tmp_path), strict=True)):
        assert found == wanted, f"seed {seed}"
