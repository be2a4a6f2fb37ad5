"""From records to a batch that fits the destination: decode, normalize, evolve. Values in, values out; no waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from types import MappingProxyType

import pyarrow as pa

from checkpoints import Checkpoint, Partition, Position, Span
from sinks import Batch, Capabilities, Reject, Schema, SchemaPlan
from stream.config.models import Config
from stream.config.privacy import salt_of
from stream.config.topics import Topic
from stream.decode import DecoderOptions, TopicDecoders
from stream.dispositions import Wish, declared
from stream.evolve import Evolved, Rules, evolve
from stream.model import Decoded, Documents, FlatTable, PartitionRecords, RawBatch
from stream.model.schemas import NO_SCHEMAS, SchemaId, Schemas
from stream.model.times import LAST_MS
from stream.normalize import Names, normalize
from stream.runtime.dispositions import keyed, settled
from stream.runtime.reject_tally import Rejected
from stream.runtime.rejects import bounded
from stream.runtime.table_settings import TableSettings
from stream.runtime.tombstones import tombstone_records, with_ids
from stream.runtime.topic_writes import TopicWrites, without_skipped
from stream.runtime.wishes import rules_of_topic
from stream.transform import rules_for, transform, withhold


@dataclass(frozen=True, slots=True)
class Age:
    """When Kafka took a batch's records: the last of each partition, and the first of all, in seconds since 1970."""

    newest: Mapping[Partition, float]
    oldest: float | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """One batch ready to load: what the destination must become, the rows and rejects, and the step they belong to."""

    plan: SchemaPlan
    batch: Batch
    step: Checkpoint
    skipped: Mapping[Partition, Mapping[str, int]]
    age: Age
    left_out: Mapping[str, int]
    rejected: Mapping[Partition, Rejected]


class Preparer:
    """The pure middle of a pipeline, for one destination. Used from one worker thread at a time."""

    def __init__(self, config: Config, capabilities: Capabilities) -> None:
        self._tables = config.tables
        self._max_value_bytes = config.rejects.max_value_bytes
        self._settings = TableSettings(config)
        self._writes = TopicWrites(self._settings)
        self._salt = salt_of(config)
        self._wishes = cache(lambda table: rules_of_topic(self._settings.of_table(table)))
        self._rules = cache(lambda table: rules_for(self._settings.of_table(table), self._salt))
        self._capabilities = capabilities
        self._limits = config.limits
        self._decoders = TopicDecoders(
            self._format_of,
            key_format_of=lambda topic: self._settings.topic(topic).key_format or config.tables.key_format,
            check=config.tables.check_format,
        )

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return the ids of the schemas that `decode` needs for `raw`."""
        return self._decoders.wants(raw)

    def decode(self, raw: RawBatch, schemas: Schemas = NO_SCHEMAS) -> Decoded:
        """Return the documents of `raw`, the records that are none, and those that are left out or delete a row."""
        loaded, skipped = without_skipped(raw, self._writes.is_skipped)
        decoded = self._decoders.decode(loaded, schemas)
        deleting = replace(loaded, parts=tuple(part for part in loaded.parts if None in part.values))
        tombstones = tombstone_records(self._decoders.json_keys(deleting, schemas), self._writes.merged_table)
        return replace(decoded, skipped={**decoded.skipped, **skipped}, tombstones=tombstones)

    def hint(self, table: str, settings: Topic) -> None:
        """Take these settings for a table that no topic fills, by its original name. Before its rows are shaped."""
        self._settings.hint(table, settings)

    def normalize(
        self,
        documents: tuple[Documents, ...],
        schema: Schema,
        load_id: str,
        incarnations: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[FlatTable, ...]:
        """Return the documents as relational tables, private fields hidden, with the names that `schema` has given."""
        names = Names(
            schema,
            self._capabilities.max_identifier_bytes,
            reserved=self._capabilities.reserved_columns,
            script=self._tables.names,
        )
        tables = normalize(
            documents, names=names, load_id=load_id, max_nesting=self._max_nesting, incarnations=incarnations
        )
        return transform(tables, self._rules)

    def evolve(
        self,
        schema: Schema,
        tables: tuple[FlatTable, ...],
        fixed: frozenset[tuple[str, str]] = frozenset(),
        wish: Wish | None = None,
    ) -> Evolved:
        """Return tables that fit the schema they are to have, the way there from `schema`, and the rows left out.

        `fixed`: the columns, by table and name, that cannot take another type. `wish`: how tables that no topic fills
        are written. Raises `DispositionChanged`.
        """
        keys = keyed(tables, schema, lambda table: self._writes.wish(table) or wish)
        rules = Rules(
            detect_timestamps=self._tables.detect_timestamps,
            max_columns=self._capabilities.max_columns,
            max_identifier_bytes=self._capabilities.max_identifier_bytes,
            stores_nul_text=self._capabilities.stores_nul_text,
            overflow=self._tables.overflow,
            fixed=fixed | keys.fixed,
            of_table=self._wishes,
        )
        evolved = evolve(schema, keys.tables, rules)
        refused = {**keys.refused, **evolved.refused}
        return replace(evolved, plan=declared(evolved.plan, keys.writes), refused=refused)

    def settle(
        self,
        evolved: Evolved,
        tombstones: Mapping[str, pa.Table],
        now: datetime,
        incarnations: Mapping[str, str] = MappingProxyType({}),
    ) -> Evolved:
        """Return `evolved` with each key of a table that merges once: its newest event, as a row or as a delete."""
        named = {table: with_ids(records, incarnations) for table, records in tombstones.items()}
        return settled(evolved, named, self._writes.wish, now)

    def storable(self, rejects: Iterable[Reject]) -> tuple[Reject, ...]:
        """Return `rejects` as they may be stored: of a topic with private fields without their bytes, and bounded."""
        hidden = (withhold(reject, self._salt) if self._is_private(reject) else reject for reject in rejects)
        return tuple(bounded(reject, self._max_value_bytes) for reject in hidden)

    def _format_of(self, topic: str) -> tuple[str, DecoderOptions]:
        settings = self._settings.topic(topic)
        options = DecoderOptions(
            self._limits,
            table_of=self._settings.table,
            metadata=self._writes.metadata(topic),
            schema_file=settings.schema_file,
            message=settings.message,
        )
        return settings.format or "json", options

    def _is_private(self, reject: Reject) -> bool:
        return self._rules(self._settings.table(reject.partition.topic)).private

    def _max_nesting(self, topic: str | None) -> int | None:
        return self._tables.max_nesting if topic is None else self._settings.topic(topic).max_nesting


def spans_of(
    raw: RawBatch, rejects: Collection[Reject], skipped: Mapping[Partition, Mapping[str, int]]
) -> tuple[Span, ...]:
    """Return the ledger's line for each part of `raw`."""
    rejected = Counter(reject.partition for reject in rejects)
    return tuple(_span(part, rejected[part.range.partition], skipped) for part in raw.parts)


def _span(part: PartitionRecords, rejected: int, skipped: Mapping[Partition, Mapping[str, int]]) -> Span:
    away = sum(skipped.get(part.range.partition, {}).values())
    return Span(part.range, records=len(part), rejected=rejected, skipped=away)


def age_of(raw: RawBatch) -> Age:
    """Return when Kafka took the records of `raw`; a timestamp that no calendar has does not count."""
    spans = {part.range.partition: bounds for part in raw.parts if (bounds := _dated(part.timestamps))}
    oldest = min((first for first, _ in spans.values()), default=None)
    newest = {partition: last / 1000 for partition, (_, last) in spans.items()}
    return Age(newest, None if oldest is None else oldest / 1000)


def _dated(timestamps: Sequence[int]) -> tuple[int, int] | None:
    """Return the first and the last of the timestamps that are instants since 1970; None where there is none."""
    if not timestamps:
        return None
    first, last = min(timestamps), max(timestamps)
    if first < 0 or last > LAST_MS:
        return _dated([each for each in timestamps if 0 <= each <= LAST_MS])
    return first, last


def next_step(pipeline: str, load_id: str, epoch: int, here: Position, spans: tuple[Span, ...]) -> Checkpoint:
    """Return the step from `here` over `spans`.

    Raises `RuntimeError` when a span does not begin where we stand: the source skipped or repeated offsets.
    """
    since = here.of(span.range.partition for span in spans)
    for each in spans:
        if since.next.get(each.range.partition) != each.range.start:
            raise RuntimeError(
                f"{each.range.partition}: the source went on at offset {each.range.start}, but the destination "
                f"stands at {since.next.get(each.range.partition)}; nothing was written. This is a bug in headrace"
            )
    return Checkpoint(pipeline, load_id, since, since.advanced_by(s.range for s in spans), epoch, spans)
