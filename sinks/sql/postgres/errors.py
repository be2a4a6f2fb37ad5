"""What PostgreSQL's errors mean to a sink, in texts that never hold a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.pq import TransactionStatus

from sinks.errors import SinkError, Transient
from sinks.sql.postgres.sqlstate import classify, classify_copied

# What libpq says, what a pooler says (its codes mean little), and more exact advice where a server speaks English.
_REFUSALS: Final = {
    "password authentication failed": "wrong user or password: correct the URL or the secret",
    "no password supplied": "a password is needed: put it into the URL or the secret",
    "no pg_hba.conf entry": "the server rejects connections from this host: check pg_hba.conf and sslmode",
    "authentication failed": "the server refuses this user: check user, method and pg_hba.conf",
    "does not exist": "create it, or correct its name in the URL",
    "not permitted to log in": "give the role LOGIN, or name another user",
    "permission denied for database": "grant CONNECT on the database to this user",
    "certificate": "check sslmode, sslrootcert and the server's certificate",
    "server does not support SSL": "the server speaks no TLS: set it up there, or choose another sslmode",
    "unsupported startup parameter": "a pooler stands in between: take this parameter out of the URL",
    "no such database": "the pooler does not know it: add it there, or correct its name in the URL",
    "no such user": "the pooler does not know the user: add it there, or correct the URL",
    "invalid connection option": "correct the parameters of the URL",
    "invalid sslmode value": "correct the parameters of the URL",
}


# libpq is not in the middle of anything: the connection lives, and the statement never left.
_NOTHING_SENT: Final = (TransactionStatus.IDLE, TransactionStatus.INTRANS, TransactionStatus.INERROR)

_ADDRESS: Final = re.compile(r"^(connection failed: )?connection to server (at|on) .*? failed: ")


@dataclass(frozen=True, slots=True)
class Server:
    """Where a database is, for messages: never the password."""

    host: str
    port: str
    database: str
    user: str

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> Server:
        """Return the server that libpq's connection parameters name."""
        host, port = str(parameters.get("host") or "localhost"), str(parameters.get("port") or "5432")
        return cls(host, port, str(parameters.get("dbname") or ""), str(parameters.get("user") or ""))

    def __str__(self) -> str:
        return f"PostgreSQL {self.host}:{self.port}/{self.database}"


def while_connecting(text: str, code: str | None, server: Server) -> SinkError:
    """Return what a failed connect means. A refusal, told by its SQLSTATE or words, stops; else it may pass."""
    told = _first_line(text)
    refused = f"{server} as {server.user or 'the default user'}: {told}"
    for refusal, advice in _REFUSALS.items():
        if refusal in text and "the database system is" not in text:
            return SinkError(f"{refused}: {advice}")
    if code is not None and not isinstance(found := classify(code, refused), Transient):
        return found
    return Transient(f"{server} cannot be reached: {told}. Is it up? Check host and port in the URL, and the network")


def while_working(error: psycopg.Error, server: Server, state: TransactionStatus) -> SinkError:
    """Return what a failed statement means, by its SQLSTATE; without one, by the `state` the connection is left in."""
    text = _message(error, server)
    if error.sqlstate is None and state in _NOTHING_SENT:
        return SinkError(f"{text}: the driver did not send the statement; please report this with the whole text")
    return classify(error.sqlstate, text)


def while_copying(error: psycopg.Error, server: Server) -> SinkError:
    """Return what the server's answer to copied rows means: here the values may be to blame."""
    ended = error.diag.severity_nonlocalized == "FATAL"
    return (classify if ended else classify_copied)(error.sqlstate, _message(error, server))


def _message(error: psycopg.Error, server: Server) -> str:
    told = error.diag.message_primary or _first_line(str(error))
    where = f" ({error.diag.context})" if error.diag.context else ""
    return f"{server}: {told}{where if len(where) < 300 else ''}"


def _first_line(text: str) -> str:
    """Return what the server or the network said, without what libpq adds: the address, and its guesses after a tab."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("\t")]
    said = lines[-1] if lines else "no answer"
    return _ADDRESS.sub("", said).removeprefix("FATAL:").strip()
