"""The status as JSON for machines and as a page for people. Everything is escaped; nothing runs in the browser."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from stream.observe.status import Status

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd}"
    "td+td{font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"

Rows = Iterable[Sequence[object]]


def as_json(status: Status, now: float) -> dict[str, Any]:
    """Return the status as plain values that JSON can hold."""
    return {
        "pipeline": status.pipeline,
        "state": status.state,
        "started_at": _instant(status.started_at),
        "destination": {"sink": status.sink, "dataset": status.dataset, "schema_version": status.schema_version},
        "epoch": status.epoch,
        "records_read": status.records,
        "batches_committed": status.batches,
        "rows_committed": dict(status.rows),
        "rows_per_second": round(status.rows_per_second(now), 1),
        "rejects": dict(status.rejects),
        "retries": status.retries,
        "lag_records": status.lag,
        "partitions": [
            {
                "topic": partition.topic,
                "partition": partition.number,
                "committed_offset": standing.committed,
                "log_start_offset": standing.bounds.start if standing.bounds else None,
                "log_end_offset": standing.bounds.end if standing.bounds else None,
                "lag_records": standing.lag,
                "lag_seconds": round(standing.lag_seconds(now), 3),
                "newest_event_at": _instant(standing.newest_event),
            }
            for partition, standing in sorted(status.partitions.items())
        ],
        "last_commits": [
            {"at": _instant(c.at), "load_id": c.load_id, "rows": c.rows, "rejects": c.rejects, "seconds": c.seconds}
            for c in reversed(status.commits)
        ],
        "schema_changes": [
            {"at": _instant(c.at), "version": c.version, "change": c.text} for c in reversed(status.changes)
        ],
    }


def as_page(status: Status, now: float) -> str:
    """Return the status as an HTML page that reloads itself every five seconds."""
    facts: Rows = [
        ("state", status.state),
        ("destination", f"{status.sink}, dataset {status.dataset}, schema version {status.schema_version}"),
        ("running since", _instant(status.started_at)),
        ("rows per second", f"{status.rows_per_second(now):,.0f}"),
        ("records read", f"{status.records:,}"),
        ("batches committed", f"{status.batches:,}"),
        ("lag", f"{status.lag:,} records"),
        ("retries", f"{status.retries:,}"),
    ]
    standings: Rows = (
        (partition, s.committed, s.bounds.end if s.bounds else None, s.lag, f"{s.lag_seconds(now):.1f} s")
        for partition, s in sorted(status.partitions.items())
    )
    commits: Rows = (
        (_instant(c.at), c.load_id, f"{c.rows:,}", c.rejects, f"{c.seconds:.3f} s") for c in reversed(status.commits)
    )
    changes: Rows = ((_instant(c.at), c.version, c.text) for c in reversed(status.changes))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        f"<title>{escape(status.pipeline)}: {escape(status.state)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(status.pipeline)}</h1>"
        + _table((), facts)
        + _section("Partitions", ("partition", "committed", "log end", "lag", "behind for"), standings)
        + _section("Tables", ("table", "rows since start"), ((t, f"{n:,}") for t, n in status.rows.items()))
        + _section("Set aside", ("reason", "records since start"), ((r, f"{n:,}") for r, n in status.rejects.items()))
        + _section("Last commits", ("at", "load", "rows", "set aside", "took"), commits)
        + _section("Schema changes", ("at", "version", "change"), changes)
        + "</body></html>"
    )


def _section(title: str, header: Sequence[str], rows: Rows) -> str:
    return f"<h2>{escape(title)}</h2>" + _table(header, rows)


def _table(header: Sequence[str], rows: Rows) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>" if head else f"<table>{body}</table>"


def _cell(value: object) -> str:
    return f"<td>{'–' if value is None else escape(str(value))}</td>"


def _instant(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
