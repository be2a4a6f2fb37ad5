"""What a format promises: bytes of some records in, documents, rejects and counts out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stream.config.models import Limits
from stream.decode.wire_framing import VALUE_HEADER
from stream.model import Decoded, RawBatch
from stream.model.schemas import SchemaId, Schemas


class Decoder(Protocol):
    """Turns records into documents. Pure but for what it remembers to be faster; used by one thread at a time."""

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return the ids of the schemas that `decode` needs for `raw`; none for a format that needs no registry."""
        ...

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped.

        `schemas` has an answer for each id that `wants` named. What it returns for a record does not depend on the
        other records. A bad record is a reject, never an error.
        """
        ...


@dataclass(frozen=True, slots=True)
class DecoderOptions:
    """What a decoder of one topic is told: bounds, the table's name, further columns, and a schema from a file."""

    limits: Limits
    table_of: Callable[[str], str]
    metadata: tuple[str, ...] = ()
    schema_file: Path | None = None
    message: str | None = None
    header: str = VALUE_HEADER
    """The header that may name a record's schema."""


MakeDecoder = Callable[[DecoderOptions], Decoder]
"""Makes a decoder for one topic that has seen nothing yet. Raises `ConfigError` for options that make no sense."""
