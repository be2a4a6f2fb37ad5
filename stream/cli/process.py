"""The process of `headrace run` is its own: allocator, collector and switches of threads are set for large buffers."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from typing import Final

import pyarrow as pa

# Arrow's buffers come from jemalloc; DuckDB's and Python's from glibc. These are from its malloc.h: one arena for all
# threads keeps freed memory in one place, where the next batch finds it; what is left over beyond a bound goes back to
# the system. Measured in docs/decisions/0011-memory.md.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGEST_IN_ARENA_BYTES: Final = 32 * 1024 * 1024 - 1  # as large as glibc allows
_KEPT_FREE_BYTES: Final = 16 * 1024 * 1024
_KEPT_FREE_MS: Final = 50  # jemalloc gives back by age, Arrow's default of a second keeps several batches

# A load asks for the interpreter a dozen times, and each time waits as long for threads that decode and read.
_SWITCH_SECONDS: Final = 0.000_5

# A batch makes no cycles, but enough containers to have the collector walk the heap for nothing again and again.
_COLLECT_AFTER: Final = 100_000


def tune_process() -> None:
    """Tune a process that does nothing but stream. Call it once, before the first batch."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    with suppress(NotImplementedError):  # Arrow's wheels have it for Linux and macOS
        pa.set_memory_pool(pa.jemalloc_memory_pool())
        pa.jemalloc_set_decay_ms(_KEPT_FREE_MS)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc only
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_ARENA_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE_BYTES)
