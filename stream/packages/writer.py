"""A package in the making: pages become files, and the whole becomes one package in one rename."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from checkpoints.failpoints import failpoint
from stream.model.hints import Hints
from stream.model.pages import Page, row_count
from stream.packages.files import remove_folder, written
from stream.packages.manifest import Manifest, Part, RejectedRow, write_manifest
from stream.packages.row_codec import encode_rows
from stream.packages.tables import write_table

_MOST_REJECTED = 10_000  # kept with their text; a package of nothing but such rows must not grow without bound


class PackageWriter:
    """Writes one package into `folder`, which nobody looks at before `finished`."""

    def __init__(self, folder: Path, load_id: str, created_at: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._manifest = Manifest(load_id, created_at)
        self._parts: list[Part] = []
        self._hints: list[Hints] = []
        self._skipped: dict[str, Counter[str]] = {}
        self._rejected: list[RejectedRow] = []
        self._rows = 0

    @property
    def rows(self) -> int:
        """Return how many rows the package has so far."""
        return self._rows

    @property
    def rows_by_table(self) -> dict[str, int]:
        """Return how many rows each table has so far, by its wanted name."""
        counted: Counter[str] = Counter()
        for part in self._parts:
            counted[part.table] += part.rows
        return dict(counted)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was given: no row, no null, no rejected row."""
        return not (self._parts or self._skipped or self._rejected or self._hints)

    def write(self, table: str, hints: Hints, page: Page) -> int:
        """Write one page of rows for `table` and return its size in bytes."""
        failpoint("extract.before_write")
        is_columns = isinstance(page, pa.Table)
        name = f"{len(self._parts):06}.{'arrow' if is_columns else 'rows'}"
        path = self.folder / name
        if isinstance(page, pa.Table):
            write_table(path, page)
        else:
            with written(path) as file:
                file.write(encode_rows(page))
        self._parts.append(Part(table, name, row_count(page), self._rows, self._index(hints)))
        self._rows += row_count(page)
        return path.stat().st_size

    def declare(self, hints: Hints) -> None:
        """Keep the hints of a table that may bring no rows: a replaced table is emptied all the same."""
        self._index(hints)

    def skip(self, table: str, count: int, reason: str) -> None:
        """Count rows that are not loaded, on purpose."""
        self._skipped.setdefault(table, Counter())[reason] += count

    def reject(self, table: str, text: str, reason: str, error: str) -> None:
        """Set a row aside that no table can hold."""
        if len(self._rejected) < _MOST_REJECTED:
            self._rejected.append(RejectedRow(table, self._rows + len(self._rejected), text, reason, error))
        else:
            self.skip(table, 1, reason)

    def finish(self, state: str | None) -> None:
        """Write the manifest: now the folder is a whole package."""
        write_manifest(
            self.folder / "package.json",
            replace(
                self._manifest,
                parts=tuple(self._parts),
                hints=tuple(self._hints),
                skipped={table: dict(counts) for table, counts in self._skipped.items()},
                rejected=tuple(self._rejected),
                state=state,
            ),
        )

    def discard(self) -> None:
        """Remove what was written."""
        remove_folder(self.folder)

    def _index(self, hints: Hints) -> int:
        if hints not in self._hints:
            self._hints.append(hints)
        return self._hints.index(hints)
