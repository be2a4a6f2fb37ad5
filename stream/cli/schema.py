"""`headrace schema`: the tables and columns that the destination has, how they came to be, and a file beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from stream.cli import options
from stream.cli.failures import reporting
from stream.cli.schema_printing import Form, difference_of, lines_of, show_table, step_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinks import Schema
    from stream.cli.outside import Outside
    from stream.config.models import Config
    from stream.operate.schema_diff import Difference

app = typer.Typer(
    help="The tables and columns of the destination: show them, export them, compare them, tell their history.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_CODES = "Exit codes: 0 told, 2 wrong settings or no such version, 4 destination."


Format: TypeAlias = Annotated[Form, typer.Option("--format", help="How the answer is written.")]
Version: TypeAlias = Annotated[
    int | None, typer.Option("--version", min=1, help="This version, if the destination keeps it; else the newest.")
]
Tables: TypeAlias = Annotated[list[str] | None, typer.Option("--table", help="Only this table; may be given again.")]


@app.command(
    epilog=(
        "Examples:\n\n  headrace schema show -c headrace.toml\n\n"
        f"  headrace schema show --to duckdb:///orders.duckdb --pipeline orders --table orders --json\n\n{_CODES}"
    )
)
def show(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    table: Tables = None,
    version: Version = None,
    form: Format = Form.TEXT,
    as_json: options.AsJson = False,
) -> None:
    """Show tables, how each is written, and columns with their types."""
    with reporting():
        from stream.api.schema_files import content_of
        from stream.cli.outside import asked
        from stream.operate.schema_history import version_of

        ready = _loaded(config, to, dataset, pipeline)
        stored = asked(ready, lambda outside: version_of(outside.audit, version))
        schema = _only(stored.schema, table)
        if (wanted := _form(form, as_json)) is Form.TEXT:
            print(f"version {stored.schema.version} of {stored.created_at or 'an unknown time'}, by {stored.pipeline}")
            for each in schema.tables.values():
                show_table(each)
        else:
            print(text_of(content_of(ready.pipeline or "", schema), wanted), end="")


@app.command(
    epilog=(
        "Examples:\n\n  headrace schema export orders.schema.yaml -c headrace.toml\n\n"
        f"  headrace schema export -c headrace.toml --format json > orders.schema.json\n\n{_CODES}"
    )
)
def export(
    file: Annotated[Path | None, typer.Argument(help="File to write; without, the schema goes to stdout.")] = None,
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    version: Version = None,
    form: Format = Form.YAML,
    as_json: options.AsJson = False,
) -> None:
    """Write the schema as a file for import_schema_path or for `headrace schema diff`."""
    with reporting():
        from stream.cli.outside import asked

        wanted = Form.JSON if _form(form, as_json) is Form.JSON or (file and file.suffix == ".json") else Form.YAML
        ready = _loaded(config, to, dataset, pipeline)
        content = asked(ready, lambda outside: _content(outside, version))
        if file is None:
            print(text_of(content, wanted), end="")
            return
        _write(file, text_of(content, wanted))
        print(f"version {content['version']}, {len(content['tables'])} tables, to {file}")


@app.command(
    epilog=(
        "Examples:\n\n  headrace schema diff orders.schema.yaml -c headrace.toml\n\n"
        "  headrace schema diff -c headrace.toml --from 3 --to-version 5 --json\n\n"
        "Exit codes: 0 the same, 1 they differ, 2 wrong settings or no such version, 4 destination."
    )
)
def diff(
    file: Annotated[Path | None, typer.Argument(help="File of a schema, YAML or JSON.")] = None,
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    since: Annotated[int | None, typer.Option("--from", min=1, help="Version to compare; else the newest.")] = None,
    until: Annotated[
        int | None, typer.Option("--to-version", min=1, help="With what: a version; without a file, the newest.")
    ] = None,
    form: Format = Form.TEXT,
    as_json: options.AsJson = False,
) -> None:
    """Compare a file, or a version, with what the destination has.

    `+` is in the file (or in the later version) alone, `-` in the destination (or in the earlier version) alone.
    """
    with reporting():
        from stream.cli.outside import asked

        _check_diff(file, since, until)
        ready = _loaded(config, to, dataset, pipeline)
        found = asked(ready, lambda outside: _diff(outside, file, since, until))
        if (wanted := _form(form, as_json)) is Form.TEXT:
            for each in found:
                print(each.text)
            print(f"{len(found)} differences" if found else "no difference")
        else:
            print(text_of([difference_of(each) for each in found], wanted), end="")
    raise typer.Exit(1 if found else 0)


@app.command(
    epilog=(
        "Examples:\n\n  headrace schema history -c headrace.toml\n\n"
        f"  headrace schema history -c headrace.toml --table orders --limit 5 --json\n\n{_CODES}"
    )
)
def history(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    table: Tables = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many versions.")] = 20,
    form: Format = Form.TEXT,
    as_json: options.AsJson = False,
) -> None:
    """Tell what changed, when, by which load and at which offset, the newest version first.

    The destination keeps each version until the ledger is folded (hourly, where a day is kept in detail); then the
    newest 20. The load is the first one that wrote under a version; after folding, the last of the range it went into.
    """
    with reporting():
        from stream.cli.outside import asked
        from stream.operate.schema_history import history as told

        steps = asked(_loaded(config, to, dataset, pipeline), lambda outside: told(outside.audit, limit))
        chosen = [step for step in steps if not table or any(change.table in table for change in step.changes or ())]
        if (wanted := _form(form, as_json)) is Form.TEXT:
            for step in chosen:
                print(*lines_of(step, table or ()), sep="\n")
            if not steps:
                print("no schema yet: nothing was loaded into this dataset")
        else:
            print(text_of([step_of(step) for step in chosen], wanted), end="")


def _loaded(file: Path | None, to: str | None, dataset: str | None, pipeline: str | None) -> Config:
    from stream.cli.outside import loaded

    return loaded(file, options.overrides(brokers=None, to=to, dataset=dataset, pipeline=pipeline))


def _form(form: Form, as_json: bool) -> Form:
    return Form.JSON if as_json else form


async def _content(outside: Outside, version: int | None) -> dict[str, Any]:
    from stream.api.schema_files import content_of
    from stream.operate.schema_history import MOST_VERSIONS, version_of

    stored = await version_of(outside.audit, version)
    all_kept = await outside.audit.stored_schemas(MOST_VERSIONS)
    before = [each.version_hash for each in all_kept if each.schema.version < stored.schema.version]
    return content_of(outside.name, stored.schema, before)


def _check_diff(file: Path | None, since: int | None, until: int | None) -> None:
    from stream.errors import ConfigError

    if file is not None and until is not None:
        raise ConfigError("compare with a file or with --to-version, not with both")
    if file is None and since is None:
        raise ConfigError("say what to compare: a FILE, or --from VERSION (and --to-version, else the newest)")


async def _diff(outside: Outside, file: Path | None, since: int | None, until: int | None) -> tuple[Difference, ...]:
    from stream.api.schema_files import read_schema
    from stream.operate.schema_diff import differences
    from stream.operate.schema_history import version_of

    after = read_schema(file) if file is not None else (await version_of(outside.audit, until)).schema
    return differences((await version_of(outside.audit, since)).schema, after)


def _only(schema: Schema, tables: Iterable[str] | None) -> Schema:
    from dataclasses import replace

    from stream.errors import ConfigError

    if not tables:
        return schema
    if unknown := [name for name in tables if name not in schema.tables]:
        raise ConfigError(f"no table {', '.join(unknown)} in the schema; it has {', '.join(schema.tables) or 'none'}")
    return replace(schema, tables={name: schema.tables[name] for name in tables})


def _write(file: Path, text: str) -> None:
    from stream.errors import ConfigError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from None
