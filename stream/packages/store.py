"""All packages of one pipeline, in a folder for each state, for one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from checkpoints.failpoints import failpoint
from stream.errors import HeadraceError
from stream.packages.files import move_folder, remove_folder
from stream.packages.package import Package, PackageState
from stream.packages.writer import PackageWriter

_DRAFTS: Final = "new"
_PENDING: Final[tuple[PackageState, ...]] = ("loading", "normalized", "extracted")
_LOADED_KEPT: Final = 100


class FolderInUse(HeadraceError):
    """Another process works in this working folder."""


class PackageStore:
    """The packages below one folder."""

    def __init__(self, working_dir: Path) -> None:
        self.working_dir = working_dir
        self._root = working_dir / "packages"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out. Raises `FolderInUse` where one is in; its end, of whatever kind, lets us in."""
        self.working_dir.mkdir(parents=True, exist_ok=True)
        with (self.working_dir / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise FolderInUse(
                    f"another run (process {file.read().strip() or 'unknown'}) is at work in {self.working_dir}; wait "
                    "for its end, or give this one another pipeline_name or pipelines_dir"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            remove_folder(self._root / _DRAFTS)  # what a process that died had not finished
            yield

    def new(self, load_id: str) -> PackageWriter:
        """Return the writer of a new package."""
        created_at = datetime.now(UTC).isoformat(timespec="microseconds")
        return PackageWriter(self._root / _DRAFTS / load_id, load_id, created_at)

    def commit(self, writer: PackageWriter, state: str | None) -> Package:
        """Return what was written as an extracted package, in one rename."""
        writer.finish(state)
        failpoint("extract.before_rename")
        target = self._root / "extracted" / writer.folder.name
        move_folder(writer.folder, target)
        failpoint("extract.after_rename")
        return Package(target)

    def packages(self, state: PackageState) -> tuple[Package, ...]:
        """Return the packages in one state, the oldest first."""
        folder = self._root / state
        return tuple(Package(path) for path in sorted(folder.iterdir())) if folder.is_dir() else ()

    def pending(self) -> tuple[Package, ...]:
        """Return the packages that are not loaded, the oldest first: load ids sort by time."""
        found = [package for state in _PENDING for package in self.packages(state)]
        return tuple(sorted(found, key=lambda package: package.load_id))

    def note_loaded(self, package: Package) -> Package:
        """Return the package as loaded, without its rows unless it failed; only the newest hundred are kept."""
        loaded = package.moved_to("loaded")
        if loaded.failure is None:
            loaded.shed_data()
        for old in self.packages("loaded")[:-_LOADED_KEPT]:
            remove_folder(old.folder)
        return loaded

    def drop_pending(self) -> tuple[str, ...]:
        """Remove all packages that are not loaded, and return their load ids."""
        dropped = self.pending()
        for package in dropped:
            remove_folder(package.folder)
        return tuple(package.load_id for package in dropped)
