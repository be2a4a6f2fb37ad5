"""What DuckDB's errors mean to a sink. Each text was seen with the real thing."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from sinks.errors import DataRefused, SinkError, Transient

_REFUSALS = (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException)
_PASSING = (
    duckdb.InterruptException,
    duckdb.TransactionException,
    duckdb.IntegrityError,  # of a system table: another sink of this process was faster
    duckdb.FatalException,
    duckdb.IOException,
)


def while_opening(error: Exception, path: Path) -> SinkError:
    """Return what a failure to open `path` means, with what to do."""
    text = str(error)
    if "Could not set lock" in text:
        return Transient(f"{path} is open in another process{_holder(text)}: stop it, or wait until it has finished")
    if isinstance(error, duckdb.ResourceInUseException):
        return SinkError(f"{path} is open in this process by other code: close that connection first")
    if not path.parent.is_dir():
        return SinkError(f"cannot open {path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        return SinkError(f"cannot open {path}: it is a folder; name a file in it")
    if "ermission denied" in text or "read-only" in text.lower():
        return SinkError(f"cannot write {path}: make the file and its folder writable for this user ({_first(text)})")
    if "valid DuckDB database file" in text or isinstance(error, duckdb.SerializationException):
        return SinkError(f"{path} is not a DuckDB database, or it is damaged; name another file ({_first(text)})")
    if "No space left" in text:
        return Transient(f"cannot open {path}: the disk is full; free some space")
    if "No such file" in text:
        return SinkError(f"cannot make {path}: no file can be made there; name another folder")
    return SinkError(f"cannot open {path}: {_first(text)}")


def while_copying(error: Exception, path: str) -> SinkError:
    """Return what a failure to append rows means: here the values may be to blame."""
    return DataRefused(_first(str(error))) if isinstance(error, _REFUSALS) else while_working(error, path)


def while_working(error: Exception, path: str) -> SinkError:
    """Return what a failed statement means."""
    text = _first(str(error))
    if "No space left" in text or "ENOSPC" in text:
        return Transient(f"{path}: the disk is full; free some space, nothing is lost ({text})")
    if out_of_memory(error):
        return Transient(f"{path}: DuckDB's memory_limit is too small; ?memory_limit=1GB in the URL raises it ({text})")
    if "ermission denied" in text or "read-only" in text.lower():
        return SinkError(f"{path}: make the file and its folder writable for this user ({text})")
    if isinstance(error, _PASSING):
        return Transient(f"{path}: {text}")
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        return SinkError(f"{text}; a table that headrace made was dropped or replaced, or its name is taken")
    return SinkError(f"{path}: {text}")


def out_of_memory(error: Exception) -> bool:
    """Return whether DuckDB's memory limit was too low. A commit wraps that in an error of another class."""
    wrapped = ("failed to pin block", "could not allocate block")
    return isinstance(error, duckdb.OutOfMemoryException) or any(text in str(error) for text in wrapped)


def _holder(text: str) -> str:
    found = re.search(r"held in (\S+) \(PID (\d+)\)", text)
    return f" ({found[1]}, PID {found[2]})" if found else ""


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]
