"""A position is a join-semilattice that survives being written down."""

from hypothesis import given
from hypothesis import strategies as st

from checkpoints import Checkpoint, OffsetRange, Partition, Position, Span
from checkpoints.codec import decode_checkpoint, decode_position, encode_checkpoint, encode_position

OFFSETS = st.integers(0, 2**63 - 1)
PARTITIONS = st.builds(Partition, st.text(max_size=5), st.integers(0, 10_000))
FEW_PARTITIONS = st.builds(Partition, st.sampled_from(["a", "b"]), st.integers(0, 2))
POSITIONS = st.builds(Position, st.dictionaries(FEW_PARTITIONS, OFFSETS))
RANGES = st.builds(lambda p, a, b: OffsetRange(p, min(a, b), max(a, b)), FEW_PARTITIONS, OFFSETS, OFFSETS)
SPANS = st.builds(Span, RANGES, st.integers(0), st.integers(0), st.integers(0), st.booleans())


@st.composite
def checkpoints(draw):
    since = draw(POSITIONS)
    upto = {partition: draw(st.integers(offset, 2**63 - 1)) for partition, offset in since.next.items()}
    spans = draw(st.lists(SPANS, max_size=3))
    return Checkpoint(
        draw(st.text()), draw(st.text()), since, Position(upto), draw(st.integers(0, 2**63 - 1)), tuple(spans)
    )


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


@given(st.builds(Position, st.dictionaries(PARTITIONS, OFFSETS)))
def test_a_position_survives_the_codec(position):
    assert decode_position(encode_position(position)) == position


@given(checkpoints())
def test_a_checkpoint_survives_the_codec(step):
    assert decode_checkpoint(encode_checkpoint(step)) == step
