"""A topic whose bytes are plainly of another format stops with what to set; single odd records do not stop it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from stream.config.models import Limits
from stream.decode import DecoderOptions, TopicDecoders
from stream.decode.wrong_format import WrongFormat
from stream.model.schemas import NO_SCHEMAS
from support.decoding import batch, documents, refused

AVRO = [b"\0\0\0\0\x07" + bytes([n, 2, 97]) for n in range(12)]
JSON = [json.dumps({"id": n}).encode() for n in range(12)]


def decode(decoders: TopicDecoders, values: Sequence[bytes | None]):
    raw = batch(values)
    return decoders.decode(raw, NO_SCHEMAS)


def decoders(format: str, *, check: bool = True) -> TopicDecoders:
    options = DecoderOptions(Limits(), table_of=str)
    return TopicDecoders(lambda topic: (format, options), check=check)


def test_avro_read_as_json_stops_with_what_to_set() -> None:
    with pytest.raises(WrongFormat, match=r"topic 'orders' is read as json, but .*\(such as 7\): avro or protobuf"):
        decode(decoders("json"), AVRO)


def test_json_behind_a_schema_id_is_told_from_avro() -> None:
    with pytest.raises(WrongFormat, match="json-schema"):
        decode(decoders("json"), [b"\0\0\0\0\x07" + value for value in JSON])


@pytest.mark.parametrize("format", ["avro", "protobuf", "json-schema"])
def test_json_read_as_a_format_with_schema_ids_stops(format: str) -> None:
    with pytest.raises(WrongFormat, match="begin as JSON does"):
        decode(decoders(format), JSON)


def test_a_few_odd_records_are_rejects() -> None:
    assert len(refused(decode(decoders("json"), AVRO[:9]))) == 9


def test_one_good_record_proves_the_format() -> None:
    found = decoders("json")
    assert list(documents(decode(found, [*AVRO, JSON[0]]))) == [12]
    assert len(refused(decode(found, AVRO))) == 12


def test_the_check_can_be_switched_off() -> None:
    assert len(refused(decode(decoders("json", check=False), AVRO))) == 12
