"""The module functions: `pipeline`, `attach` and `run`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from stream.api.destinations import url_of
from stream.api.load_info import LoadInfo
from stream.api.pipeline import Pipeline
from stream.api.state import checked_name, default_dir, recall
from stream.api.validation import refuse_no_name, refuse_unbuilt
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
    destination: str | None = None,
    staging: Any = None,
    dataset_name: str | None = None,
    import_schema_path: str | None = None,
    export_schema_path: str | None = None,
    full_refresh: bool = False,
    credentials: str | None = None,
    progress: Any = None,
) -> Pipeline:
    """Return a pipeline; without arguments the most recently created one, or a new one with all defaults.

    `pipeline_name` defaults to the script's file name with the prefix `headrace_`, `dataset_name` to the name,
    `pipelines_dir` to `~/.headrace/pipelines`. `destination` is a name (`"duckdb"`: a file in the current folder)
    or a URL; without it and `credentials`, `HEADRACE__DESTINATION__URL` is taken. The other variables of that section
    (password, dataset, timeouts) count as well, and what is given here wins. `full_refresh` loads from scratch into
    `<dataset>_<YYYYMMDDhhmmss>`. A parameter that is not built yet is refused with `ConfigError`.
    """
    given = (pipeline_name, pipelines_dir, destination, dataset_name, credentials, full_refresh or None)
    refuse_unbuilt(
        pipeline_salt=pipeline_salt,
        staging=staging,
        import_schema_path=import_schema_path,
        export_schema_path=export_schema_path,
        progress=progress,
    )
    if _newest and all(value is None for value in given):
        return _newest[0]
    refuse_no_name(dataset_name=dataset_name)
    name = checked_name(_script_name() if pipeline_name is None else pipeline_name)
    set_outside = destination_from(os.environ)
    dataset = dataset_name or set_outside.dataset or snake_case(name)
    where = {
        "url": url_of(destination, credentials, name, otherwise=set_outside.url),
        "dataset": f"{dataset}_{datetime.now(UTC):%Y%m%d%H%M%S}" if full_refresh else dataset,
    }
    return _register(name, pipelines_dir, Config(pipeline=name, destination=set_outside.model_copy(update=where)))


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
    credentials: str | None = None,
    progress: Any = None,
) -> Pipeline:
    """Return a pipeline that ran before, as its working folder remembers it; changes nothing.

    Raises `ConfigError` when there is no valid state. A password is not remembered: give `credentials` anew, or
    `HEADRACE__DESTINATION__PASSWORD`.
    """
    refuse_unbuilt(pipeline_salt=pipeline_salt, full_refresh=full_refresh or None, progress=progress)
    name = checked_name(_script_name() if pipeline_name is None else pipeline_name)
    folder = _working_dir(name, pipelines_dir)
    if folder is None:
        raise ConfigError("this user has no home folder to look for ~/.headrace/pipelines in: give pipelines_dir")
    remembered = recall(folder)
    url = url_of(None, credentials, name, otherwise=SecretStr(remembered.destination))
    where = {"url": url, "dataset": remembered.dataset_name}
    destination = destination_from(os.environ).model_copy(update=where)
    return _register(name, pipelines_dir, Config(pipeline=name, destination=destination))


def run(
    data: Any,
    *,
    destination: str | None = None,
    staging: Any = None,
    dataset_name: str | None = None,
    credentials: str | None = None,
    table_name: str | None = None,
    write_disposition: str | None = None,
    columns: Any = None,
    schema: Any = None,
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
    )


def _register(name: str, pipelines_dir: str | Path | None, config: Config) -> Pipeline:
    made = Pipeline(name, _working_dir(name, pipelines_dir), config)
    _newest[:] = [made]
    return made


def _working_dir(name: str, pipelines_dir: str | Path | None) -> Path | None:
    above = Path(pipelines_dir) if pipelines_dir else default_dir()
    return above and above / name


def _script_name() -> str:
    return _PREFIX + (snake_case(Path(sys.argv[0]).stem) or "pipeline")
