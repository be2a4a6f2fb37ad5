"""The answers a sink gives to trouble. The class says what the caller may do next, the text what a person should."""

from __future__ import annotations


class SinkError(Exception):
    """The destination cannot go on and repeating does not help: stop, and show the text. Nothing was written."""


class Transient(SinkError):
    """The destination is unavailable or busy: repeat the same call later. Nothing was written."""


class TimedOut(Transient):
    """A statement took longer than the statement timeout. Nothing was written; the same again may take as long."""


class InDoubt(SinkError):
    """The answer to a commit was lost: it landed, or it did not. Ask `Sink.is_committed` before anything else."""


class DataRefused(SinkError):
    """The destination permanently rejected these values. Nothing was written; a part of the batch may pass."""


class SchemaConflict(SinkError):
    """The stored schema is not the plan's base: another writer changed it. Read `Sink.schema` and make a new plan."""
