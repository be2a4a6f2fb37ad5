"""Laws of reading Avro: what fastavro wrote comes out, whichever way it is read, and bad bytes harm only themselves."""

from __future__ import annotations

from random import Random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.decode.avro.arrow_types import arrow_type
from stream.decode.avro.exact import exact_reader
from stream.decode.avro.native import native_reader
from stream.decode.avro.nodes import Node
from stream.decode.avro.schema import parse_schema
from stream.decode.avro.sealed import sealed_reader
from stream.decode.halving import ReadRecords, read_records
from support.avro import Records, records

randoms = st.integers(0, 2**64).map(Random)


def test_the_native_reader_is_here() -> None:
    assert native_reader() is not None


@given(random=randoms)
@settings(deadline=None)
def test_both_ways_give_what_was_written(random: Random) -> None:
    made = records(random, random.randint(1, 40))
    node = parse_schema(made.schema, max_depth=64)
    expected = pa.array(made.expected, arrow_type(node))
    exact = pa.array([exact_reader(node)(value) for value in made.values], arrow_type(node))
    assert exact.equals(expected)
    assert natively(node)(made.values).equals(expected)


@given(random=randoms)
@settings(deadline=None)
def test_a_mutated_record_is_read_the_same_way_both_ways_and_harms_no_other(random: Random) -> None:
    made = records(random, 12, doubles=False)  # one NaN does not equal another
    node = parse_schema(made.schema, max_depth=64)
    at = random.randrange(12)
    made.values[at] = mutated(random, made.values[at])
    slow = read_records(made.values, arrow_type(node), exact_reader(node))
    fast = read_records(made.values, arrow_type(node), exact_reader(node), natively(node))
    assert fast.errors.keys() == slow.errors.keys() <= {at}
    assert same(fast, slow, made)


def natively(node: Node):
    read_file = native_reader()
    assert read_file is not None
    return sealed_reader(node, read_file)


def same(one: ReadRecords, other: ReadRecords, made: Records) -> bool:
    return whole(one, made).equals(whole(other, made))


def whole(result: ReadRecords, made: Records) -> pa.Array:
    positions = [position for rows, _ in result.arrays for position in rows]
    assert sorted(positions) == positions
    assert len(positions) == len(made.values) - len(result.errors)
    arrays = [array for _, array in result.arrays]
    return pa.concat_arrays(arrays) if arrays else pa.nulls(0)


def mutated(random: Random, value: bytes) -> bytes:
    data = bytearray(value)
    match random.choice(["cut", "more", "byte", "byte", "empty", "long"]):
        case "cut":
            return bytes(data[: random.randrange(len(data) + 1)])
        case "more":
            return bytes(data) + random.randbytes(random.randint(1, 30))
        case "byte" if data:
            data[random.randrange(len(data))] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)])
        case "long":
            at = random.randrange(len(data) + 1)
            data[at:at] = random.choice([b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\x02", b"\xff" * 12, b"\x80\x00"])
        case "empty":
            return b""
    return bytes(data)
