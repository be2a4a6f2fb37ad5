"""Arrow tables in files that are read where they lie: what is not looked at takes no memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from stream.packages.files import written


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as an Arrow IPC file."""
    with written(path) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Return the table in a file, mapped into memory. The file must stay until the table is let go of."""
    with pa.memory_map(str(path)) as source:
        table: pa.Table = pa.ipc.open_file(source).read_all()
    return table
