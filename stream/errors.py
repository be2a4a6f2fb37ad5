"""Errors a user may meet, each with the exit code of the command line. Every text says what happened and what to do."""

from __future__ import annotations

from collections.abc import Iterator
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


class RegistryError(SourceError):
    """The schema registry cannot be used as it is configured."""


class RegistryUnavailable(RegistryError):
    """No schema registry answers, or none that makes sense; later one may."""


class DestinationError(HeadraceError):
    """The destination cannot be used."""

    exit_code = 4


class OwnershipLost(HeadraceError):
    """Somebody else runs this pipeline: it was fenced again and again."""

    exit_code = 6


class TooManyRejects(HeadraceError):
    """More records were set aside than the budget for rejects allows."""

    exit_code = 7


class SchemaRefused(HeadraceError):
    """Data does not fit the schema, and the contract says stop; or a change of schema was not approved."""

    exit_code = 8


class PipelineStepFailed(HeadraceError):
    """A step of a run failed; `step` is one of sync, extract, normalize, load, and the cause is chained."""

    def __init__(self, step: str, load_id: str | None, cause: BaseException) -> None:
        super().__init__(f"{step} failed{f' in load {load_id}' if load_id else ''}: {cause}")
        self.step = step
        self.load_id = load_id
        self.exit_code = exit_code_of(cause) or 1  # type: ignore[misc]  # an instance speaks for its cause


class JobsFailed(DestinationError):
    """The destination refused some packages for good; `LoadInfo.raise_on_failed_jobs` says which, and why."""


class UnsupportedValue(HeadraceError):
    """A value that no column type can hold, such as NaN or a timedelta; the text names its path."""


def exit_code_of(error: BaseException) -> int | None:
    """Return the exit code for an error that is raised on purpose; None for any other."""
    from checkpoints import Fenced  # here, not above: sinks bring Arrow, and `--help` must not wait for it
    from sinks import SinkError

    match error:
        case HeadraceError():
            return error.exit_code
        case SinkError():
            return DestinationError.exit_code
        case Fenced():
            return OwnershipLost.exit_code
        case _:
            return None


def root_cause(error: BaseException) -> BaseException:
    """Return the error that says what happened: inside a group, or below the step that it failed."""
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if exit_code_of(leaf) is not None), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif isinstance(error, PipelineStepFailed) and error.__cause__ is not None:
        yield from _leaves(error.__cause__)
    else:
        yield error
