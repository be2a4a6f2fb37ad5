"""dlt 1.31 as fast as we found it to go: large lists of parsed events, parquet files to DuckDB, CSV by COPY to
PostgreSQL, two normalizing processes.

Runs in an environment of its own (`benchmarks/requirements.txt`), since dlt is no dependency of this project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import dlt
import orjson

from benchmarks.backlog import backlog, values
from benchmarks.contender import DATASET, ORDERS, Options, Outcome, now, options

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "25000",
    "DATA_WRITER__FILE_MAX_ITEMS": "25000",  # normalizing processes share whole files: one file keeps one busy
    "NORMALIZE__WORKERS": "2",
}


def main() -> None:
    """Load the topic's backlog through dlt."""
    given = options(main.__doc__)
    os.environ.update(SETTINGS)
    ready = now()
    with TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("bench", pipelines_dir=folder, dataset_name=DATASET, destination=_destination(given))
        loaded = pipeline.run(_events(given), table_name=ORDERS, loader_file_format=_format(given))
        loaded.raise_on_failed_jobs()
        outcome = Outcome(given.events, ready, now())
    outcome.report()


def _events(given: Options) -> Iterator[list[dict[str, Any]]]:
    for messages in backlog(given.brokers, given.topic):
        yield [orjson.loads(value) for value in values(messages)]


def _destination(given: Options) -> Any:
    if given.to.startswith("duckdb:"):
        return dlt.destinations.duckdb(given.file)
    return dlt.destinations.postgres(given.to)


def _format(given: Options) -> str:
    return "parquet" if given.to.startswith("duckdb:") else "csv"


if __name__ == "__main__":
    main()
