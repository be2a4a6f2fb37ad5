"""What shows progress: a port with three methods, and the ready-made ones by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, Protocol, runtime_checkable

from stream.errors import ConfigError


@runtime_checkable
class Collector(Protocol):
    """Shows how far the steps of a run are. Called by one thread at a time, and must return at once."""

    def begin(self, step: str) -> None:
        """Take notice that a step (extract, normalize, load, stream) begins."""
        ...

    def update(self, name: str, amount: int, unit: str) -> None:
        """Take notice of `amount` more rows or bytes (the `unit`) of a resource or table, or of a lag as it is now."""
        ...

    def end(self) -> None:
        """Take notice that the step is over."""
        ...


_READY_MADE: Final[Mapping[str, str]] = {
    "log": "stream.api.progress.log:LogCollector",
    "tqdm": "stream.api.progress.bars:TqdmCollector",
    "enlighten": "stream.api.progress.bars:EnlightenCollector",
    "alive_progress": "stream.api.progress.bars:AliveCollector",
}


def collector_of(progress: Any) -> Collector | None:
    """Return the collector that a user asked for, by name or as an object; None for None.

    Raises `ConfigError` with the valid names, and for a package that is not installed.
    """
    if progress is None or (isinstance(progress, Collector) and not isinstance(progress, type)):
        return progress
    if not isinstance(progress, str) or progress not in _READY_MADE:
        raise ConfigError(
            f"progress is one of {', '.join(_READY_MADE)}, or an object with begin(step), update(name, amount, unit) "
            f"and end(), not {progress!r}"
        )
    module, _, name = _READY_MADE[progress].partition(":")
    make: Callable[[], Collector] = getattr(import_module(module), name)
    try:
        return make()
    except ImportError:
        package = progress.replace("_", "-")
        raise ConfigError(f"progress={progress!r} needs a package: pip install {package}") from None
