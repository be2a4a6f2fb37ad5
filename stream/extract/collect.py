"""Data that is not Kafka, gathered in memory: on the caller's thread, or beside an event loop that goes on."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import anyio
import pyarrow as pa
from anyio import to_thread
from anyio.lowlevel import checkpoint

from stream.errors import ConfigError, HeadraceError, PipelineStepFailed
from stream.extract.resources import is_function
from stream.model.exception_groups import unwrap_single

_SLICE_SECONDS: Final = 0.1  # how long data is gathered before that can be stopped


def gathered(data: Any) -> Any:
    """Return all items of `data` as a list if they can be had without an event loop; else what they are awaited from.

    `data` is an iterable, an Arrow table or record batch, an async iterable, or a function that returns one of these.
    Raises `ConfigError` for anything else, and `PipelineStepFailed` when it fails.
    """
    with _extracting():
        rest = _begun(data)
        return rest if inspect.isawaitable(rest) or isinstance(rest, AsyncIterable) else list(rest)


async def gathered_until(stopping: anyio.Event | None, data: Any) -> Sequence[Any] | None:
    """Return what `gathered` does, and wait for what is async; None when `stopping` was set before the end.

    What is not async is gone through in a thread, so that the event loop goes on.
    """
    with unwrap_single():
        async with anyio.create_task_group() as group:
            if stopping is not None:
                group.start_soon(_cancel_when, stopping, group.cancel_scope, name="stop while gathering")
            with _extracting():
                items = await _all(data)
            group.cancel_scope.cancel()
            return items
    return None


async def _cancel_when(stopping: anyio.Event, scope: anyio.CancelScope) -> None:
    await stopping.wait()
    scope.cancel()


@contextmanager
def _extracting() -> Iterator[None]:
    try:
        yield
    except HeadraceError:
        raise
    except Exception as error:
        raise PipelineStepFailed("extract", None, error) from error


async def _all(data: Any) -> list[Any]:
    rest = _begun(data)
    if inspect.isawaitable(rest):
        rest = _begun(await rest)
    if isinstance(rest, AsyncIterable):
        return await _awaited(rest)
    if isinstance(rest, list):
        return rest
    items: list[Any] = []
    remaining = iter(rest)
    while more := await to_thread.run_sync(_next_slice, remaining):  # in slices, so that it can be cancelled
        items += more
    return items


async def _awaited(rest: AsyncIterable[Any]) -> list[Any]:
    items: list[Any] = []
    end = time.monotonic() + _SLICE_SECONDS
    async for item in rest:
        items.append(item)
        if time.monotonic() > end:  # it may never wait for anything, and then nobody else would get a turn
            await checkpoint()
            end = time.monotonic() + _SLICE_SECONDS
    return items


def _begun(data: Any) -> Any:
    if is_function(data):
        data = data()
    if inspect.isawaitable(data) or isinstance(data, AsyncIterable):
        return data
    if isinstance(data, pa.Table | pa.RecordBatch):
        return _rows(data)
    if isinstance(data, str | bytes | dict) or not isinstance(data, Iterable):
        kind = type(data).__name__
        raise ConfigError(f"run() takes a list, an iterable or a generator of objects, not {kind}: put it in a list")
    if hasattr(data, "columns") and not callable(data.columns):
        raise ConfigError(
            f"a {type(data).__name__} gives its columns when it is gone through, not its rows: hand over "
            "df.to_dict('records') (pandas), df.to_dicts() (polars), or an Arrow table"
        )
    return data


def _rows(data: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    names = data.schema.names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"this Arrow table has columns of one name: {', '.join(twice)}; rename them")
    return data.to_pylist()


def _next_slice(remaining: Iterator[Any]) -> list[Any]:
    items: list[Any] = []
    end = time.monotonic() + _SLICE_SECONDS
    for item in remaining:
        items.append(item)
        if time.monotonic() > end:
            break
    return items
