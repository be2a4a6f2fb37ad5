"""The same resources through dlt and through headrace give the same tables, but for the differences listed here.

dlt lives in an environment of its own, which the first test makes (a minute). Some ten seconds after that.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

import headrace
from benchmarks.contenders import dlt_python, prepare_dlt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

THEIRS: Final = """
import json, sys
import dlt, duckdb

pages, folder = json.load(open(sys.argv[1])), sys.argv[2]
destination = dlt.destinations.duckdb(folder + "/theirs.duckdb")
pipe = dlt.pipeline("theirs", pipelines_dir=folder, destination=destination, dataset_name="d")

@dlt.resource(name="events")
def events(rows, at=dlt.sources.incremental("at", initial_value=0)):
    yield rows

for rows in pages:
    pipe.run(events(rows)).raise_on_failed_jobs()
tables = {}
with duckdb.connect(folder + "/theirs.duckdb") as connection:
    names = connection.execute("select table_name from information_schema.tables where table_schema = 'd'").fetchall()
    for (name,) in names:
        if name.startswith("_dlt_"):
            continue
        cursor = connection.execute(f'select * from d."{name}"')
        columns = [column[0] for column in cursor.description]
        tables[name] = [dict(zip(columns, row)) for row in cursor.fetchall()]
json.dump(tables, sys.stdout, default=str)
"""

ALIKE: Final = [
    [
        {"at": 1, "orderId": 7, "customer": {"name": "Ada", "address": {"zipCode": "1010"}}},
        {"at": 2, "orderId": 8, "items": [{"sku": "a", "price": 2.5}, {"sku": "b", "price": 3.5, "tags": ["x", "y"]}]},
        {"at": 3, "getHTTPResponseCode": 200, "userIDs": [1, 2, 3], "matrix": [[1, 2], [3]], "empty": [], "none": None},
    ],
    [
        {"at": 3, "getHTTPResponseCode": 200, "userIDs": [1, 2, 3], "matrix": [[1, 2], [3]], "empty": [], "none": None},
        {"at": 4, "orderId": 9, "late": True, "when": "2026-01-02T03:04:05Z", "day": "2026-01-02", "a+b": 1, "1st": 2},
    ],
]

# What one document gives in each, and why headrace does otherwise.
DIFFERENT: Final = {
    "a postal code keeps its zeros": (
        [{"at": 1, "zip": 1010}, {"at": 2, "zip": "00501"}],
        ([1010, 501], None),
        ([1010, None], [None, "00501"]),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def dlt_environment() -> None:
    """The environment that dlt lives in."""
    prepare_dlt()


def theirs(pages: Any, folder: Path) -> dict[str, list[dict[str, Any]]]:
    (folder / "pages.json").write_text(json.dumps(pages))
    environ = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "HOME": str(folder)}
    command = [str(dlt_python()), "-c", THEIRS, str(folder / "pages.json"), str(folder)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return plain(json.loads(done.stdout[done.stdout.index("{") :]), "_dlt_")


def ours(pages: Any, folder: Path) -> dict[str, list[dict[str, Any]]]:
    pipe = headrace.pipeline("ours", folder, destination=f"duckdb:///{folder}/ours.duckdb", dataset_name="d")

    @headrace.resource(name="events")
    def events(rows: Any, at: Any = headrace.incremental("at", initial_value=0)) -> Any:
        yield rows

    for rows in pages:
        pipe.run(events(rows))
    found = {name: list(pipe.dataset().table(name)) for name in pipe.dataset().tables}
    return plain(json.loads(json.dumps(found, default=str)), "_hr_")


def plain(tables: dict[str, list[dict[str, Any]]], own: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows without the system's own columns and without what is null, in an order of their own."""
    return {
        name: sorted(
            ({k: v for k, v in row.items() if not k.startswith(own) and v is not None} for row in rows), key=repr
        )
        for name, rows in tables.items()
    }


def test_nested_documents_and_a_cursor_give_the_same_tables(tmp_path: Path) -> None:
    assert ours(ALIKE, tmp_path) == theirs(ALIKE, tmp_path)


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_difference_is_the_intended_one(tmp_path: Path, case: str) -> None:
    rows, (dlt_base, dlt_variant), (base, variant) = DIFFERENT[case]
    found, expected = ours([rows], tmp_path)["events"], theirs([rows], tmp_path)["events"]
    by_at = sorted(found, key=lambda row: row["at"])
    assert [row.get("zip") for row in by_at] == base
    assert [row.get("zip__v_text") for row in by_at] == variant
    assert [row.get("zip") for row in sorted(expected, key=lambda row: row["at"])] == dlt_base
    assert dlt_variant is None
