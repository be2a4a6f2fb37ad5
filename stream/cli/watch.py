"""Everybody who watches a run: log, metrics, health, status, progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from stream.config.loader import public, secrets
from stream.config.models import Config
from stream.decode.json import NULL, TOMBSTONE
from stream.decode.reasons import Reason
from stream.evolve import DISCARDED, REFUSALS, TOO_MANY_COLUMNS
from stream.observe import Observer, to_all
from stream.observe.health import Health
from stream.observe.history import History
from stream.observe.http import Watchers, routes, served
from stream.observe.logging_setup import LogFormat, configure_logging
from stream.observe.logs import LogObserver
from stream.observe.metrics import Metrics
from stream.observe.progress import line_progress, live_progress
from stream.observe.status import StatusBoard
from stream.observe.traces import traced
from stream.runtime.rejects import RefusedReason


@contextmanager
def watched(pipeline: str, config: Config, *, progress: bool | None = None) -> Iterator[Observer]:
    """Give one observer for all watchers that `config` asks for; they end with the context.

    `progress` None shows it wherever a person is likely to read: when the log is not JSON.
    """
    service = config.service
    log_format = log_format_of(config)
    log = LogObserver(configure_logging(log_format, service.log_level, secrets(config)))
    metrics = counted(pipeline, service.freshness_target_seconds)
    health = Health(service.heartbeat_seconds)
    board, history = StatusBoard(pipeline), History()
    watchers: list[Observer] = [board.observe, history.observe, metrics.observe, health.observe, log.observe]
    with ExitStack() as stack:
        if service.http is not None:
            target = service.freshness_target_seconds
            known = Watchers(metrics, health, board, history, public(config), target)
            stack.enter_context(served(service.http, routes(known)))
        if service.otlp_endpoint is not None:
            watchers.append(stack.enter_context(traced(service.otlp_endpoint, pipeline)))
        if progress or (progress is None and log_format == "console"):
            show = live_progress(board) if sys.stderr.isatty() else line_progress(board)
            watchers.append(stack.enter_context(show))
        yield to_all(*watchers)


def counted(pipeline: str, freshness_target_seconds: float | None = None) -> Metrics:
    """Return metrics that know every reason for which a record of Kafka's can become something else than a row."""
    return Metrics(
        pipeline,
        reject_reasons=(*Reason, *RefusedReason, *REFUSALS, TOO_MANY_COLUMNS),
        skip_reasons=(TOMBSTONE, NULL, DISCARDED),
        freshness_target_seconds=freshness_target_seconds,
    )


def log_format_of(config: Config) -> LogFormat:
    """Return the format of the log: `auto` is console on a terminal, JSON elsewhere."""
    if config.service.log_format == "auto":
        return "console" if sys.stderr.isatty() else "json"
    return config.service.log_format
