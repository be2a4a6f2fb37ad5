"""The module functions: `pipeline`, `attach` and `run`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from stream.api.credentials import configured_credentials, credentials_url
from stream.api.destinations import resolve_destination, staging_of, url_of
from stream.api.load_info import LoadInfo
from stream.api.options import Options
from stream.api.pipeline import Pipeline
from stream.api.progress import collector_of
from stream.api.state import checked_name, default_dir, recall
from stream.api.validation import refuse_no_name
from stream.config.loader import destination_from
from stream.config.models import Config
from stream.errors import ConfigError
from stream.normalize import snake_case

_PREFIX: Final = "headrace_"
_newest: list[Pipeline] = []  # the most recently created pipeline, for `pipeline()` without arguments


def pipeline(
    pipeline_name: str | None = None,
    pipelines_dir: str | Path | None = None,
    pipeline_salt: str | None = None,
    destination: Any = None,
    staging: Any = None,
    dataset_name: str | None = None,
    import_schema_path: str | None = None,
    export_schema_path: str | None = None,
    full_refresh: bool = False,
    credentials: Any = None,
    progress: Any = None,
) -> Pipeline:
    """Return a pipeline; without arguments the most recently created one, or a new one with all defaults.

    `pipeline_name` defaults to the script's file name with the prefix `headrace_`, `dataset_name` to the name,
    `pipelines_dir` to `~/.headrace/pipelines`. `destination` is a name (`"duckdb"`: a file in the current folder), a
    URL, a module or an object; without it and `credentials`, `HEADRACE__DESTINATION__URL` is taken, and the other
    variables of that section count as well. `staging` is a folder or the URL of an object store
    where Parquet files land before they are loaded. `credentials` may be text, an object of parts, or configured
    (`DESTINATION__POSTGRES__CREDENTIALS`). `pipeline_salt` is the secret key of hashes that hide private values; its
    default is derived from the name, and no secret. `full_refresh` loads from scratch into
    `<dataset>_<YYYYMMDDhhmmss>`. `import_schema_path` and `export_schema_path` are folders for
    `<pipeline>.schema.yaml`, read on each run and written after each change. `progress`: `tqdm`, `enlighten`,
    `alive_progress`, `log`, or a collector. What cannot be is refused with `ConfigError`.
    """
    given = (
        pipeline_name, pipelines_dir, pipeline_salt, destination, staging, dataset_name, import_schema_path,
        export_schema_path, full_refresh or None, credentials, progress,
    )  # fmt: skip
    if _newest and all(value is None for value in given):
        return _newest[0]
    refuse_no_name(dataset_name=dataset_name)
    name = checked_name(_script_name() if pipeline_name is None else pipeline_name)
    set_outside = destination_from(os.environ)
    url, make_sink = resolve_destination(destination, credentials, name, otherwise=set_outside.url)
    dataset = _dataset(dataset_name or set_outside.dataset or snake_case(name), full_refresh)
    where = set_outside.model_copy(update={"url": url, "dataset": dataset})
    options = Options(
        collector_of(progress),
        _folder(import_schema_path),
        _folder(export_schema_path),
        make_sink,
        staging_of(staging, url),
    )
    return _register(name, pipelines_dir, _salted(Config(pipeline=name, destination=where), pipeline_salt), options)


def pipeline_of(config: Config, *, pipelines_dir: str | Path | None = None) -> Pipeline:
    """Return the pipeline that a whole configuration describes; one topic gives it its name if it has none.

    Raises `ConfigError` for several topics or a pattern without a name: one that is made from them would be another
    one, with positions of its own, as soon as a topic is added.
    """
    name = config.pipeline
    if name is None and len(config.kafka.topics) == 1:
        name = snake_case(config.kafka.topics[0])
    if name is None:
        raise ConfigError(
            "a run of several topics, or of a pattern, needs a name for its pipeline, which owns the positions: "
            "--pipeline shop, or pipeline in a file. A pipeline that had one topic and no name is called like the topic"
        )
    return _register(checked_name(name), pipelines_dir, config)


def attach(
    pipeline_name: str | None = None,
    pipelines_dir: str | Path | None = None,
    pipeline_salt: str | None = None,
    full_refresh: bool = False,
    credentials: Any = None,
    progress: Any = None,
) -> Pipeline:
    """Return a pipeline that ran before, as its working folder remembers it; changes nothing.

    Raises `ConfigError` when there is no valid state. A password is not remembered: give `credentials` anew, or
    `HEADRACE__DESTINATION__PASSWORD`. The other parameters are those of `pipeline`.
    """
    name = checked_name(_script_name() if pipeline_name is None else pipeline_name)
    folder = _working_dir(name, pipelines_dir)
    if folder is None:
        raise ConfigError("this user has no home folder to look for ~/.headrace/pipelines in: give pipelines_dir")
    remembered = recall(folder)
    kind = remembered.destination.partition(":")[0]
    given = credentials_url(credentials, kind) or configured_credentials(kind, name)
    url = url_of(None, given, name, otherwise=SecretStr(remembered.destination))
    where = {"url": url, "dataset": _dataset(remembered.dataset_name, full_refresh)}
    destination = destination_from(os.environ).model_copy(update=where)
    config = _salted(Config(pipeline=name, destination=destination), pipeline_salt)
    return _register(name, pipelines_dir, config, Options(collector_of(progress)))


def run(
    data: Any,
    *,
    destination: Any = None,
    staging: Any = None,
    dataset_name: str | None = None,
    credentials: Any = None,
    table_name: str | None = None,
    write_disposition: Any = None,
    columns: Any = None,
    schema: Any = None,
    primary_key: Any = None,
    merge_key: Any = None,
    schema_contract: Any = None,
) -> LoadInfo:
    """Load `data` with the pipeline that `pipeline()` returns; see `Pipeline.run`."""
    return pipeline().run(
        data,
        destination=destination,
        staging=staging,
        dataset_name=dataset_name,
        credentials=credentials,
        table_name=table_name,
        write_disposition=write_disposition,
        columns=columns,
        schema=schema,
        primary_key=primary_key,
        merge_key=merge_key,
        schema_contract=schema_contract,
    )


def _dataset(name: str, full_refresh: bool) -> str:
    return f"{name}_{datetime.now(UTC):%Y%m%d%H%M%S}" if full_refresh else name


def _folder(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _salted(config: Config, salt: str | None) -> Config:
    if salt is None:
        return config
    if not isinstance(salt, str) or not salt:
        raise ConfigError("pipeline_salt is a secret text that is not empty")
    return config.model_copy(update={"privacy": config.privacy.model_copy(update={"salt": SecretStr(salt)})})


def _register(name: str, pipelines_dir: str | Path | None, config: Config, options: Options | None = None) -> Pipeline:
    made = Pipeline(name, _working_dir(name, pipelines_dir), config, options or Options())
    _newest[:] = [made]
    return made


def _working_dir(name: str, pipelines_dir: str | Path | None) -> Path | None:
    above = Path(pipelines_dir) if pipelines_dir else default_dir()
    return above and above / name


def _script_name() -> str:
    return _PREFIX + (snake_case(Path(sys.argv[0]).stem) or "pipeline")
