"""What operators wish of a running pipeline, asked of the destination every few seconds: pause, resume, rewind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import anyio
from anyio.abc import TaskStatus

from checkpoints import Fenced, Partition
from sinks import Sink, SinkError
from sinks.audit import Auditable, Control
from stream.observe.facts import Observer, StateChanged
from stream.source.contract import Assignment

ASK_EVERY_SECONDS: Final = 2.0
_AFTER_ERROR_SECONDS: Final = 15.0  # an outage is the load's to sit out: another question would only stand in its way
_LOOK_EVERY_SECONDS: Final = 0.2


class Steering:
    """The wishes as they were last seen. A destination without the audit port has none."""

    def __init__(self, sink: Sink, observe: Observer) -> None:
        self._sink = sink
        self._observe = observe
        self._wishes = Control()
        self._resumed = anyio.Event()

    @property
    def state(self) -> StateChanged:
        """Return the state of a pipeline that nothing but a wish keeps from running."""
        why = self._wishes.paused
        return StateChanged("running") if why is None else StateChanged("paused", f"by an operator: {why}")

    async def watch(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Ask again and again, for as long as the run lasts; started when the first answer is there, or none comes."""
        if not isinstance(self._sink, Auditable):
            task_status.started()
            return
        audit = self._sink.audit()
        while True:
            try:
                self._take(await audit.control())
                pause_seconds = ASK_EVERY_SECONDS
            except SinkError:
                pause_seconds = _AFTER_ERROR_SECONDS
            task_status.started()
            task_status = anyio.TASK_STATUS_IGNORED
            await anyio.sleep(pause_seconds)

    async def go(self, assignment: Assignment) -> None:
        """Return when the pipeline is not paused, or nothing more is to be read from the assignment."""
        while self._wishes.paused is not None and not assignment.ended:
            with anyio.move_on_after(_LOOK_EVERY_SECONDS):
                await self._resumed.wait()

    async def raise_when_rewound(self, partitions: Iterable[Partition], epoch: int) -> None:
        """Raise `Fenced` once one of these partitions was rewound under a newer epoch than ours.

        A lane that has something to commit is fenced anyway; one that has nothing would never know.
        """
        ours = frozenset(partitions)
        while True:
            for partition, rewound in self._wishes.rewound.items():
                if partition in ours and rewound > epoch:
                    raise Fenced(f"{partition} was rewound by an operator, under epoch {rewound}; ours is {epoch}")
            await anyio.sleep(_LOOK_EVERY_SECONDS)

    def _take(self, wishes: Control) -> None:
        before, self._wishes = self._wishes.paused, wishes
        if wishes.paused is not None and before is None:
            self._resumed = anyio.Event()
            self._observe(self.state)
        if wishes.paused is None and before is not None:
            self._resumed.set()
            self._observe(self.state)
