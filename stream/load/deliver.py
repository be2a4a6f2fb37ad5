"""Delivering one batch: until it is certain that it landed, or certain that it must not."""

from __future__ import annotations

import time

from checkpoints import Checkpoint
from sinks import Batch, InDoubt, Receipt, Sink
from stream.config.models import Retry
from stream.load.retry import Notify, retry


async def deliver(sink: Sink, batch: Batch, step: Checkpoint, policy: Retry, notify: Notify) -> Receipt:
    """Load `batch` and move to `step.upto`, both or neither; return the receipt once that is known.

    A lost answer to a commit is neither success nor failure: the ledger is asked before anything is sent again.
    Should the first commit land after that question, the repeated step is fenced by its own compare-and-set. Raises
    what `Sink.load` raises, except `Transient` and `InDoubt`, which are retried.
    """
    began = time.monotonic()
    doubt = False

    async def settle() -> Receipt:
        nonlocal doubt
        if doubt and await sink.is_committed(step.load_id):
            return _receipt(batch, step, time.monotonic() - began)
        doubt = False
        try:
            return await sink.load(batch, step)
        except InDoubt:
            doubt = True
            raise

    return await retry(settle, policy, notify)


def _receipt(batch: Batch, step: Checkpoint, seconds: float) -> Receipt:
    rows = {name: table.num_rows for name, table in batch.tables.items()}
    return Receipt(step, rows, batch.nbytes, seconds)
