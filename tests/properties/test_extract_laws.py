"""Laws of extraction: what becomes columns says exactly what the rows said; what goes to disk comes back; state too."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.extract.plain_values import plain_row
from stream.extract.row_columns import as_columns
from stream.extract.state import dump_state, load_state
from stream.packages.row_codec import decode_rows, encode_rows

FINITE = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
INSTANTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), FINITE, st.text(max_size=5), st.binary(max_size=5),
    DECIMALS, INSTANTS, st.dates(), st.times(), st.uuids(),
)  # fmt: skip
KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=3), min_size=1, max_size=6)
ALIKE = st.sampled_from([st.integers(-(2**62), 2**62), FINITE, st.text(max_size=5), DECIMALS, INSTANTS, st.dates()])
ALIKE_ROWS = ALIKE.flatmap(lambda kind: st.lists(st.dictionaries(KEYS, st.none() | kind), min_size=1, max_size=6))


def without_nulls(value: Any) -> Any:
    """Return a value as a table can say it: a member that is null is as good as absent, and so is an empty object."""
    if isinstance(value, dict):
        members = {key: without_nulls(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not None and member != {}}
    if isinstance(value, list):
        return [without_nulls(element) for element in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of kinds that are equal in a table: 1 and 1.0 are, 1 and True are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    kinds = [
        bool if isinstance(v, bool) else float if isinstance(v, int | float | Decimal) else type(v)
        for v in (one, other)
    ]
    return kinds[0] is kinds[1] and (one == other or (kinds[0] is float and math.isclose(one, other, rel_tol=0)))


@settings(deadline=None)
@given(ROWS | ALIKE_ROWS)
def test_rows_that_become_columns_say_the_same(rows: list[dict[str, Any]]) -> None:
    table = as_columns(rows)
    if table is not None:
        found, given_rows = without_nulls(table.to_pylist()), without_nulls(rows)
        assert all(map(same, found, given_rows)), (found, given_rows)


@settings(deadline=None)
@given(ALIKE_ROWS)
def test_rows_of_one_kind_become_columns(rows: list[dict[str, Any]]) -> None:
    assert as_columns(rows) is not None or not any(rows)


@settings(deadline=None)
@given(ROWS)
def test_rows_come_back_from_the_disk_as_they_were(rows: list[dict[str, Any]]) -> None:
    plain = [plain_row(row) for row in rows]
    assert decode_rows(encode_rows(plain)) == plain == rows


STATES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | FINITE
    | st.text(max_size=5)
    | DECIMALS
    | INSTANTS
    | st.dates()
    | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), STATES, max_size=3))
def test_a_state_comes_back_as_it_was(state: dict[str, Any]) -> None:
    assert load_state(dump_state(state)) == state


def test_the_kinds_of_a_state() -> None:
    state = {"at": datetime(2026, 1, 2, tzinfo=UTC), "day": date(2026, 1, 2), "clock": time(1), "d": Decimal("1.50")}
    assert load_state(dump_state(state)) == state
