"""How the topics of a run are written, as their settings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from checkpoints import Partition
from stream.config.topics import Topic
from stream.dispositions import KAFKA_KEY, Wish
from stream.model import RawBatch
from stream.runtime.table_settings import TableSettings

_SKIPPED = "write_disposition"


class TopicWrites:
    """The wishes of each topic and of the table that it fills."""

    def __init__(self, settings: TableSettings) -> None:
        self._settings = settings

    def wish(self, table: str) -> Wish | None:
        """Return what is wished for the table of that original name; None where nothing was said."""
        return wish_of(self._settings.of_table(table))

    def is_skipped(self, topic: str) -> bool:
        """Return whether nothing of a topic is loaded."""
        return self._settings.topic(topic).write_disposition == "skip"

    def merged_table(self, topic: str) -> str | None:
        """Return the original name of the table that `topic` fills, if that merges or keeps history."""
        merges = self._settings.topic(topic).write_disposition in ("merge", "scd2")
        return self._settings.table(topic) if merges else None

    def metadata(self, topic: str) -> tuple[str, ...]:
        """Return which metadata of a topic's records become columns: the key too, where tables merge by it."""
        settings = self._settings.topic(topic)
        wanted: tuple[str, ...] = settings.metadata or ()
        by_key = KAFKA_KEY in (settings.primary_key or ())
        return (*wanted, "key") if by_key and "key" not in wanted else wanted


def wish_of(settings: Topic) -> Wish | None:
    """Return the wish that settings say; None where they say nothing."""
    if settings.write_disposition not in ("append", "merge", "scd2"):
        return None
    keeps_history = settings.strategy == "scd2"
    return Wish(
        "scd2" if keeps_history else settings.write_disposition,
        strategy="upsert" if settings.strategy is None or settings.strategy == "scd2" else settings.strategy,
        primary_key=settings.primary_key or (),
        dedup_sort=settings.dedup_sort or (),
        hard_delete=settings.hard_delete,
        soft_delete=settings.soft_delete,
        key_format=settings.primary_key_format or "text",
    )


def without_skipped(
    raw: RawBatch, is_skipped: Callable[[str], bool]
) -> tuple[RawBatch, Mapping[Partition, Mapping[str, int]]]:
    """Return the records that are loaded, and how many of each partition are not."""
    unwanted = [part for part in raw.parts if is_skipped(part.range.partition.topic)]
    skipped = {part.range.partition: {_SKIPPED: len(part)} for part in unwanted}
    if not skipped:
        return raw, {}
    return replace(raw, parts=tuple(part for part in raw.parts if part.range.partition not in skipped)), skipped
