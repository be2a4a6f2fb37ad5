"""What a pipeline is and what is known of it here, without asking anybody: its folder's packages, schema and state."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sinks import Schema
from stream.api.dataset import Dataset
from stream.api.destinations import absolute_url, open_sink, redacted, require_destination
from stream.api.load_info import LoadInfo
from stream.api.load_info_builder import package_info
from stream.api.options import Options
from stream.api.package_steps import PackageSteps
from stream.api.progress import Reporter
from stream.api.state import Remembered, remember
from stream.config.models import Config, Retry
from stream.errors import ConfigError
from stream.extract.state import load_state
from stream.normalize import snake_case
from stream.observe.facts import Fact, Observer, Started, nobody, to_all
from stream.packages import Mirror, PackageStore
from stream.runtime.package_run import newest_state

_PATIENCE_SECONDS: Final = 60.0  # a stream waits for its destination without end; here somebody waits for run()


@dataclass(frozen=True)
class KnownPipeline:
    """A name, a destination and a dataset, and what this machine remembers of them."""

    pipeline_name: str
    working_dir: Path | None  # None for a user who has no home: then nothing is remembered from call to call
    config: Config
    options: Options = field(default_factory=Options, repr=False)
    history: list[LoadInfo] = field(default_factory=list, repr=False, compare=False)

    def __repr__(self) -> str:
        where = f"destination={self.destination!r}, dataset_name={self.dataset_name!r}"
        return f"Pipeline({self.pipeline_name!r}, {where}, working_dir={self.working_dir and str(self.working_dir)!r})"

    @property
    def dataset_name(self) -> str:
        """Return the dataset (schema) that the tables are in."""
        return self.config.destination.dataset or snake_case(self.pipeline_name)

    @property
    def destination(self) -> str | None:
        """Return where the tables go, without a password; None when nothing was said yet."""
        return redacted(self.config.destination.url) if self.config.destination.url else None

    @property
    def state(self) -> dict[str, Any]:
        """Return the state as it is known here: what the last package left, loaded or pending. A copy."""
        store = self._looked_at()
        return load_state(newest_state(store, self._mirror().read(self._steps().place))) if store else {}

    @property
    def default_schema(self) -> Schema:
        """Return the schema of the dataset as it is known here."""
        return self._mirror().read(self._steps().place).schema if self.working_dir else Schema()

    @property
    def schemas(self) -> dict[str, Schema]:
        """Return the schemas by name: the dataset has one, of the pipeline's name."""
        return {self.pipeline_name: self.default_schema}

    def dataset(self) -> Dataset:
        """Return the dataset for reading back; raises `ConfigError` without a destination. Nothing is opened yet."""
        require_destination(self.pipeline_name, self.config.destination)
        config = self._resolved()
        return Dataset(
            self.dataset_name,
            self.default_schema,
            partial(open_sink, self.pipeline_name, config, self.options.make_sink),
        )

    @property
    def default_schema_name(self) -> str:
        """Return the name of the schema."""
        return self.pipeline_name

    @property
    def last_trace(self) -> LoadInfo | None:
        """Return what the newest run in this process did; None before there was one."""
        return self.history[-1] if self.history else None

    @property
    def has_pending_data(self) -> bool:
        """Return whether there are packages that are not loaded."""
        store = self._looked_at()
        return bool(store and store.pending())

    def list_extracted_load_packages(self) -> list[str]:
        """Return the load ids of packages that are extracted and not normalized, the oldest first."""
        return self._listed("extracted")

    def list_normalized_load_packages(self) -> list[str]:
        """Return the load ids of packages that are normalized and not loaded, the oldest first."""
        return sorted([*self._listed("normalized"), *self._listed("loading")])

    def list_completed_load_packages(self) -> list[str]:
        """Return the load ids of the last hundred packages that came to their end, the oldest first."""
        return self._listed("loaded")

    def list_failed_jobs_in_package(self, load_id: str) -> list[Any]:
        """Return the tables of a package that the destination refused for good."""
        store = self._looked_at()
        found = [p for p in (store.packages("loaded") if store else ()) if p.load_id == load_id]
        return [job for package in found for job in package_info(package).failed_jobs]

    def _steps(self, observe: Observer = nobody) -> PackageSteps:
        config = self._resolved().model_copy(update={"retry": _bounded(self.config.retry)})
        watchers, reporter = to_all(self._remember, observe), Reporter(self.options.progress)
        return PackageSteps(self.pipeline_name, config, self.working_dir, watchers, self.options, reporter)

    @property
    def _imports(self) -> Path | None:
        return self.options.import_schema_path or self.config.import_schema_path

    @property
    def _exports(self) -> Path | None:
        return self.options.export_schema_path or self.config.export_schema_path

    def _resolved(self) -> Config:
        named = self.config.destination.model_copy(update={"dataset": self.dataset_name})
        return self.config.model_copy(update={"pipeline": self.pipeline_name, "destination": named})

    def _looked_at(self) -> PackageStore | None:
        return PackageStore(self.working_dir) if self.working_dir else None

    def _mirror(self) -> Mirror:
        if self.working_dir is None:
            raise ConfigError("this user has no home folder, so nothing is known from call to call: give pipelines_dir")
        return Mirror(self.working_dir)

    def _listed(self, state: Any) -> list[str]:
        store = self._looked_at()
        return [package.load_id for package in store.packages(state)] if store else []

    def _remember(self, fact: Fact) -> None:
        if not isinstance(fact, Started) or self.working_dir is None or self.options.make_sink or not self.destination:
            return  # not sooner than started: a wrong URL is not worth keeping, and an object cannot be
        where = absolute_url(self.destination)
        with suppress(OSError):  # only `attach` needs it: a home that is read-only, as in a container, stops no run
            remember(self.working_dir, Remembered(self.pipeline_name, where, self.dataset_name))


def _bounded(retry: Retry) -> Retry:
    return retry if retry.give_up_seconds else retry.model_copy(update={"give_up_seconds": _PATIENCE_SECONDS})
