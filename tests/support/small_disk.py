"""A file system of a few megabytes, that can be full, grow, and be read-only, like a real one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from servers.missing import give_up

_AS_ROOT: Final = () if os.geteuid() == 0 else ("sudo", "-n")


class SmallDisk:
    """A tmpfs at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def grow(self, megabytes: int) -> None:
        """Make room."""
        _root("mount", "-o", f"remount,size={megabytes}m", str(self.path))

    def make_read_only(self) -> None:
        """Take no more writes."""
        _root("mount", "-o", "remount,ro", str(self.path))

    @property
    def full(self) -> bool:
        """Return whether less than a page is left."""
        return os.statvfs(self.path).f_bavail == 0


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one at `path` while the block lasts; where this user may not, the test is skipped, and fails in CI."""
    path.mkdir()
    try:
        _root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError) as error:
        give_up(f"could not run for want of a server: mounting a tmpfs needs root ({error})")
    try:
        yield SmallDisk(path)
    finally:
        _root("umount", str(path))


def _root(*command: str) -> None:
    subprocess.run([*_AS_ROOT, *command], check=True, capture_output=True)
