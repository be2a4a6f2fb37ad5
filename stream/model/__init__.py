"""The values that travel between the stages: records, documents, tables."""

from stream.model.documents import ArrowDocuments, Decoded, Documents, RowDocuments, merged
from stream.model.records import FlushCause, Headers, PartitionRecords, RawBatch
from stream.model.tables import FlatTable

__all__ = [
    "ArrowDocuments",
    "Decoded",
    "Documents",
    "FlatTable",
    "FlushCause",
    "Headers",
    "PartitionRecords",
    "RawBatch",
    "RowDocuments",
    "merged",
]
