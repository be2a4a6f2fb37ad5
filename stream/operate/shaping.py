"""Records made into rows again, as the service makes them: the same ids, the same columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from anyio import to_thread

from sinks import Schema, Sink
from stream.config.models import Config
from stream.evolve import Evolved
from stream.model import Decoded, RawBatch
from stream.observe.facts import nobody
from stream.runtime.prepare import Preparer
from stream.runtime.schemas import registry_of, schema_finder
from stream.source.origin import incarnation


@dataclass(frozen=True, slots=True)
class Shaped:
    """What became of some records: the rows that they make, and of each key that merges the newest (`settled`)."""

    decoded: Decoded
    evolved: Evolved
    settled: Evolved


class Shaper:
    """Makes rows under one pipeline's settings. `incarnations`: of its topics, as their rows were named by."""

    def __init__(self, config: Config, sink: Sink, incarnations: Mapping[str, str]) -> None:
        self.incarnations = incarnations
        self._preparer = Preparer(config, sink.capabilities)
        self._find_schemas = schema_finder(registry_of(config), config.retry, nobody)

    async def shape(self, raw: RawBatch, schema: Schema, load_id: str) -> Shaped:
        """Return the documents and rows of `raw` under `schema`; works in a thread."""
        schemas = await self._find_schemas(await to_thread.run_sync(self._preparer.wants, raw))

        def made() -> Shaped:
            decoded = self._preparer.decode(raw, schemas)
            tables = self._preparer.normalize(decoded.documents, schema, load_id, self.incarnations)
            evolved = self._preparer.evolve(schema, tables)
            now = datetime.now(UTC)
            return Shaped(decoded, evolved, self._preparer.settle(evolved, decoded.tombstones, now, self.incarnations))

        return await to_thread.run_sync(made)


def shaper_of(config: Config, sink: Sink, origins: Mapping[str, str]) -> Shaper:
    """Return a shaper for topics of these identities."""
    return Shaper(config, sink, {topic: incarnation(found) for topic, found in origins.items()})


async def stored_origins(sink: Sink, topics: Collection[str]) -> Mapping[str, str]:
    """Return the identities of topics as the destination knows them: none of those that were rewound as a whole."""
    return {topic: found for topic, found in (await sink.positions(topics)).origins.items() if found}
