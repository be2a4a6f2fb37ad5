"""The join of two shapes is a join: it depends on neither order nor grouping, and holds what it was made of."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from stream.decode.shapes import Fields, ListOf, NoShape, Scalar, Shape, unify

SHAPES = st.recursive(
    st.sampled_from(Scalar),
    lambda inner: st.builds(ListOf, inner) | st.builds(Fields, st.dictionaries(st.sampled_from("ab"), inner)),
    max_leaves=4,
)


def _join(*shapes: Shape) -> Shape | None:
    try:
        return reduce(unify, shapes)
    except NoShape:
        return None


@given(SHAPES, SHAPES)
def test_the_join_of_two_does_not_depend_on_their_order(one, other):
    assert _join(one, other) == _join(other, one)


@given(SHAPES, SHAPES, SHAPES)
def test_the_join_of_three_does_not_depend_on_their_grouping(one, two, three):
    left, right = _join(one, two), _join(two, three)
    assert (left and _join(left, three)) == (right and _join(one, right))


@given(SHAPES, SHAPES)
def test_a_join_already_holds_what_it_was_made_of(one, other):
    both = _join(one, other)
    assert both is None or _join(both, one) == both == _join(both, other)
