"""Batches as traces: what a collector gets over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from checkpoints import Checkpoint, Partition, Position
from sinks import Receipt
from stream.observe.facts import BatchLoaded, CommitFailed, StageTimed
from stream.observe.traces import traced

ORDERS = Partition("orders", 0)


class Collector:
    """An OTLP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/traces"

    def spans(self) -> list:
        return [s for r in self.requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def loaded(load_id: str = "load-1") -> BatchLoaded:
    step = Checkpoint("shop", load_id, Position({ORDERS: 0}), Position({ORDERS: 60}))
    return BatchLoaded(Receipt(step, {"orders": 59}, 0, 0.1), rejects={"invalid_json": 1})


def test_a_batch_is_a_span_with_a_span_for_each_of_its_stages(collector: Collector) -> None:
    with traced(collector.url, "shop") as observe:
        for stage in ("poll", "decode", "normalize", "evolve", "load"):
            observe(StageTimed(stage, 0.5))
        observe(loaded())
    (batch,) = (span for span in collector.spans() if span.name == "batch")
    stages = [span for span in collector.spans() if span.parent_span_id == batch.span_id]
    assert [span.name for span in stages] == ["decode", "normalize", "evolve", "load"]
    assert batch.end_time_unix_nano - batch.start_time_unix_nano == 2_000_000_000
    assert stages[-1].end_time_unix_nano == batch.end_time_unix_nano


def test_a_span_tells_the_load_and_its_counts(collector: Collector) -> None:
    with traced(collector.url, "shop") as observe:
        observe(loaded("load-7"))
    (batch,) = collector.spans()
    told = {attribute.key: attribute.value for attribute in batch.attributes}
    assert told["headrace.load_id"].string_value == "load-7"
    assert (told["headrace.rows"].int_value, told["headrace.rejects"].int_value) == (59, 1)


def test_a_commit_in_doubt_is_an_event_without_the_text_of_its_error(collector: Collector) -> None:
    with traced(collector.url, "shop") as observe:
        observe(CommitFailed("unknown", "password=hunter2 refused", 0.1))
        observe(loaded())
    (batch,) = collector.spans()
    assert [event.name for event in batch.events] == ["commit not confirmed"]
    assert b"hunter2" not in batch.SerializeToString()


def test_a_collector_that_is_away_costs_no_batch() -> None:
    with traced("http://127.0.0.1:1/v1/traces", "shop") as observe:
        observe(loaded())
