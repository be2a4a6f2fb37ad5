"""headrace: events in Kafka become tables in a warehouse, each exactly once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from stream.api.create import attach, pipeline, run
    from stream.api.load_info import LoadInfo
    from stream.api.pipeline import Pipeline
    from stream.errors import HeadraceError, PipelineStepFailed
    from stream.extract.kafka import KafkaEvents, kafka

__all__ = [
    "HeadraceError",
    "KafkaEvents",
    "LoadInfo",
    "Pipeline",
    "PipelineStepFailed",
    "attach",
    "kafka",
    "pipeline",
    "run",
]

_HOMES: Final = {
    "HeadraceError": "stream.errors",
    "KafkaEvents": "stream.extract.kafka",
    "LoadInfo": "stream.api.load_info",
    "Pipeline": "stream.api.pipeline",
    "PipelineStepFailed": "stream.errors",
    "attach": "stream.api.create",
    "kafka": "stream.extract.kafka",
    "pipeline": "stream.api.create",
    "run": "stream.api.create",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for (PEP 562): `import stream` alone loads no driver and no Arrow."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stream' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # a submodule of the same name (`stream.runtime`) must not take its place
    return value
