"""`headrace verify`: is everything in the tables that Kafka holds, exactly once?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stream.cli import options
from stream.cli.failures import reporting
from stream.cli.instants import METAVAR, instant

if TYPE_CHECKING:
    from stream.cli.outside import Outside
    from stream.operate.report import Report
    from stream.operate.verify import Question

EPILOG = """Examples:

  headrace verify -c headrace.toml

  headrace verify -c headrace.toml --topic orders --since 2026-11-24T00:00 --json

  headrace verify -c headrace.toml --since 2d

  headrace verify -c headrace.toml --deep --sample 0.01

Exit codes: 0 nothing found, 1 something found, 2 wrong settings, 3 Kafka, 4 destination."""


def verify(
    config: options.ConfigFile = None,
    brokers: options.Brokers = None,
    topic: options.Topics = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=instant, metavar=METAVAR, help="Only what Kafka took since then: 2026-11-24T06:00, or 36h."
        ),
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read each event again and compare its values.")] = False,
    sample: Annotated[float, typer.Option(min=0.0, max=1.0, help="With --deep: the share of events compared.")] = 1.0,
    seed: Annotated[int, typer.Option(help="With --sample: chooses the same events again.")] = 0,
    as_json: options.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Hold Kafka, the ledger and the tables against each other, per partition and range of offsets.

    Each offset below the stored position must be a row, a reject, a skipped record or a hole, and once. Changes
    nothing; a running service need not stop.
    """
    with reporting(debug=debug):
        from stream.cli.outside import asked, loaded
        from stream.cli.printing import print_json
        from stream.operate.verify import Question

        given = options.overrides(brokers=brokers, to=to, dataset=dataset, pipeline=pipeline)
        ready = loaded(config, given, topic)
        question = Question(tuple(topic or ()), since, deep, sample, seed)
        report = asked(ready, lambda outside: check(outside, question))
        if as_json:
            print_json(report.as_json())
        else:
            _print(report)
    raise typer.Exit(0 if report.holds else 1)


async def check(outside: Outside, question: Question) -> Report:
    """Return what a question finds out about a pipeline."""
    from stream.operate.verify import Verifier
    from stream.source.log_reader import reading

    await outside.audit.states()  # says it in plain words when there is no such dataset
    schema = await outside.sink.schema()
    async with reading(outside.config.kafka) as reader:
        verifier = Verifier(outside.config, outside.sink, outside.audit, schema, reader)
        return await verifier.verify(question)


def _print(report: Report) -> None:
    from stream.cli.printing import print_table

    header = ("partition", "from", "to", "rows", "rejects", "skipped", "holes", "lost", "not in kafka", "read")
    for topic in report.topics:
        print(f"{topic.topic} -> {topic.table or 'no table yet'}")
        rows = (
            (p.partition, p.start, p.stop, p.rows, p.rejects, p.skipped, p.holes, p.lost, p.gone, p.read)
            for p in topic.partitions
        )
        print_table(header, rows)
        for note in topic.notes:
            print(f"note: {note}")
        print()
    for finding in report.findings:
        where = finding.topic if finding.partition is None else f"{finding.topic}[{finding.partition}]"
        place = "" if finding.start is None else f" {finding.start}..{finding.stop}"
        some = f" (such as {', '.join(map(str, finding.examples[:5]))})" if finding.examples else ""
        print(f"{finding.kind.upper()} {where}{place}: {finding.text}{some}")
    rows_in_all = sum(p.rows + p.rejects for topic in report.topics for p in topic.partitions)
    verdict = "nothing found" if report.holds else f"{len(report.findings)} findings"
    print(f"{verdict}: {rows_in_all:,} rows and rejects in {report.seconds:.1f} s")
