"""headrace: events in Kafka become tables in a warehouse, each exactly once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from stream.api.create import attach, pipeline, run
    from stream.api.load_info import ExtractInfo, LoadInfo, NormalizeInfo
    from stream.api.pipeline import Pipeline
    from stream.config.lookup import secrets
    from stream.errors import HeadraceError, PipelineStepFailed
    from stream.extract.decorators import resource, transformer
    from stream.extract.incremental import incremental
    from stream.extract.kafka import KafkaEvents, kafka
    from stream.extract.resource import Resource
    from stream.extract.source import Source
    from stream.extract.state import resource_state, source_state

__all__ = [
    "ExtractInfo",
    "HeadraceError",
    "KafkaEvents",
    "LoadInfo",
    "NormalizeInfo",
    "Pipeline",
    "PipelineStepFailed",
    "Resource",
    "Source",
    "attach",
    "incremental",
    "kafka",
    "pipeline",
    "resource",
    "resource_state",
    "run",
    "secrets",
    "source_state",
    "transformer",
]

_HOMES: Final = {
    "ExtractInfo": "stream.api.load_info",
    "HeadraceError": "stream.errors",
    "KafkaEvents": "stream.extract.kafka",
    "LoadInfo": "stream.api.load_info",
    "NormalizeInfo": "stream.api.load_info",
    "Pipeline": "stream.api.pipeline",
    "PipelineStepFailed": "stream.errors",
    "Resource": "stream.extract.resource",
    "Source": "stream.extract.source",
    "attach": "stream.api.create",
    "incremental": "stream.extract.incremental",
    "kafka": "stream.extract.kafka",
    "pipeline": "stream.api.create",
    "resource": "stream.extract.decorators",
    "resource_state": "stream.extract.state",
    "run": "stream.api.create",
    "secrets": "stream.config.lookup",
    "source_state": "stream.extract.state",
    "transformer": "stream.extract.decorators",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for (PEP 562): `import stream` alone loads no driver and no Arrow."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stream' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # a submodule of the same name (`stream.runtime`) must not take its place
    return value
