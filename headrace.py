"""headrace: events in Kafka become tables in a warehouse, each exactly once.

The public names of `stream`, and nothing else: `import headrace` and `import stream` give the same objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import stream
from stream import __all__ as __all__

if TYPE_CHECKING:
    from stream import *  # noqa: F403  # every public name, for type checkers


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, as `stream` does (PEP 562)."""
    if name in __all__:
        return getattr(stream, name)
    raise AttributeError(f"module 'headrace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
