"""What a table's write disposition asks of a batch: keys, the newest event of each, deletes."""

from stream.dispositions.declare import DispositionChanged, check_unchanged, declared
from stream.dispositions.history import historic
from stream.dispositions.keys import NULL_KEY, key_of, with_kafka_key, without_key
from stream.dispositions.order import newest_of
from stream.dispositions.settle import Merged, merged
from stream.dispositions.tombstones import tombstones_of
from stream.dispositions.wish import KAFKA_KEY, Disposition, Wish, write_for

__all__ = [
    "KAFKA_KEY",
    "NULL_KEY",
    "Disposition",
    "DispositionChanged",
    "Merged",
    "Wish",
    "check_unchanged",
    "declared",
    "historic",
    "key_of",
    "merged",
    "newest_of",
    "tombstones_of",
    "with_kafka_key",
    "without_key",
    "write_for",
]
