"""What a position is, and who may move it. Knows nothing of Kafka, Arrow or SQL."""

from checkpoints.checkpoint import Checkpoint, Claim, Known, Span
from checkpoints.contract import CheckpointStore, Fenced
from checkpoints.position import OffsetRange, Partition, Position

__all__ = [
    "Checkpoint",
    "CheckpointStore",
    "Claim",
    "Fenced",
    "Known",
    "OffsetRange",
    "Partition",
    "Position",
    "Span",
]
