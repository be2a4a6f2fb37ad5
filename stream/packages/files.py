"""Files that are there whole or not at all, also after a power failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write `text` beside `path` and rename it there."""
    draft = path.with_name(f"{path.name}.new")
    with written(draft) as file:
        file.write(text.encode())
    draft.replace(path)
    sync_folder(path.parent)


@contextmanager
def written(path: Path) -> Iterator[BufferedWriter]:
    """Yield a new file to write to, which is on the disk in the end."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def move_folder(source: Path, target: Path) -> None:
    """Rename a folder in one step; `target` must not be there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    sync_folder(target.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder and all in it; one that is not there is fine."""
    shutil.rmtree(path, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
