"""Progress: each collector on a real terminal, lines of text, and one of the user's own."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

import headrace
from stream.api.progress.log import LogCollector
from stream.errors import ConfigError

_WHERE = b"\x1b[6n"  # a program asks where the cursor is, and waits until the terminal tells
_HERE = b"\x1b[1;1R"

RUN = """
import sys, headrace
made = headrace.pipeline("shop", sys.argv[1], destination="memory", progress=sys.argv[2])
made.run(({"id": number, "tags": ["a"]} for number in range(3_000)), table_name="items")
"""


class Mine:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def begin(self, step: str) -> None:
        self.told.append(step)

    def update(self, name: str, amount: int, unit: str) -> None:
        if unit == "rows":
            self.told.append((name, amount))

    def end(self) -> None:
        self.told.append("end")


def test_a_collector_of_ones_own_is_told_of_every_step(tmp_path: Path) -> None:
    mine = Mine()
    shop = headrace.pipeline("shop", tmp_path, destination="memory", dataset_name=str(tmp_path), progress=mine)
    shop.run([{"id": 1, "tags": ["a", "b"]}], table_name="items")
    assert mine.told == [
        "extract", ("items", 1), "end",
        "normalize", ("items", 1), ("items__tags", 2), "end",
        "load", ("items", 1), ("items__tags", 2), "end",
    ]  # fmt: skip


def test_the_log_says_rows_tables_and_bytes() -> None:
    text = io.StringIO()
    log = LogCollector(text)
    log.begin("load")
    log.update("items", 2_000, "rows")
    log.update("items", 3_000_000, "bytes")
    log.end()
    assert text.getvalue().startswith("load: 2,000 rows (items 2,000), 3.0 MB, ")


@pytest.mark.parametrize("name", ["log", "tqdm", "enlighten", "alive_progress"])
def test_each_collector_shows_the_table_on_a_terminal(tmp_path: Path, name: str) -> None:
    shown = on_terminal([sys.executable, "-c", RUN, str(tmp_path), name])
    assert "items" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("progress", ["bars", 5, Mine])
def test_an_unknown_collector_is_refused_with_the_names(progress: Any) -> None:
    with pytest.raises(ConfigError, match="progress is one of log, tqdm, enlighten, alive_progress, or an object"):
        headrace.pipeline("shop", progress=progress)


def on_terminal(command: list[str]) -> str:
    """Return what a command writes to a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.environ["TERM"] = "xterm"
        os.execv(command[0], command)
    written = b""
    try:
        while chunk := os.read(terminal, 65_536):
            written += chunk
            if _WHERE in chunk:
                os.write(terminal, _HERE)
    except OSError:
        pass  # how Linux says that the other side of a terminal is closed
    os.close(terminal)
    os.waitpid(child, 0)
    return written.decode(errors="replace")
