"""Membership as a state machine."""

from __future__ import annotations

from checkpoints import Partition
from stream.source.rebalance import Membership, Phase, fenced

OURS = frozenset({Partition("orders", 0)})


def held(before: Membership = Membership()) -> Membership:  # noqa: B008  # never changed
    return before.assigned(OURS).taken()


def test_an_assignment_may_be_read_until_the_group_wants_it_back() -> None:
    holding = held()
    assert holding.holds(1)
    assert not holding.revoked(lost=False).holds(1)


def test_a_revocation_waits_for_the_release() -> None:
    leaving = held().revoked(lost=False)
    assert leaving.phase is Phase.LEAVING
    assert leaving.release(1).phase is Phase.OUTSIDE


def test_a_revocation_waits_for_nobody_when_the_work_is_released_already() -> None:
    assert held().release(1).revoked(lost=False).phase is Phase.OUTSIDE


def test_a_revocation_waits_for_nobody_when_no_work_has_begun() -> None:
    assert Membership().assigned(OURS).revoked(lost=False).phase is Phase.OUTSIDE


def test_what_is_given_back_in_time_is_not_lost() -> None:
    given_back = held().revoked(lost=False).release(1).overdue()
    assert not given_back.has_lost(1)


def test_work_that_outlives_the_groups_patience_is_lost() -> None:
    assert held().revoked(lost=False).overdue().has_lost(1)


def test_partitions_taken_without_asking_are_lost_at_once() -> None:
    taken = held().revoked(lost=True)
    assert (taken.phase, taken.has_lost(1)) == (Phase.OUTSIDE, True)


def test_a_loss_is_remembered_when_the_next_assignment_comes() -> None:
    again = held().revoked(lost=True).assigned(OURS)
    assert (again.has_lost(1), again.has_lost(2)) == (True, False)


def test_a_late_release_of_an_old_assignment_changes_nothing() -> None:
    leaving = held().revoked(lost=True).assigned(OURS).taken().revoked(lost=False)
    assert leaving.release(1) == leaving


def test_a_revocation_of_nothing_changes_nothing() -> None:
    assert Membership().revoked(lost=True) == Membership()


def test_an_assignment_begun_anew_ends_the_old_one_and_loses_nothing() -> None:
    renewed = held().renewed()
    assert (renewed.holds(1), renewed.holds(2), renewed.has_lost(1)) == (False, True, False)


def test_nothing_begins_anew_while_it_is_given_back() -> None:
    leaving = held().revoked(lost=False)
    assert leaving.renewed() == leaving


def test_a_member_forgotten_once_may_only_have_slept() -> None:
    assert not fenced(100.0, None, 30.0)


def test_a_member_forgotten_twice_within_one_session_has_a_double() -> None:
    assert fenced(100.0, 90.0, 30.0)
    assert not fenced(100.0, 60.0, 30.0)
