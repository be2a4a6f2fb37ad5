"""Every format passes the suite that is shipped for decoders, and so does a stranger's."""

from __future__ import annotations

import json
from typing import ClassVar

from stream.decode import Decoder, DecoderOptions, decoder_for
from stream.decode.testing import DecoderContract
from stream.model.schemas import WriterSchema
from support import cloudevents
from support.avro import written

POINT = {"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}, {"name": "s", "type": "string"}]}
FRAME = b"\0\0\0\0\x07"
PROTO = 'syntax = "proto3"; message P { int32 x = 1; string s = 2; }'


class OfFormat(DecoderContract):
    format: ClassVar[str]

    def make(self, options: DecoderOptions) -> Decoder:
        return decoder_for(self.format)(options)


class TestJson(OfFormat):
    format = "json"
    good: ClassVar = [(b'{"a": 1}', {"a": 1}), (b"[1]", {"value": [1]}), (b'{"b": "x"}', {"b": "x"})]
    bad: ClassVar = [b"{", b"", b"\xff", b"NaN"]


class TestJsonSchema(OfFormat):
    format = "json-schema"
    good: ClassVar = [(FRAME + b'{"a": 1}', {"a": 1}), (FRAME + b'{"b": "x"}', {"b": "x"})]
    bad: ClassVar = [b"{}", FRAME + b"{", FRAME, b"\0"]


class TestAvro(OfFormat):
    format = "avro"
    schemas: ClassVar = {7: WriterSchema("avro", json.dumps(POINT))}
    good: ClassVar = [
        (FRAME + written(POINT, {"x": x, "s": s}), {"x": x, "s": s}) for x, s in [(1, "a"), (-5, ""), (2**31 - 1, "ä")]
    ]
    bad: ClassVar = [b"", b"\0", b"{}", FRAME, FRAME + b"\x02", FRAME + b"\x02\x02a\0", FRAME + b"\x02\x02\xff"]


class TestProtobuf(OfFormat):
    format = "protobuf"
    schemas: ClassVar = {7: WriterSchema("protobuf", PROTO)}
    good: ClassVar = [(FRAME + b"\0\x08\x01\x12\x01a", {"x": 1, "s": "a"}), (FRAME + b"\0", {"x": 0, "s": ""})]
    bad: ClassVar = [b"{}", FRAME, FRAME + b"\0\x08", FRAME + b"\0\x12\x01\xff", FRAME + b"\x02\x08\0"]


class TestText(OfFormat):
    format = "text"
    good: ClassVar = [(b"", {"value": ""}), ("ä\n".encode(), {"value": "ä\n"})]
    bad: ClassVar = [b"\xff", b"a\xc3"]


class TestBytes(OfFormat):
    format = "bytes"
    good: ClassVar = [(b"", {"value": b""}), (b"\0\xff", {"value": b"\0\xff"})]
    bad: ClassVar = []


class TestCloudEventsInOneObject(DecoderContract):
    good: ClassVar = [
        (json.dumps(event).encode(), event)
        for event in [
            {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order", "data": {"total": 5}},
            {"specversion": "1.0", "id": "2", "source": "/shop", "type": "order"},
        ]
    ]
    bad: ClassVar = [b"{}", b"[]", b"{", b"\xff", b'{"id": "1"}', b"[" * 5_000]

    def make(self, options: DecoderOptions) -> Decoder:
        return cloudevents.make(options)


class TestCloudEventsWithHeaders(DecoderContract):
    headers: ClassVar = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t"))
    good: ClassVar = [
        (b'{"total": 5}', {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {"total": 5}})
    ]
    bad: ClassVar = [b"{", b"\xff"]

    def make(self, options: DecoderOptions) -> Decoder:
        return cloudevents.make(options)
