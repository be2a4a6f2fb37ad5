"""JSON records behind a schema id, as JSON Schema serializers write them: JSON says by itself what it holds."""

from __future__ import annotations

from dataclasses import replace

from checkpoints import Partition
from sinks import Reject
from stream.decode.framed import without_frames
from stream.decode.json import JsonDecoder
from stream.model import Decoded, RawBatch
from stream.model.schemas import SchemaId, Schemas


class JsonSchemaDecoder:
    """Takes the frame off and reads the rest as JSON. Needs no registry."""

    def __init__(self, json: JsonDecoder) -> None:
        self._json = json

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return no ids: the schema is not needed."""
        return frozenset()

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped."""
        bare, refused = without_frames(raw)
        decoded = self._json.decode(bare, schemas)
        return replace(decoded, rejects=(*refused, *_whole(decoded.rejects, raw)))


def _whole(rejects: tuple[Reject, ...], raw: RawBatch) -> tuple[Reject, ...]:
    """Return rejects with their original bytes, the frame included."""
    if not rejects:
        return ()
    wanted = {(reject.partition, reject.offset) for reject in rejects}
    values: dict[tuple[Partition, int], bytes | None] = {
        (part.range.partition, offset): value
        for part in raw.parts
        for offset, value in zip(part.offsets, part.values, strict=True)
        if (part.range.partition, offset) in wanted
    }
    return tuple(replace(reject, value=values[reject.partition, reject.offset]) for reject in rejects)
