"""Whatever JSON comes in comes out: each record by itself and to the last digit, or refused for a reason."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.decoding import batch, decoder, documents, faults, reference, refused, same

KEYS = st.sampled_from(["a", "b", "c", "d", "value", "", 'q"', "\x00", "ü", "a.b", "a\\b"]) | st.text(max_size=3)
NUMBERS = st.one_of(
    st.integers(-5, 5).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**60]).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["-0", "-0.0", "0.0", "1.0", "1e400", "1e-400", "0e-400", "5e-324", "1.2345678e-320", "1E5"]),
    st.sampled_from(["9007199254740993.0", "0.1000000000000000055", "12345678901234.567", "1e22", "1e23"]),
    st.sampled_from(
        [
            "1e5000",
            "1e-5000",
            "0.5e-99999999999999999999",
            "0e99999",
            "1" * 5000,
            "0." + "1" * 5000,
            "0." + "0" * 500 + "1",
        ]
    ),
)
TEXTS = st.one_of(
    st.text(max_size=5).map(json.dumps),
    st.text(max_size=5).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from([
        '"2026-01-01"', '"2026-01-01T00:00:00Z"', '"12:00:00"', '"NaN"', '"1234567890123456789.5"', '"e-400"',
        '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud800"', '"a\\ud800b"', '"\\udc00"', '"\\ud800\\u0041"', '"[{]}"',
        '"\\/"', '"\x7f"',
    ]),
)  # fmt: skip
SCALARS = st.sampled_from(["null", "true", "false"]) | NUMBERS | TEXTS
SPACES = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t"])


def _listed(items: list[str], space: str) -> str:
    return f"[{space}{(',' + space).join(items)}{space}]"


def _object(fields: list[tuple[str, str]], space: str) -> str:
    return f"{{{space}{f',{space}'.join(f'{json.dumps(key)}{space}:{space}{value}' for key, value in fields)}{space}}}"


def _objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_object, st.lists(st.tuples(KEYS, values), max_size=4), SPACES)


VALUES = st.recursive(
    SCALARS, lambda inner: st.builds(_listed, st.lists(inner, max_size=3), SPACES) | _objects(inner), max_leaves=8
)
RECORDS = st.one_of(_objects(VALUES), VALUES).map(lambda text: text.encode("utf-8", "surrogatepass"))
MUTATIONS = st.tuples(st.integers(0, 60), st.integers(0, 3), st.binary(max_size=3) | st.sampled_from([b"null", b"{}"]))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(RECORDS, max_size=8), min_size=1, max_size=3))
@example([[b'{"a":1}', b'{"a":18446744073709551615}', b'{"a":9007199254740993}', b'{"a":0.5}']])
@example([[b'{"a":0.5}'], [b'{"a":9007199254740993}', b'{"a":1e-400}', b'{"a":1e16}']])
@example([[b"0.0"], [b"9007199254740993"]])
@example([[b'{"a":[{}]}', b'{"a":[{"b":[]}]}', b'{"a":[]}', b'{"a":{}}', b"{}"]])
@example([[b'{"a":[null]}', b'{"a":null}', b'{"a":[]}'], [b'{"a":[{"b":null}]}', b'{"a":[null,{"b":{}}]}']])
def test_every_record_comes_out_as_it_is_or_with_a_reason_whatever_came_before(batches):
    decode = decoder().decode
    for records in batches:
        decoded = decode(batch(records))
        _assert_exact(records, documents(decoded), refused(decoded), decoded.skipped)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(RECORDS, st.none() | MUTATIONS), max_size=8))
def test_a_broken_record_harms_no_neighbour(pairs):
    records = [record if mutation is None else _mutated(record, *mutation) for record, mutation in pairs]
    decoded = decoder().decode(batch(records))
    _assert_exact(records, documents(decoded), refused(decoded), decoded.skipped)


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=8), st.lists(RECORDS, min_size=1, max_size=8))
def test_what_a_decoder_has_seen_changes_nothing(earlier, records):
    experienced = decoder()
    experienced.decode(batch(earlier))
    one, other = experienced.decode(batch(records)), decoder().decode(batch(records))
    assert refused(one) == refused(other)
    assert one.skipped == other.skipped
    assert same(documents(one), documents(other))


def _assert_exact(records: list[bytes], values: dict[int, Any], rejects: dict[int, str], skipped: Any) -> None:
    nulls = sum(sum(counts.values()) for counts in skipped.values())
    assert len(values) + len(rejects) + nulls == len(records)
    for offset, record in enumerate(records):
        wrong = faults(record)
        if offset in rejects:
            assert rejects[offset] in wrong, (record, rejects[offset])
        else:
            assert not wrong, record
            assert same(values.get(offset), reference(record)), (record, values.get(offset))


def _mutated(record: bytes, at: int, gone: int, new: bytes) -> bytes:
    return record[:at] + new + record[at + gone :]
