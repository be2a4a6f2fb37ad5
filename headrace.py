"""headrace: events in Kafka become tables in a warehouse, each exactly once.

The public names of `stream`, which give the same objects there, and the two that are folders of `stream` too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import stream

if TYPE_CHECKING:
    from stream import *  # noqa: F403  # every public name, for type checkers
    from stream.config.lookup import config as config
    from stream.extract.decorators import source as source

_FOLDERS_TOO: Final = {"config": "stream.config.lookup", "source": "stream.extract.decorators"}

__all__ = [*stream.__all__, "config", "source"]  # all of them are text


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, as `stream` does (PEP 562)."""
    if name in _FOLDERS_TOO:
        return getattr(import_module(_FOLDERS_TOO[name]), name)
    if name in __all__:
        return getattr(stream, name)
    raise AttributeError(f"module 'headrace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
