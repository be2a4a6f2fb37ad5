"""Load ids sort by time and never repeat."""

import random

from stream.runtime.ids import load_ids


def test_load_ids_sort_by_time():
    now = iter([1.0, 1.001, 2.0, 1_800_000_000.0])
    made = [make() for make in [load_ids(lambda: next(now), random.Random(1))] for _ in range(4)]
    assert made == sorted(made)


def test_two_processes_in_the_same_millisecond_get_different_ids():
    assert load_ids(lambda: 1.0, random.Random(1))() != load_ids(lambda: 1.0, random.Random(2))()


def test_a_load_id_is_fifteen_letters_that_any_table_can_hold():
    made = load_ids()()
    assert len(made) == 15
    assert made.isalnum()
