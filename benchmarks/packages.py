"""`run(data)` beside dlt's, into DuckDB: each task in a fresh process of each, one after the other; ratios of medians.

"one row" is the second run of its process.

python -m benchmarks.packages [--rows 200000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.contenders import dlt_python, prepare_dlt

TASK: Final = """
import sys, time
library, task, rows, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
if library == "dlt":
    import dlt as module
    destination = module.destinations.duckdb(folder + "/x.duckdb")
    options = {"loader_file_format": "parquet"}
else:
    import headrace as module
    destination, options = "duckdb:///" + folder + "/x.duckdb", {}
pipe = module.pipeline("bench", pipelines_dir=folder, destination=destination, dataset_name="d")

def flat():
    for start in range(0, rows, 5_000):
        yield [{"id": n, "name": f"n{n}", "price": n * 0.5, "flag": n % 2 == 0, "city": "Wien"}
               for n in range(start, min(start + 5_000, rows))]

def nested():
    for start in range(0, rows, 5_000):
        yield [{"id": n, "who": {"name": f"n{n}"}, "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}
               for n in range(start, min(start + 5_000, rows))]

def table():
    import pyarrow as pa
    yield pa.table({"id": range(rows), "price": [0.5] * rows, "city": ["Wien"] * rows})

if task == "one row":  # imports and a new file belong to the first run of both
    pipe.run(iter([{"id": 0}]), table_name="items", **options)
data = {"one row": lambda: iter([{"id": 1}]), "flat": flat, "nested": nested, "arrow": table}[task]
began = time.perf_counter()
pipe.run(data(), table_name="items", **options)
print(time.perf_counter() - began)
"""
TASKS: Final = ("one row", "flat", "nested", "arrow")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    prepare_dlt()
    print(f"| task ({given.rows:,} rows) | headrace, s | dlt, s | dlt / headrace |\n|---|---|---|---|")
    for task in TASKS:
        ours, theirs = zip(*(_round(task, given.rows) for _ in range(given.rounds)), strict=True)
        mine, other = statistics.median(ours), statistics.median(theirs)
        print(f"| {task} | {_shown(ours)} | {_shown(theirs)} | {other / mine:.1f} |", flush=True)


def _round(task: str, rows: int) -> tuple[float, float]:
    return _seconds(Path(sys.executable), "headrace", task, rows), _seconds(dlt_python(), "dlt", task, rows)


def _seconds(python: Path, library: str, task: str, rows: int) -> float:
    environ = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # neither is to compile itself each time
    with TemporaryDirectory() as folder:
        command = [str(python), "-c", TASK, library, task, str(rows), folder]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def _shown(seconds: tuple[float, ...]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f}..{max(seconds):.2f})"


if __name__ == "__main__":
    main()
