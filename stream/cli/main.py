"""The command `headrace`: every import that takes time waits until a command needs it."""

from __future__ import annotations

from typing import Annotated

import typer

from stream.cli import config
from stream.cli.demo import demo
from stream.cli.failures import reporting
from stream.cli.plan import plan
from stream.cli.run import run
from stream.cli.verify import EPILOG as VERIFY_EPILOG
from stream.cli.verify import verify

app = typer.Typer(
    name="headrace",
    help="Events in Kafka become tables in a warehouse: continuously, each exactly once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would take two thirds of the time of `headrace --help`
)
app.command()(run)
app.command()(plan)
app.command()(demo)
app.command(epilog=VERIFY_EPILOG)(verify)
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
        app()


if __name__ == "__main__":
    main()
