"""A connection that is ended from another thread."""

import os
import socket

import pytest

from sinks.sql.postgres.connection import shut_down


def test_a_connection_that_is_shut_down_ends_for_both_sides_and_keeps_its_descriptor() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shut_down(ours.fileno())
        assert (theirs.recv(1), ours.recv(1)) == (b"", b"")


def test_a_descriptor_stays_with_its_owner_when_the_connection_had_ended_before() -> None:
    with socket.socket() as never_connected:
        with pytest.raises(OSError):
            shut_down(never_connected.fileno())
        os.fstat(never_connected.fileno())
