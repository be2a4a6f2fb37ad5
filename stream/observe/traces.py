"""Batches as OpenTelemetry traces: a span for each batch that was committed, and one for each stage of it.

Needs `headrace[otel]`. Spans carry names and counts, never a key, a value or SQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from stream.errors import ConfigError
from stream.observe.facts import BatchLoaded, CommitFailed, Fact, Observer, StageTimed

_NANO: Final = 1_000_000_000
_FLUSH_MS: Final = 1_000
_EXPORT_SECONDS: Final = 2  # a collector that is away may keep a drained process that long


class Traces:
    """An observer that makes spans. Stages of a batch are told after it, with what each took: their spans are laid
    one after the other, up to the commit.
    """

    def __init__(self, tracer: Any, pipeline: str, clock: Callable[[], float] = time.time) -> None:
        self._tracer = tracer
        self._pipeline = pipeline
        self._clock = clock
        self._stages: list[tuple[str, float]] = []
        self._failures: list[tuple[str, float]] = []

    def observe(self, fact: Fact) -> None:
        """Take notice of stages, failed commits, and batches that are durable."""
        match fact:
            case StageTimed() if fact.stage != "poll":  # of a batch further behind: reading runs ahead
                self._stages.append((fact.stage, fact.seconds))
            case CommitFailed():
                self._failures.append((fact.outcome, self._clock()))
            case BatchLoaded():
                self._loaded(fact)
            case _:
                pass

    def _loaded(self, fact: BatchLoaded) -> None:
        from opentelemetry.trace import set_span_in_context

        end = self._clock()
        at = end - sum(seconds for _, seconds in self._stages)
        batch = self._tracer.start_span("batch", start_time=_nano(at), attributes=self._attributes(fact))
        for outcome, when in self._failures:
            batch.add_event("commit not confirmed", {"outcome": outcome}, timestamp=_nano(when))
        inside = set_span_in_context(batch)
        for stage, seconds in self._stages:
            span = self._tracer.start_span(stage, context=inside, start_time=_nano(at))
            at += seconds
            span.end(end_time=_nano(at))
        batch.end(end_time=_nano(end))
        self._stages, self._failures = [], []

    def _attributes(self, fact: BatchLoaded) -> dict[str, Any]:
        step = fact.receipt.step
        return {
            "headrace.pipeline": self._pipeline,
            "headrace.load_id": step.load_id,
            "headrace.epoch": step.epoch,
            "headrace.rows": sum(fact.receipt.rows.values()),
            "headrace.rejects": sum(fact.rejects.values()),
            "headrace.bytes": fact.receipt.nbytes,
            "messaging.system": "kafka",
            "messaging.destination.name": sorted({partition.topic for partition in step.upto.next}),
        }


@contextmanager
def traced(endpoint: str, pipeline: str) -> Iterator[Observer]:
    """Give an observer whose spans go to an OTLP collector (HTTP) while the context lasts; the last ones at its end.

    Sending is the exporter's own thread's: a collector that is away costs spans, never a batch. Raises `ConfigError`
    when the packages are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(f"traces lack a package ({error}): pip install 'headrace[otel]'") from error
    resource = Resource.create({"service.name": "headrace", "service.instance.id": pipeline})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)))
    try:
        yield Traces(provider.get_tracer("headrace"), pipeline).observe
    finally:
        provider.force_flush(_FLUSH_MS)
        provider.shutdown()


def _nano(seconds: float) -> int:
    return round(seconds * _NANO)
