"""What decodes the records of a format: the port that every format satisfies."""

from __future__ import annotations

from typing import Protocol

from stream.model import Decoded, RawBatch
from stream.model.schemas import SchemaId, Schemas


class Decoder(Protocol):
    """Turns records into documents. Pure but for what it remembers to be faster; used by one thread at a time."""

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return the ids of the schemas that `decode` needs for `raw`; none for a format that needs no registry."""
        ...

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped.

        `schemas` has an answer for each id that `wants` named.
        """
        ...
