"""What a pipeline was made with besides its name, its folder and its destination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from sinks import Schema, Sink, SinkOptions
from stream.api.progress import Collector
from stream.runtime.approval import Ask
from stream.runtime.staging import Staging

MakeSink: TypeAlias = Callable[[SinkOptions], Sink]


@dataclass(frozen=True, slots=True)
class Options:
    """`make_sink` stands in for the destination's URL where the user gave an object.

    `schema` has tables and columns that are wanted, as an imported one has. `approve` is asked before events from Kafka
    change tables.
    """

    progress: Collector | None = None
    import_schema_path: Path | None = None
    export_schema_path: Path | None = None
    make_sink: MakeSink | None = None
    staging: Staging | None = None
    schema: Schema | None = None
    approve: Ask | None = None
