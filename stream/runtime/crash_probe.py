"""Finding the record that kills: batches are decoded in a child process first, and cut in halves while it dies.

Run as a module, this is the child: it reads one pickled job from standard input, does what the service would do with
it, and exits 0.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys

import anyio

from checkpoints import Partition
from sinks import Capabilities, Schema
from stream.config.models import Config
from stream.model import RawBatch
from stream.model.schemas import Schemas

# What a process dies of by itself, and what the kernel kills it with when it has eaten all memory.
_DEADLY = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGKILL}
)
_PATIENCE_SECONDS = 120.0  # a decoder that hangs is as bad as one that dies


async def find_crashing_records(config: Config, raw: RawBatch, schemas: Schemas) -> frozenset[tuple[Partition, int]]:
    """Return partition and offset of each record whose decoding kills a process; empty when all is well.

    `schemas` are what `raw` needs to be decoded.
    """
    if await _survives(config, raw, schemas):
        return frozenset()
    if len(raw) == 1:
        if await _survives(config, raw, schemas):  # asked twice: something else may have killed the first child
            return frozenset()
        return frozenset((part.range.partition, part.offsets[0]) for part in raw.parts if len(part))
    left, right = raw.halves()
    return await find_crashing_records(config, left, schemas) | await find_crashing_records(config, right, schemas)


async def _survives(config: Config, raw: RawBatch, schemas: Schemas) -> bool:
    job = pickle.dumps((config.model_dump_json(include={"limits", "rejects", "tables", "topics"}), raw, dict(schemas)))
    with anyio.move_on_after(_PATIENCE_SECONDS):
        child = await anyio.run_process(
            [sys.executable, "-m", "stream.runtime.crash_probe"],
            input=job,
            check=False,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C at the terminal is not for the child
        )
        return -child.returncode not in _DEADLY  # an exception is for the service itself to meet
    return False


def _child() -> None:
    from stream.runtime.prepare import Preparer  # the parent never needs the decoder for this

    settings, raw, schemas = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  # our own parent wrote it
    preparer = Preparer(Config.model_validate_json(settings), Capabilities("probe"))
    decoded = preparer.decode(raw, schemas)
    preparer.evolve(Schema(), preparer.normalize(decoded.documents, Schema(), "probe"))


if __name__ == "__main__":
    _child()
