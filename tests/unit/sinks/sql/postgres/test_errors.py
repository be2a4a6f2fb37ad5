"""What PostgreSQL's errors mean, told by the driver's own exceptions."""

import psycopg
import pytest
from psycopg.pq import DiagnosticField, TransactionStatus

from sinks import DataRefused, SinkError, Transient
from sinks.sql.postgres.errors import Server, while_copying, while_working

SERVER = Server("db", "5432", "shop", "me")
TOO_MANY = "sending query and params failed: number of parameters must be between 0 and 65535"


@pytest.mark.parametrize("state", [TransactionStatus.IDLE, TransactionStatus.INTRANS, TransactionStatus.INERROR])
def test_what_the_driver_refuses_to_send_stops(state: TransactionStatus) -> None:
    error = while_working(psycopg.OperationalError(TOO_MANY), SERVER, state)
    assert (type(error), TOO_MANY in str(error)) == (SinkError, True)


@pytest.mark.parametrize("state", [TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN])
def test_a_connection_that_broke_is_an_outage(state: TransactionStatus) -> None:
    error = psycopg.OperationalError("consuming input failed: Connection timed out")
    assert type(while_working(error, SERVER, state)) is Transient


def test_a_protocol_violation_outside_of_a_copy_is_an_outage() -> None:
    error = psycopg.errors.ProtocolViolation("server conn crashed?")
    assert type(while_working(error, SERVER, TransactionStatus.IDLE)) is Transient


@pytest.mark.parametrize(("severity", "meaning"), [(b"ERROR", DataRefused), (b"FATAL", Transient)])
def test_a_protocol_violation_in_a_copy_is_a_refusal_unless_it_ends_the_session(
    severity: bytes, meaning: type[SinkError]
) -> None:
    told = {DiagnosticField.SEVERITY_NONLOCALIZED: severity, DiagnosticField.SQLSTATE: b"08P01"}
    error = psycopg.errors.ProtocolViolation("insufficient data left in message", info=told)
    assert type(while_copying(error, SERVER)) is meaning
