"""The values that travel between the stages: records, documents, tables."""

from stream.model.documents import Columnar, Decoded, Documents, Loose
from stream.model.records import FlushCause, Headers, RawBatch, Slab
from stream.model.tables import FlatTable

__all__ = ["Columnar", "Decoded", "Documents", "FlatTable", "FlushCause", "Headers", "Loose", "RawBatch", "Slab"]
