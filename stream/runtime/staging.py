"""Staging: the tables of a package as Parquet files in a folder or an object store, before they are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from stream.errors import ConfigError
from stream.packages import Package
from stream.packages.tables import read_table, write_table


@dataclass(frozen=True)
class Staging:
    """A place for files, by URL (`s3://bucket/folder`, `gs://...`, `file:///folder`) or path."""

    url: str = field(repr=False)  # may hold a key

    def __post_init__(self) -> None:
        self._place()

    def put(self, package: Package) -> Mapping[str, tuple[str, ...]]:
        """Write the tables of a normalized package as Parquet, and return the paths of the files by table.

        Safe to repeat: files of the same package are replaced.
        """
        from pyarrow import parquet

        system, root = self._place()
        normalized = package.normalized
        staged: dict[str, tuple[str, ...]] = {}
        for table, files in normalized.files.items():
            folder = f"{root}/{package.load_id}/{table}"
            system.create_dir(folder, recursive=True)
            staged[table] = tuple(f"{folder}/{Path(file).stem}.parquet" for file in files)
            for file, path in zip(files, staged[table], strict=True):
                rows = read_table(package.folder / normalized.tables / file)
                parquet.write_table(rows, path, filesystem=system)
        return staged

    def take(self, package: Package, staged: Mapping[str, tuple[str, ...]]) -> Mapping[str, pa.Table]:
        """Return the tables as the files have them, one file at a time in memory, then mapped from the disk."""
        return {
            table: pa.concat_tables([self._fetched(package, path) for path in paths]) for table, paths in staged.items()
        }

    def clear(self, package: Package) -> None:
        """Remove the files of a package that is loaded."""
        system, root = self._place()
        system.delete_dir(f"{root}/{package.load_id}")

    def _fetched(self, package: Package, path: str) -> pa.Table:
        from pyarrow import parquet

        system, _ = self._place()
        table, name = path.rsplit("/", 2)[-2:]
        local = package.folder / package.normalized.tables / f"staged-{table}-{Path(name).stem}.arrow"
        write_table(local, parquet.read_table(path, filesystem=system))
        return read_table(local)

    def _place(self) -> tuple[Any, str]:
        from pyarrow import fs

        try:
            if "://" not in self.url:
                return fs.LocalFileSystem(), str(Path(self.url).absolute())
            system, root = fs.FileSystem.from_uri(self.url)
        except (pa.ArrowInvalid, OSError) as error:
            scheme = urlsplit(self.url).scheme
            raise ConfigError(
                f"staging is a folder or an object store (s3://bucket/folder, gs://bucket/folder), and {scheme}:// is "
                f"none that can be used here: {type(error).__name__}"
            ) from None
        return system, root.rstrip("/")
