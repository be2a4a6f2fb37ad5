"""What holds in each of our transactions, whoever else has the server's session before and after.

Not startup options and not `SET`: a pooler such as PgBouncer refuses the first, and in transaction mode hands
the session of the second to somebody else.
"""

from __future__ import annotations

import math
from typing import Final

from sinks.contract import SinkOptions

# A COPY that waits for a machine that is gone would hold its locks for hours: after about 30 seconds it is given up.
_ALWAYS: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
    "TimeZone": "'UTC'",
    "client_min_messages": "warning",
}


def local_settings(options: SinkOptions) -> str:
    """Return the statements that set them until the transaction ends. They take no snapshot."""
    seconds = {
        "statement_timeout": options.statement_timeout_seconds,
        "lock_timeout": options.lock_timeout_seconds,
        "idle_in_transaction_session_timeout": options.idle_in_transaction_seconds,
    }
    settings = {name: str(math.ceil(value * 1000)) for name, value in seconds.items()} | _ALWAYS
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())
