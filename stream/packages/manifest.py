"""What a package says of itself: frozen values, and the JSON files that hold them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from stream.model.hints import Hints
from stream.packages.files import write_whole

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One file of extracted data: rows of one table, the first of which is number `first_row` of the package."""

    table: str
    file: str
    rows: int
    first_row: int
    hints: int  # index into `Manifest.hints`


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that no table can hold: its number in the package, its text as far as there is one, and why."""

    table: str
    row: int
    text: str
    reason: str
    error: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was extracted. `skipped` counts rows by table and reason.

    `state` is the pipeline's state once this package is loaded; None changes nothing.
    """

    load_id: str
    created_at: str
    parts: tuple[Part, ...] = ()
    hints: tuple[Hints, ...] = ()
    skipped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rejected: tuple[RejectedRow, ...] = ()
    state: str | None = None
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Normalized:
    """What normalizing made: table files in the folder `tables`, for the schema that it leads from and to."""

    tables: str
    files: Mapping[str, tuple[str, ...]]
    base_version: int
    base: str
    target_version: int
    target: str
    rows: Mapping[str, int] = field(default_factory=dict)
    table_bytes: Mapping[str, int] = field(default_factory=dict)
    nbytes: int = 0
    discarded: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # rows by table and reason
    left_out: Mapping[str, int] = field(default_factory=dict)  # values and child rows by table
    rejected: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the destination refused a package for good."""

    error: str
    tables: tuple[str, ...] = ()


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all."""
    write_whole(path, json.dumps(asdict(manifest)))


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in `path`. Raises `ValueError` for one of a newer headrace."""
    found = _content(path)
    if found["version"] != VERSION:
        raise ValueError(f"{path} is of version {found['version']!r}, this headrace reads {VERSION}: upgrade it")
    return Manifest(
        **found
        | {
            "parts": tuple(Part(**part) for part in found["parts"]),
            "hints": tuple(Hints.from_dict(hints) for hints in found["hints"]),
            "rejected": tuple(RejectedRow(**row) for row in found["rejected"]),
        }
    )


def write_normalized(path: Path, normalized: Normalized) -> None:
    """Write what normalizing made, whole or not at all."""
    write_whole(path, json.dumps(asdict(normalized)))


def read_normalized(path: Path) -> Normalized:
    """Return what normalizing made."""
    found = _content(path)
    files = {table: tuple(names) for table, names in found["files"].items()}
    rejected = tuple(RejectedRow(**row) for row in found["rejected"])
    return Normalized(**found | {"files": files, "rejected": rejected})


def write_failure(path: Path, failure: Failure) -> None:
    """Write why the destination refused the package, whole or not at all."""
    write_whole(path, json.dumps(asdict(failure)))


def read_failure(path: Path) -> Failure | None:
    """Return why the destination refused the package; None if it did not."""
    if not path.exists():
        return None
    found = _content(path)
    return Failure(found["error"], tuple(found["tables"]))


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
