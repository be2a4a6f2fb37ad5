"""One load package on disk, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from stream.model.pages import Page
from stream.packages.files import move_folder, remove_folder
from stream.packages.manifest import (
    Failure,
    Manifest,
    Normalized,
    Part,
    read_failure,
    read_manifest,
    read_normalized,
    write_failure,
    write_normalized,
)
from stream.packages.row_codec import decode_rows
from stream.packages.tables import read_table

PackageState: TypeAlias = Literal["extracted", "normalized", "loading", "loaded"]


@dataclass(frozen=True)
class Package:
    """A package in the folder of its state. Moving it to another state is one rename, and gives another value."""

    folder: Path

    @property
    def load_id(self) -> str:
        """Return the id of the load that it becomes, which is the checkpoint."""
        return self.folder.name

    @property
    def state(self) -> PackageState:
        """Return how far it has come."""
        return self.folder.parent.name  # type: ignore[return-value]  # the store makes these folders and no others

    @cached_property
    def manifest(self) -> Manifest:
        """Return what was extracted."""
        return read_manifest(self.folder / "package.json")

    @property
    def normalized(self) -> Normalized:
        """Return what normalizing made. Raises `FileNotFoundError` before it did."""
        return read_normalized(self.folder / "normalized.json")

    @property
    def is_normalized(self) -> bool:
        """Return whether normalizing made something of it."""
        return (self.folder / "normalized.json").exists()

    @property
    def failure(self) -> Failure | None:
        """Return why the destination refused it for good; None if it did not."""
        return read_failure(self.folder / "failure.json")

    def page(self, part: Part) -> Page:
        """Return one part's rows; columns are mapped into memory, not read."""
        path = self.folder / part.file
        return read_table(path) if path.suffix == ".arrow" else decode_rows(path.read_bytes())

    def tables_folder(self) -> Path:
        """Return a new, empty folder for table files; one that normalizing left unfinished is removed."""
        number = 0
        while (folder := self.folder / f"tables-{number}").exists():
            remove_folder(folder)
            number += 1
        folder.mkdir()
        return folder

    def note_normalized(self, normalized: Normalized) -> None:
        """Take `normalized` for what this package brings, in the place of what there was."""
        write_normalized(self.folder / "normalized.json", normalized)

    def note_failure(self, failure: Failure) -> None:
        """Note that the destination refused this package for good."""
        write_failure(self.folder / "failure.json", failure)

    def moved_to(self, state: PackageState) -> Package:
        """Return this package in another state, in one rename."""
        if self.state == state:
            return self
        target = self.folder.parent.parent / state / self.load_id
        move_folder(self.folder, target)
        return Package(target)

    def shed_data(self) -> None:
        """Remove the rows, and keep what the package says of itself."""
        for path in self.folder.iterdir():
            if path.is_dir():
                remove_folder(path)
            elif path.suffix in (".arrow", ".rows"):
                path.unlink()
