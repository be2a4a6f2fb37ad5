"""The steps of data that is not Kafka, over one sink: sync, normalize, load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from anyio import to_thread

from sinks import Schema, Sink, fit_dataset
from stream.config.models import Config
from stream.errors import PipelineStepFailed, SchemaRefused
from stream.load import FailedAttempt, retry
from stream.observe.facts import Observer, Retrying, Started
from stream.packages import Failure, Known, Mirror, Package, PackageStore
from stream.runtime.load_package import STATE_KEY, load_package
from stream.runtime.prepare import Preparer
from stream.runtime.shape_package import plan_of, shape_package
from stream.runtime.staging import Staging

StepName = Literal["sync", "extract", "normalize", "load"]


def _nobody(table: str, rows: int) -> None:
    """Take what was normalized and do nothing."""


class PackageRun:
    """Brings the packages of one pipeline to its destination, in the order of their ids.

    `place` names destination and dataset, `imported` is the schema that a user wants, `normalized` is
    told of each table. Every method raises
    `PipelineStepFailed` with the step that failed; nothing is half-written then, and what was pending is pending still.
    """

    def __init__(
        self,
        pipeline: str,
        config: Config,
        sink: Sink,
        store: PackageStore,
        place: str,
        observe: Observer,
        imported: Schema | None = None,
        normalized: Callable[[str, int], None] = _nobody,
        staging: Staging | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._config = config
        self._sink = sink
        self._store = store
        self._observe = observe
        self._dataset = fit_dataset(config.destination.dataset or pipeline, sink.capabilities)
        self._place = place
        self._imported = imported
        self._normalized = normalized
        self._staging = staging
        self._mirror = Mirror(store.working_dir)

    async def sync(self, *, restore: bool = True) -> None:
        """Connect, and take over the schema that the destination holds, and unless told otherwise the state."""
        with failing("sync"):
            await retry(self._sink.open, self._config.retry, self._outage, within=self._config.retry.start_seconds)
            schema = await retry(self._sink.schema, self._config.retry, self._outage)
            states = await retry(self._sink.state, self._config.retry, self._outage)
            state = states.get(STATE_KEY) if restore else self._mirror.read(self._place).state
            self._mirror.write(self._place, Known(schema, state))
        self._observe(Started(self._sink.capabilities.name, self._dataset, (), schema.version, tuple(schema.tables)))

    def state(self) -> str | None:
        """Return the state that the next package starts with: that of the last pending one, or the committed one."""
        return newest_state(self._store, self._mirror.read(self._place))

    async def normalize_pending(self) -> tuple[Package, ...]:
        """Normalize what is only extracted, and return it. Needs no destination."""
        return tuple([await self._normalize(package) for package in self._store.packages("extracted")])

    async def load_pending(self) -> tuple[Package, ...]:
        """Normalize and load everything that is pending, the oldest first, and return it."""
        return tuple([await self._load(package) for package in self._store.pending()])

    async def _normalize(self, package: Package) -> Package:
        with failing("normalize", package.load_id), self._given_up_when_refused(package):
            preparer = Preparer(self._config, self._sink.capabilities)
            schema = self._expected_schema()
            shaped = await to_thread.run_sync(shape_package, package, preparer, schema, self._imported)
        for table, rows in shaped.normalized.rows.items():
            self._normalized(table, rows)
        return shaped

    @contextmanager
    def _given_up_when_refused(self, package: Package) -> Iterator[None]:
        """Keep a package that a contract refuses as a failed one: it must not block those after it."""
        try:
            yield
        except SchemaRefused as error:
            package.note_failure(Failure(str(error), tuple(hints.table for hints in package.manifest.hints)))
            self._store.note_loaded(package)
            raise

    def _expected_schema(self) -> Schema:
        """Return the schema that will be there when the next package is loaded: after all that is normalized."""
        normalized = [p for p in self._store.pending() if p.state != "extracted"]
        return plan_of(normalized[-1].normalized).target if normalized else self._mirror.read(self._place).schema

    async def _load(self, package: Package) -> Package:
        if package.state == "extracted":
            package = await self._normalize(package)
        with failing("load", package.load_id):
            loaded = await load_package(
                self._pipeline,
                self._config,
                self._sink,
                self._store,
                package,
                self._observe,
                self._outage,
                self._imported,
                self._staging,
            )
        self._note(loaded)
        return loaded

    def _note(self, loaded: Package) -> None:
        if loaded.failure is not None:
            return
        known = self._mirror.read(self._place)
        state = known.state if loaded.manifest.state is None else loaded.manifest.state
        self._mirror.write(self._place, replace(known, schema=plan_of(loaded.normalized).target, state=state))

    def _outage(self, attempt: FailedAttempt) -> None:
        self._observe(Retrying("transient", attempt.wait_seconds, str(attempt.error)))


def newest_state(store: PackageStore, known: Known) -> str | None:
    """Return the state that the last pending package leaves behind, or the committed one."""
    pending = [package.manifest.state for package in store.pending()]
    return next((state for state in reversed(pending) if state is not None), known.state)


@contextmanager
def failing(step: StepName, load_id: str | None = None) -> Iterator[None]:
    """Say of an error inside the block which step it failed."""
    try:
        yield
    except PipelineStepFailed:
        raise
    except Exception as error:
        raise PipelineStepFailed(step, load_id, error) from error
