"""A position is a join-semilattice."""

from hypothesis import given
from hypothesis import strategies as st

from checkpoints import OffsetRange, Partition, Position

OFFSETS = st.integers(0, 2**63 - 1)
FEW_PARTITIONS = st.builds(Partition, st.sampled_from(["a", "b"]), st.integers(0, 2))
POSITIONS = st.builds(Position, st.dictionaries(FEW_PARTITIONS, OFFSETS))
RANGES = st.builds(lambda p, a, b: OffsetRange(p, min(a, b), max(a, b)), FEW_PARTITIONS, OFFSETS, OFFSETS)


@given(POSITIONS, POSITIONS)
def test_the_join_is_commutative(a, b):
    assert a | b == b | a


@given(POSITIONS, POSITIONS, POSITIONS)
def test_the_join_is_associative(a, b, c):
    assert (a | b) | c == a | (b | c)


@given(POSITIONS)
def test_the_join_is_idempotent_and_nothing_is_its_neutral_element(a):
    assert a | a == a == a | Position()


@given(POSITIONS, st.lists(RANGES))
def test_an_advance_never_falls_back_and_repeats_safely(here, ranges):
    there = here.advanced_by(ranges)
    assert there == here | there == there.advanced_by(ranges)


@given(POSITIONS, st.lists(RANGES), st.randoms())
def test_the_order_of_ranges_does_not_matter(here, ranges, random):
    shuffled = random.sample(ranges, len(ranges))
    assert here.advanced_by(shuffled) == here.advanced_by(ranges)
