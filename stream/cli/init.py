"""`headrace init`: a configuration file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.failures import reporting

EPILOG = """Examples:

  headrace init

  headrace init shop.toml --brokers localhost:9092 --topic orders --to duckdb:///shop.duckdb

Exit codes: 0 written, 2 wrong settings, or the file is there already."""


def init(
    file: Annotated[Path, typer.Argument(help="File to write; it must not be there yet.")] = Path("headrace.toml"),
    brokers: Annotated[str | None, typer.Option(help="Bootstrap servers, host:port[,host:port].")] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", help="Topic to read; may be given again.")] = None,
    to: Annotated[str | None, typer.Option(help="Destination, without a password.")] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="Name of the pipeline.")] = None,
    http: Annotated[str, typer.Option(help="Where metrics, health and status are served.")] = "127.0.0.1:9090",
) -> None:
    """Write a configuration file that `headrace config check` accepts; asks for what is not given.

    A password does not belong into it: set HEADRACE__DESTINATION__PASSWORD_FILE, or destination.password_file.
    """
    with reporting():
        from stream.errors import ConfigError
        from stream.operate.starter import Answers, checked, starter

        if file.exists():
            raise ConfigError(f"{file} is there already: name another file, or remove it first")
        answers = Answers(
            brokers=brokers or typer.prompt("Kafka's brokers", default="localhost:9092"),
            topics=tuple(topic or _several(typer.prompt("Topics, separated by commas"))),
            destination=to or typer.prompt("Destination", default="duckdb:///warehouse.duckdb"),
            pipeline=pipeline or typer.prompt("Name of the pipeline", default="shop"),
            http=http,
        )
        text = starter(answers)
        checked(text)
        file.write_text(text, encoding="utf-8")
        print(f"wrote {file}; next: headrace doctor -c {file}, then headrace run -c {file}")


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
