"""The controller of a batch's age, as the pure function that it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.source.pacing import Pace

LEAST, MOST = 0.02, 2.0
COSTS = st.lists(st.floats(min_value=0, max_value=1e6), max_size=30)


def settled(fixed: float, per_record: float, rate: float) -> float:
    """Return the age after many batches that cost `fixed` and so much per record, at `rate` records a second."""
    pace = Pace()
    for _ in range(300):
        pace = pace.after(fixed + per_record * rate * pace.age_seconds(LEAST, MOST))
    return pace.age_seconds(LEAST, MOST)


@pytest.mark.parametrize(
    ("fixed", "age"), [(0.001, LEAST), (0.01, 0.04), (0.1, 0.4), (0.4, 1.6), (1.0, MOST), (60.0, MOST)]
)
def test_a_dear_commit_makes_few_large_batches_and_a_cheap_one_small_ones(fixed, age):
    assert settled(fixed, per_record=0.0, rate=100) == pytest.approx(age)


def test_records_that_come_faster_than_small_batches_carry_them_make_batches_as_large_as_may_be():
    assert settled(0.01, per_record=1e-5, rate=50_000) == MOST


def test_before_anything_was_measured_a_batch_is_as_old_as_it_may_be():
    assert Pace().age_seconds(LEAST, MOST) == MOST


def test_a_commit_that_turns_dear_is_met_at_once_and_one_that_turns_cheap_slowly():
    dearer = Pace(0.01).after(1.0).age_seconds(LEAST, MOST)
    cheaper = Pace(0.25).after(0.0).age_seconds(LEAST, MOST)
    assert (dearer, cheaper) == (MOST, pytest.approx(0.9))


@given(COSTS, st.floats(0, 10), st.floats(0.001, 10))
def test_the_age_is_always_within_its_bounds(costs, least, most):
    pace = Pace()
    for cost in costs:
        pace = pace.after(cost)
    assert min(least, most) <= pace.age_seconds(least, most) <= most
