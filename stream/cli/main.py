"""The command `headrace`: every import that takes time waits until a command needs it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from stream.cli import config, doctor, init, pause, plan, rejects, rewind, schema, status, trace, verify
from stream.cli.demo import demo
from stream.cli.failures import reporting
from stream.cli.run import run

app = typer.Typer(
    name="headrace",
    help="Events in Kafka become tables in a warehouse: continuously, each exactly once.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would take two thirds of the time of `headrace --help`
)
app.command()(run)
app.command()(plan.plan)
app.command(epilog=init.EPILOG)(init.init)
app.command(epilog=doctor.EPILOG)(doctor.doctor)
app.command(epilog=status.EPILOG)(status.status)
app.command(epilog=verify.EPILOG)(verify.verify)
app.command(epilog=trace.EPILOG)(trace.trace)
app.add_typer(rejects.app, name="rejects")
app.add_typer(schema.app, name="schema")
app.command(epilog=rewind.EPILOG)(rewind.rewind)
app.command(epilog=pause.PAUSE_EPILOG)(pause.pause)
app.command(epilog=pause.RESUME_EPILOG)(pause.resume)
app.command()(demo)
app.add_typer(config.app, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"headrace {version('headrace')}")
        raise typer.Exit


@app.callback()
def _headrace(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit."""
    with reporting():
        try:
            app()
        finally:
            sys.stdout.flush()


if __name__ == "__main__":
    main()
