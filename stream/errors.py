"""Errors a user may meet, each with the exit code of the command line. Every text says what happened and what to do."""

from __future__ import annotations

from typing import ClassVar


class HeadraceError(Exception):
    """The base of all errors that headrace raises on purpose."""

    exit_code: ClassVar[int] = 1


class ConfigError(HeadraceError):
    """A setting is missing, unknown or wrong."""

    exit_code = 2


class SourceError(HeadraceError):
    """Kafka cannot be read."""

    exit_code = 3


class SourceUnavailable(SourceError):
    """No broker answers."""


class SourceDenied(SourceError):
    """The broker refuses the credentials, or the right to read."""


class UnknownTopic(SourceError):
    """No topic matches what was asked for."""


class SourceGap(SourceError):
    """Offsets between the stored position and the log are gone, or the topic is another one: going on loses data."""

    exit_code = 5


class DestinationError(HeadraceError):
    """The destination cannot be used."""

    exit_code = 4


class OwnershipLost(HeadraceError):
    """Somebody else runs this pipeline: it was fenced again and again."""

    exit_code = 6


class SchemaRefused(HeadraceError):
    """Data does not fit the schema, and the contract says stop."""


class PipelineStepFailed(HeadraceError):
    """A step of a run failed; `step` is one of sync, extract, normalize, load, and the cause is chained."""

    def __init__(self, step: str, load_id: str | None, cause: BaseException) -> None:
        super().__init__(f"{step} failed{f' in load {load_id}' if load_id else ''}: {cause}")
        self.step = step
        self.load_id = load_id
        self.exit_code = getattr(cause, "exit_code", 1)  # type: ignore[misc]  # an instance speaks for its cause


class UnsupportedValue(HeadraceError):
    """A value that no column type can hold, such as NaN or a timedelta; the text names its path."""
