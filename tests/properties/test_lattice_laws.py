"""Laws of the widening lattice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, JSON, TEXT, TIME, TIMESTAMP, DataType, decimal
from stream.evolve.casts import cast_each, halved
from stream.evolve.conversions import fit
from stream.evolve.kernels import between, call, keep, matching, merged
from stream.evolve.lattice import join
from stream.evolve.texts import dates_in, numbers_in, text_of, timestamps_in
from stream.model.tables import Array

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


def number_of(kind: DataType) -> st.SearchStrategy[Decimal]:
    """Any number that a decimal type holds."""
    limit = 10 ** (kind.precision or 0) - 1
    edges = st.sampled_from([0, 1, -1, limit, -limit])
    return (edges | st.integers(-limit, limit)).map(lambda digits: Decimal(f"{digits}e-{kind.scale}"))


NUMBERS = DECIMALS.flatmap(lambda kind: st.tuples(st.just(kind), st.lists(number_of(kind), min_size=1, max_size=6)))


@given(NUMBERS, DECIMALS)
def test_widening_changes_no_decimal(numbers: tuple[DataType, list[Decimal]], other: DataType) -> None:
    kind, values = numbers
    wider = join(kind, other)
    if wider is not None:
        fitting, rest = fit(pa.array(values, kind.arrow), kind, wider)
        assert rest is None
        assert fitting is not None
        assert fitting.to_pylist() == values


@given(NUMBERS, DECIMALS | st.just(BIGINT))
def test_a_decimal_fits_another_type_exactly_or_not_at_all(
    numbers: tuple[DataType, list[Decimal]], other: DataType
) -> None:
    kind, values = numbers
    fitting, rest = fit(pa.array(values, kind.arrow), kind, other)
    held = [None] * len(values) if fitting is None else fitting.to_pylist()
    kept = [None] * len(values) if rest is None else rest.to_pylist()
    assert [one if one is not None else two for one, two in zip(held, kept, strict=True)] == values
    assert [value is not None for value in held] == [holds(other, value) for value in values]


def holds(kind: DataType, value: Decimal) -> bool:
    if kind == BIGINT:
        return value == int(value) and -(2**63) <= value < 2**63
    scaled = Fraction(value) * 10 ** (kind.scale or 0)
    return scaled.denominator == 1 and abs(scaled) < 10 ** (kind.precision or 0)


@given(st.lists(st.dates(), min_size=1))
def test_widening_changes_no_date(dates: list[date]) -> None:
    stamps, rest = fit(pa.array(dates, DATE.arrow), DATE, TIMESTAMP)
    assert rest is None
    assert stamps is not None
    assert stamps.to_pylist() == [datetime.combine(each, time(), UTC) for each in dates]


TWO_DIGITS = st.integers(0, 62).map("{:02}".format)
DAYS = st.builds(
    "{}-{}-{}".format,
    st.sampled_from(["0000", "0001", "1900", "2000", "2023", "2024", "9999"]),
    st.integers(0, 13).map("{:02}".format),
    st.integers(0, 32).map("{:02}".format),
)
CLOCKS = st.builds("{}:{}:{}{}".format, TWO_DIGITS, TWO_DIGITS, TWO_DIGITS, st.sampled_from(["", ".5", ".1234567"]))
ZONES = st.sampled_from(["", "Z", "+00:00", "-23:59", "+24:00", "+0960", "+14", "-99"])
STAMPS = st.builds("{}{}{}{}".format, DAYS, st.sampled_from(["T", " "]), CLOCKS | TWO_DIGITS, ZONES)
ODD_NUMBERS = st.from_regex(r"\A[+-]?[0-9]{0,3}[1-9]?0{0,20}(\.[0-9]{1,3})?(e[+-]?[0-9]{1,3})?\Z") | st.sampled_from(
    [
        str(2**63 - 1),
        str(2**63),
        str(-(2**63)),
        str(-(2**63) - 1),
        "1" * 38,
        "9" * 38,
        "1" * 39,
        "0." + "1" * 38,
        "0x1F",
    ]
)


TEXT_NUMBERS = DECIMALS.flatmap(number_of).map(lambda number: format(number, "f"))


def by_halves(texts: Array, pattern: str, to: pa.DataType) -> Array:
    """What `texts` were read as before there were masks: whatever has the form is tried, each odd one alone."""
    return halved(matching(texts, pattern), to)


@given(st.lists(st.none() | ODD_NUMBERS | TEXT_NUMBERS, min_size=1, max_size=8), DECIMALS | st.just(BIGINT))
def test_a_mask_finds_the_numbers_that_halving_finds(values: list[str | None], kind: DataType) -> None:
    texts = pa.array(values, pa.string())
    tried = by_halves(texts, r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?$", kind.arrow)
    assert numbers_in(texts, kind).to_pylist() == keep(tried, call("equal", text_of(tried, kind), texts)).to_pylist()


@given(st.lists(st.none() | DAYS, min_size=1, max_size=8))
def test_a_mask_finds_the_dates_that_halving_finds(values: list[str | None]) -> None:
    texts = pa.array(values, pa.string())
    assert dates_in(texts).equals(by_halves(texts, r"^\d{4}-\d\d-\d\d$", DATE.arrow))


@given(st.lists(st.none() | STAMPS, min_size=1, max_size=8))
def test_a_mask_finds_the_timestamps_that_halving_finds(values: list[str | None]) -> None:
    texts = pa.array(values, pa.string())
    local = r"^\d{4}-\d\d-\d\d[T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?"
    zoned = by_halves(texts, local + r"(Z|[+-]\d\d(:?\d\d)?)$", TIMESTAMP.arrow)
    tried = merged(zoned, by_halves(texts, local + "$", pa.timestamp("us")).cast(TIMESTAMP.arrow))
    least, most = (pa.scalar(each.replace(tzinfo=UTC), TIMESTAMP.arrow) for each in (datetime.min, datetime.max))
    assert timestamps_in(texts).equals(keep(tried, between(tried, least, most)))


COARSER = [
    (pa.uint64(), pa.int64()),
    (pa.timestamp("ns"), TIMESTAMP.arrow),
    (pa.timestamp("s"), TIMESTAMP.arrow),
    (pa.date32(), TIMESTAMP.arrow),
    (pa.time64("ns"), TIME.arrow),
]


@given(st.sampled_from(COARSER), st.lists(st.none() | st.integers(0, 2**31 - 1), min_size=1, max_size=8), st.data())
def test_a_mask_casts_what_halving_casts(kinds: tuple[Any, Any], values: list[int | None], data: st.DataObject) -> None:
    kind, to = kinds
    most = {8: 2**63 - 1, 4: 2**31 - 1}[kind.bit_width // 8]
    stored = pa.uint64() if pa.types.is_uint64(kind) else pa.int64() if most == 2**63 - 1 else pa.int32()
    if not pa.types.is_time(kind):
        values = [*values, data.draw(st.integers(0, 2**64 - 1 if stored == pa.uint64() else most))]
    array = pa.array(values, stored).cast(kind)
    assert cast_each(array, to).equals(halved(array, to))
