"""The status as plain values that JSON can hold: for machines, and for the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stream.observe.status import Status


def _samples(status: Status) -> dict[str, Any]:
    """Return the samples of rejects, where there are any: nothing says that there could be."""
    shown = {
        reason: {
            "topic": sample.partition.topic,
            "partition": sample.partition.number,
            "offset": sample.offset,
            "error": sample.error,
            "value": sample.value,
        }
        for reason, sample in sorted(status.reject_samples.items())
    }
    return {"reject_samples": shown} if shown else {}


def as_json(status: Status, now: float, freshness_target_seconds: float | None = None) -> dict[str, Any]:
    """Return the status as plain values."""
    return {
        "pipeline": status.pipeline,
        "state": status.state,
        "state_reason": status.state_reason,
        "started_at": _instant(status.started_at),
        "destination": {"sink": status.sink, "dataset": status.dataset, "schema_version": status.schema_version},
        "epoch": status.epoch,
        "records_read": status.records,
        "batches_committed": status.batches,
        "rows_committed": dict(status.rows),
        "rows_per_second": round(status.rows_per_second(now), 1),
        "rejects": dict(status.rejects),
        **_samples(status),
        "retries": status.retries,
        "stuck": {"stage": status.stuck.stage, "seconds": round(status.stuck.seconds)} if status.stuck else None,
        "paused_topics": [
            {"topic": topic, "since": _instant(p.since), "tries": p.tries, "retry_at": _instant(p.retry_at)}
            for topic, p in sorted(status.paused.items())
        ],
        "lag_records": status.lag,
        "freshness_seconds": None if status.freshness is None else round(status.freshness, 3),
        "freshness_target_seconds": freshness_target_seconds,
        "partitions": [
            {
                "topic": partition.topic,
                "partition": partition.number,
                "committed_offset": standing.committed,
                "log_start_offset": standing.bounds.start if standing.bounds else None,
                "log_end_offset": standing.bounds.end if standing.bounds else None,
                "high_watermark": standing.bounds.high_watermark if standing.bounds else None,
                "held_back_records": standing.held,
                "held_back_since": _instant(standing.held_at),
                "lag_records": standing.lag,
                "lag_seconds": round(standing.lag_seconds(now), 3),
                "newest_event_at": _instant(standing.newest_event),
                "complete_up_to": _instant(status.watermarks.get(partition)),
                "stalled": standing.is_stalled(now),
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


def _instant(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
