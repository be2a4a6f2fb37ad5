"""Keys in a format of their own: text or JSON beside each row, and a bad key rejects its record."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoints import OffsetRange
from stream.config.models import Limits
from stream.decode import DecoderOptions, TopicDecoders
from stream.model import Decoded, PartitionRecords, RawBatch
from stream.model.schemas import NO_SCHEMAS
from support.decoding import PARTITION, documents


def decode(pairs: Sequence[tuple[bytes | None, bytes | None]], key_format: str) -> Decoded:
    count = len(pairs)
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    part = PartitionRecords(OffsetRange(PARTITION, 0, count), range(count), [-1] * count, keys, values)
    options = DecoderOptions(Limits(), table_of=str, metadata=("key",))
    decoders = TopicDecoders(lambda topic: ("json", options), key_format_of=lambda topic: key_format, check=True)
    return decoders.decode(RawBatch((part,)), NO_SCHEMAS)


def keys(decoded: Decoded) -> list[str | None]:
    return [key for each in decoded.documents for one in (*each.columnar, *each.loose)
            for key in one.keys["_kafka_key"].to_pylist()]  # fmt: skip


def test_a_key_is_text_or_json() -> None:
    assert keys(decode([("ä".encode(), b"{}"), (None, b"{}"), (b"b", b"{}")], "text")) == ["ä", None, "b"]
    assert keys(decode([(b'{"b": 1, "a": [2]}', b"{}"), (b'"x"', b"{}"), (b"7", b"{}")], "json")) == [
        '{"a":[2],"b":1}',
        "x",
        "7",
    ]


def test_keys_left_alone_are_bytes() -> None:
    assert keys(decode([(b"\xff", b"{}")], "bytes")) == [b"\xff"]


def test_a_bad_key_rejects_its_record_with_key_and_value() -> None:
    decoded = decode([(b"a", b'{"x": 1}'), (b"\xff", b'{"x": 2}'), (b"\xff", b"{"), (b"b", b'{"x": 3}')], "text")
    assert documents(decoded) == {0: {"x": 1}, 3: {"x": 3}}
    rejects = {reject.offset: (reject.key, reject.value, reject.reason) for reject in decoded.rejects}
    assert rejects == {1: (b"\xff", b'{"x": 2}', "invalid_utf8"), 2: (b"\xff", b"{", "invalid_json")}


def test_each_record_is_counted_once() -> None:
    decoded = decode([(b"\xff", None), (b"\xff", b"null"), (b"a", None), (b"b", b"null")], "text")
    assert len(decoded.rejects) == 2
    assert decoded.skipped == {PARTITION: {"tombstone": 1, "null": 1}}
