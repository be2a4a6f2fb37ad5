"""Laws of the widening lattice."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, JSON, TEXT, TIME, TIMESTAMP, DataType, decimal
from stream.evolve.fit import fit
from stream.evolve.lattice import join

DECIMALS = st.integers(1, 38).flatmap(lambda digits: st.integers(0, digits).map(lambda scale: decimal(digits, scale)))
TYPES = st.sampled_from([TEXT, BIGINT, DOUBLE, BOOL, TIMESTAMP, DATE, TIME, BINARY, JSON]) | DECIMALS


@given(TYPES, TYPES)
def test_the_order_of_two_types_does_not_matter(one: DataType, other: DataType) -> None:
    assert join(one, other) == join(other, one)


@given(TYPES, TYPES, TYPES)
def test_the_grouping_of_three_types_does_not_matter(one: DataType, two: DataType, three: DataType) -> None:
    assert join(join(one, two), three) == join(one, join(two, three))


@given(TYPES)
def test_a_type_joined_with_itself_is_itself(one: DataType) -> None:
    assert join(one, one) == one


@given(TYPES, TYPES)
def test_a_join_is_above_both(one: DataType, other: DataType) -> None:
    least = join(one, other)
    assert least is None or join(one, least) == join(other, least) == least


@given(st.integers(-(2**63), 2**63 - 1), DECIMALS)
def test_widening_changes_no_integer(number: int, other: DataType) -> None:
    wider = join(BIGINT, other)
    if wider is not None:
        values, rest = fit(pa.array([number]), BIGINT, wider)
        assert rest is None
        assert values is not None
        assert values.to_pylist() == [Decimal(number)]
