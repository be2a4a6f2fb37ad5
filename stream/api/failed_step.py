"""Which step of a stream failed: for Python code, which gets `PipelineStepFailed` whatever the data is."""

from __future__ import annotations

from checkpoints import Fenced
from sinks import SinkError
from stream.errors import (
    DestinationError,
    OwnershipLost,
    PipelineStepFailed,
    SchemaRefused,
    SourceError,
    UnsupportedValue,
    root_cause,
)
from stream.observe.facts import Fact, Started


class StepWatch:
    """An observer of one stream that knows how far it came."""

    def __init__(self) -> None:
        self._started = False

    def observe(self, fact: Fact) -> None:
        """Take notice of one fact."""
        self._started = self._started or isinstance(fact, Started)

    def failure(self, error: Exception) -> PipelineStepFailed | None:
        """Return what `error` means for the pipeline; None for a wrong setting and for a bug, which are no step's."""
        cause = root_cause(error)
        match cause:
            case SourceError():
                step = "extract"
            case SchemaRefused() | UnsupportedValue():
                step = "normalize"
            case DestinationError() | SinkError() | Fenced() | OwnershipLost():
                step = "load" if self._started else "sync"
            case _:
                return None
        return PipelineStepFailed(step, None, cause)
