"""What becomes of JSON records: columns where that is exact, Python values where not, rejects with a reason."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal

import pyarrow as pa
import pytest

from checkpoints import OffsetRange, Partition
from stream.config.models import Limits
from stream.decode import JsonDecoder, Reason
from stream.decode.exact import is_deeper
from stream.model import PartitionRecords, RawBatch
from support.decoding import batch, columnar_rows, decoder, documents, refused

GOOD = b'{"id":1,"name":"a"}'


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \n", Reason.EMPTY),
        (b"{", Reason.INVALID_JSON),
        (b'{"id":1}{"id":2}', Reason.INVALID_JSON),
        (b'{"id":1}null{"id":2}', Reason.INVALID_JSON),
        (b'{"id":1,}', Reason.INVALID_JSON),
        (b"\xef\xbb\xbf{}", Reason.INVALID_JSON),
        ('{"id":1}'.encode("utf-16"), Reason.INVALID_UTF8),
        (b'{"name":"\xff"}', Reason.INVALID_UTF8),
        (b'{"\xc3":1}', Reason.INVALID_UTF8),
        (b'{"name":"\xed\xa0\x80"}', Reason.INVALID_UTF8),
        (b'{"id":NaN}', Reason.NOT_FINITE),
        (b'{"id":-Infinity}', Reason.NOT_FINITE),
        (b'{"id":1,"id":2}', Reason.DUPLICATE_KEY),
        (b'{"id":1,"\\u0069d":null}', Reason.DUPLICATE_KEY),
        (b'{"name":"\\ud800"}', Reason.LONE_SURROGATE),
        (b'{"\\udc00":1}', Reason.LONE_SURROGATE),
        (b'{"id":' + b"1" * 200_000 + b"}", Reason.NUMBER_TOO_LONG),
        (b'{"id":1e5000}', Reason.NUMBER_TOO_LONG),
        (b'{"id":1e-5000}', Reason.NUMBER_TOO_LONG),
        (b"[" * 100_000 + b"]" * 100_000, Reason.TOO_DEEP),
        (b'{"id":' * 100_000 + b"1" + b"}" * 100_000, Reason.TOO_DEEP),
        (b'{"id":' + b"[" * 64 + b"]" * 64 + b"}", Reason.TOO_DEEP),
        (json.dumps({f"k{n}": n for n in range(2_001)}).encode(), Reason.TOO_MANY_KEYS),
        (json.dumps({"k" * 100_000: "v" * 17_000_000}).encode(), Reason.TOO_LARGE),
    ],
)
def test_a_poisoned_record_is_refused_with_its_reason_and_its_neighbours_stay_columns(value, reason):
    decoded = decoder().decode(batch([GOOD, value, GOOD]))
    assert refused(decoded) == {1: reason}
    assert decoded.rejects[0].value == value
    assert documents(decoded) == {0: {"id": 1, "name": "a"}, 2: {"id": 1, "name": "a"}}
    assert columnar_rows(decoded) == 2


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (b"{}", {}),
        (b"5", {"value": 5}),
        (b'"x"', {"value": "x"}),
        (b"[1,2]", {"value": [1, 2]}),
        (b" [] ", {"value": []}),
        (b'{\r\n "id" : 2\n}', {"id": 2}),
        (b'{"at":"2026-01-01T00:00:00Z","on":"2026-01-01"}', {"at": "2026-01-01T00:00:00Z", "on": "2026-01-01"}),
        (b'{"":1,"\\u0000":"\\u0000","a\\"b":2}', {"": 1, "\x00": "\x00", 'a"b': 2}),
        (b'{"id":"text"}', {"id": "text"}),
        (b'{"id":[1,"a",{}]}', {"id": [1, "a", {}]}),
        (b'{"id":18446744073709551616}', {"id": 2**64}),
        (b'{"price":0.1000000000000000055}', {"price": Decimal("0.1000000000000000055")}),
        (b'{"price":12345678901234.567}', {"price": Decimal("12345678901234.567")}),
        (b'{"price":1e-400}', {"price": Decimal("1e-400")}),
        (b'{"list":[null,null],"more":[[null],[]]}', {"list": [None, None], "more": [[None], []]}),
        (b'{"id":' + b"[" * 63 + b"]" * 63 + b"}", json.loads('{"id":' + "[" * 63 + "]" * 63 + "}")),
    ],
)
def test_a_record_comes_out_as_it_was_written(value, document):
    decoded = decoder().decode(batch([value]))
    assert {key: cell for key, cell in documents(decoded)[0].items() if cell is not None} == document


def test_tombstones_and_nulls_are_counted_and_are_neither_rows_nor_rejects():
    decoded = decoder().decode(batch([None, GOOD, b"null", None]))
    assert decoded.skipped == {Partition("orders", 0): {"tombstone": 2, "null": 1}}
    assert list(documents(decoded)) == [1]
    assert not decoded.rejects


def test_an_integer_that_a_double_would_change_keeps_its_value_and_its_neighbours_stay_integers():
    decoded = decoder().decode(batch([b'{"id":9007199254740993}', b'{"id":1.5}', b'{"id":7}', b'{"id":1e300}']))
    assert [documents(decoded)[offset]["id"] for offset in range(4)] == [9007199254740993, 1.5, 7, 1e300]


def test_one_oversized_integer_leaves_the_others_in_a_column_of_integers():
    decoded = decoder().decode(batch([GOOD, b'{"id":18446744073709551615}', GOOD]))
    assert decoded.documents[0].columnar[0].data.schema.field("id").type == pa.int64()
    assert documents(decoded)[1] == {"id": 18446744073709551615}


@pytest.mark.parametrize("every", [100, 2])
def test_records_of_two_types_are_all_columns(every):
    values = [b'{"id":"x","tags":{}}' if n % every == 0 else b'{"id":1,"tags":["a"]}' for n in range(1_000)]
    decode = decoder().decode
    assert columnar_rows(decode(batch(values))) == 1_000
    assert columnar_rows(decode(batch(values))) == 1_000


def test_a_key_seen_for_the_first_time_late_in_a_batch_is_still_a_column():
    decoded = decoder().decode(batch([GOOD] * 5_000 + [b'{"id":2,"late":true}']))
    assert columnar_rows(decoded) == 5_001
    assert documents(decoded)[5_000]["late"] is True


def test_a_key_known_from_an_earlier_batch_makes_no_column_without_a_value():
    experienced = decoder()
    experienced.decode(batch([b'{"id":1,"gone":{"deep":[{"x":1}]},"list":[1]}']))
    data = experienced.decode(batch([b'{"id":1,"gone":{"deep":[]},"list":[null]}'])).documents[0].columnar[0].data
    gone = pa.struct([("deep", pa.list_(pa.null()))])
    assert data.schema == pa.schema([("id", pa.int64()), ("gone", gone), ("list", pa.list_(pa.null()))])
    data.validate(full=True)


def test_columns_come_in_the_order_in_which_keys_first_appear():
    decoded = decoder().decode(batch([b'{"z":1}', b'{"b":1,"z":2}', b'{"a":1,"b":1}']))
    assert decoded.documents[0].columnar[0].data.column_names == ["z", "b", "a"]


def test_keys_that_are_ids_do_not_become_columns_without_bound():
    values = [b'{"key-%d":1,"id":%d}' % (n, n) for n in range(20_000)]
    decoded = decoder().decode(batch(values))
    cells = [piece.data.num_rows * piece.data.num_columns for piece in decoded.documents[0].columnar]
    assert sum(cells) < 16_000_000
    assert documents(decoded)[19_999] == {"key-19999": 1, "id": 19_999}


@pytest.mark.parametrize("pieces", [1, 2])
def test_elements_of_a_list_share_their_keys(pieces):
    order = {"items": [{"sku": "a", "price": 1.5, "size": n, "tags": ["x"]} for n in range(2_001)]}
    assert documents(decoder().decode(batch([json.dumps(order).encode()] * pieces)))[0] == order


@pytest.mark.parametrize("number", [52_011_965_437_747_856, 9_223_372_036_854_775_808])
def test_an_integer_beside_fractions_prints_back_as_it_was_written(number):
    decoded = decoder().decode(batch([b'{"id":0.5}'] * 9 + [b'{"id":%d}' % number]))
    assert repr(documents(decoded)[9]) == repr({"id": number})


def test_text_full_of_brackets_is_looked_through_in_little_memory():
    value = b'{"a":"' + b"[" * 4_000_000 + b'"}'
    tracemalloc.start()
    deep = is_deeper(value, 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not deep
    assert peak < 5 * len(value)


def test_limits_are_those_of_the_configuration():
    limits = Limits(max_record_bytes=30, max_depth=2, max_keys=2)
    values = [b'{"a":[1],"b":2}', b'{"a":"' + b"x" * 30 + b'"}', b'{"a":[[1]]}', b'{"a":1,"b":2,"c":3}']
    decoded = decoder(limits).decode(batch(values))
    assert refused(decoded) == {1: "too_large", 2: "too_deep", 3: "too_many_keys"}


def test_each_row_is_identified_by_where_it_came_from():
    parts = tuple(
        PartitionRecords(
            OffsetRange(Partition("orders", number), 5, 9), [5, 7], [1_700_000_000_123, time], [b"k", None], [GOOD] * 2
        )
        for number, time in [(0, -1), (3, 2**62)]
    )
    keys = decoder().decode(RawBatch(parts)).documents[0].columnar[0].keys
    assert keys.column_names == ["_kafka_partition", "_kafka_offset", "_kafka_timestamp"]
    assert keys["_kafka_partition"].to_pylist() == [0, 0, 3, 3]
    assert keys["_kafka_offset"].to_pylist() == [5, 7, 5, 7]
    assert keys["_kafka_timestamp"].cast(pa.int64()).to_pylist() == [1_700_000_000_123_000, None] * 2


def test_topic_key_and_headers_are_there_when_asked_for():
    headers = (("trace", b"1"), ("trace", None), ("raw", b"\xff"))
    part = PartitionRecords(OffsetRange(Partition("orders", 0), 0, 1), [0], [-1], [b"\x00k"], [GOOD], [headers])
    decode = JsonDecoder(Limits(), table_of=str, metadata_of=lambda topic: ("topic", "key", "headers")).decode
    keys = decode(RawBatch((part,))).documents[0].columnar[0].keys
    assert keys.select(["_kafka_topic", "_kafka_key", "_kafka_headers"]).to_pylist() == [{
        "_kafka_topic": "orders",
        "_kafka_key": b"\x00k",
        "_kafka_headers": '[["trace", "1"], ["trace", null], ["raw", {"base64": "/w=="}]]',
    }]  # fmt: skip


def test_a_reject_carries_what_it_takes_to_find_the_record_again():
    part = PartitionRecords(OffsetRange(Partition("orders", 2), 4, 9), [8], [1_700_000_000_123], [b"k"], [b"{"])
    reject = decoder().decode(RawBatch((part,))).rejects[0]
    assert (reject.partition, reject.offset, reject.key, reject.value) == (Partition("orders", 2), 8, b"k", b"{")
    assert str(reject.timestamp) == "2023-11-14 22:13:20.123000+00:00"


def test_each_topic_has_its_own_documents():
    parts = tuple(
        PartitionRecords(OffsetRange(Partition(topic, 0), 0, 1), [0], [-1], [None], [GOOD]) for topic in ("b", "a")
    )
    decoded = JsonDecoder(Limits(), table_of="t_{}".format).decode(RawBatch(parts))
    assert [(each.table, each.topic) for each in decoded.documents] == [("t_a", "a"), ("t_b", "b")]


def test_a_batch_without_records_gives_nothing():
    decoded = decoder().decode(batch([]))
    assert (decoded.documents, decoded.rejects, decoded.skipped) == ((), (), {})
