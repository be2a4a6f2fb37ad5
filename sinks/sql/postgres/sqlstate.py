"""What a SQLSTATE means to a sink. The code decides, never the driver's exception class (25P03 is an InternalError).

Codes: PostgreSQL documentation, appendix A.
"""

from __future__ import annotations

from typing import Final

from sinks.errors import DataRefused, SinkError, TimedOut, Transient

_TRANSIENT_CLASSES: Final = frozenset({
    "08",  # connection exception
    "40",  # transaction rollback: deadlock, serialization failure
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "57",  # operator intervention: shutdown, starting up, statement timeout
    "58",  # system error outside the database: input/output
})  # fmt: skip
_TRANSIENT: Final = frozenset({
    "55P03",  # lock timeout
    "55006",  # object in use
    "25P02",  # transaction is aborted: what aborted it came before
    "25P03",  # idle in transaction too long: we were frozen
    "25P04",  # transaction too long
    "XX000",  # internal error
})  # fmt: skip
_QUERY_CANCELED: Final = "57014"  # by the statement timeout, or by our own `interrupt`
_PROTOCOL_VIOLATION: Final = "08P01"
_REFUSED_CLASSES: Final = frozenset({
    "22",  # the value does not fit: NUL in text, out of range, not JSON
    "23",  # a constraint
    "54",  # row too large, too many columns
})  # fmt: skip

_ADVICE: Final = {
    "25006": "the server takes no writes: connect to the primary, or lift default_transaction_read_only",
    "28000": "the user may not log in: check user and pg_hba.conf",
    "28P01": "wrong user or password: correct the URL or the secret",
    "3D000": "the database does not exist: create it, or correct its name in the URL",
    "3F000": "the schema of the dataset is gone: somebody dropped it",
    "42501": "the user lacks a right: grant CREATE on the database or, for an existing schema, ALL on that schema",
    "42P01": "somebody dropped or renamed a table that headrace made: put it back, or load into a new dataset",
    "42703": "somebody changed a table that headrace made: put the column back, or load into a new dataset",
    "42P07": "a table of that name exists that headrace did not make: rename it, or load into another dataset",
    "42701": "a column of that name exists that headrace did not make: rename it, or load into another dataset",
}


def classify(code: str | None, text: str) -> SinkError:
    """Return the error for a SQLSTATE and the server's text. No code: the connection broke before one came."""
    if code is None:
        return Transient(text)
    if code[:2] in _REFUSED_CLASSES:
        return DataRefused(f"{text} (SQLSTATE {code})")
    if code == _QUERY_CANCELED:
        return TimedOut(f"{text} (SQLSTATE {code})")
    if code in _TRANSIENT or code[:2] in _TRANSIENT_CLASSES:
        return Transient(f"{text} (SQLSTATE {code})")
    advice = _ADVICE.get(code)
    return SinkError(f"{text} (SQLSTATE {code}){f': {advice}' if advice else ''}")


def classify_copied(code: str | None, text: str) -> SinkError:
    """Return the same for the answer to rows that a COPY sent.

    A protocol violation is then no outage, as poolers have it: what was copied is not what the column wants.
    """
    return DataRefused(f"{text} (SQLSTATE {code})") if code == _PROTOCOL_VIOLATION else classify(code, text)


def settles_commit(code: str | None) -> bool:
    """Return whether an error with this SQLSTATE proves that a commit did not happen."""
    return code is not None and code[:2] not in {"08", "57", "58", "XX"}
