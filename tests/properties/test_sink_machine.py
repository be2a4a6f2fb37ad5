"""Workers that claim, load, die, lose answers and wake as zombies, on the memory sink: each offset lands exactly once.

The machine plays Kafka's group too, and plays it badly: partitions are given away without a word to their owner, and
loads that everybody has given up arrive after all. After doubt, a worker asks the ledger, as `deliver` does.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from checkpoints import Checkpoint, Claim, Fenced, OffsetRange, Partition, Position, Span
from sinks import Batch, InDoubt, Reject, SinkOptions, Transient
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.schema import BIGINT
from sinks.testing import plan, table

PARTITIONS = [Partition("orders", number) for number in range(3)]
EVENTS = table("orders", partition=BIGINT, offset=BIGINT)

SUBSETS = st.sampled_from([frozenset(some) for size in (1, 2, 3) for some in combinations(PARTITIONS, size)])
WORKERS = st.integers(0, 2)
COUNTS = st.integers(1, 5)
FATES = st.sampled_from(["lands", "fails", "request lost", "answer lost", "dies before", "dies after"])


class Died(Exception):
    """The worker's process is gone."""


@dataclass
class Worker:
    """One process and what it believes, which may be long outdated."""

    sink: MemorySink
    claim: Claim
    here: Position
    loads: int = 0


def is_hole(offset: int) -> bool:
    return offset % 7 in (2, 3)


def is_poison(offset: int) -> bool:
    return offset % 5 == 1


class SinkMachine(RuleBasedStateMachine):
    """Rules are what may happen; invariants are what must hold after each of them."""

    stuck = Bundle("stuck")  # loads on their way, which may arrive much later, and more than once

    @initialize()
    def begin(self):
        self.runner = asyncio.Runner()
        self.warehouse = MemoryWarehouse()
        self.ends = dict.fromkeys(PARTITIONS, 20)
        self.newest: dict[Partition, int] = {}  # epoch of the newest claim of each partition
        self.starts = 0
        self.workers = [self.assigned(self.started(), {partition}) for partition in PARTITIONS]
        sink = self.workers[0].sink
        self.wait(sink.apply(plan(self.wait(sink.schema()), EVENTS)))

    def teardown(self):
        if hasattr(self, "runner"):
            self.runner.close()

    def wait(self, coroutine):
        return self.runner.run(coroutine)

    def started(self) -> MemorySink:
        self.starts += 1
        return MemorySink(self.warehouse, SinkOptions("machine", "dataset", f"owner-{self.starts}"))

    def assigned(self, sink: MemorySink, partitions: set[Partition]) -> Worker:
        beginning = Position(dict.fromkeys(PARTITIONS, 0))
        claim = self.wait(sink.claim(sorted(partitions), beginning, {"orders": "cluster/topic"}))
        assert claim.epoch > max(self.newest.values(), default=0)
        self.newest |= dict.fromkeys(partitions, claim.epoch)
        return Worker(sink, claim, claim.position)

    # What may happen

    @rule(partition=st.sampled_from(PARTITIONS), count=COUNTS)
    def events_are_produced(self, partition, count):
        self.ends[partition] += count

    @rule(who=WORKERS, partitions=SUBSETS)
    def a_worker_is_assigned_anew(self, who, partitions):
        self.workers[who] = self.assigned(self.workers[who].sink, partitions)

    @rule(who=WORKERS)
    def a_worker_restarts_where_it_was(self, who):
        self.workers[who] = self.assigned(self.started(), self.workers[who].here.next.keys())

    @rule(who=WORKERS, partitions=SUBSETS, count=COUNTS, fate=FATES)
    def a_worker_loads(self, who, partitions, count, fate):
        """Any worker, also one whose partitions are long with others: then this is the zombie that wakes."""
        worker = self.workers[who]
        batch, step = self.read(worker, partitions, count)
        current = self.is_current(step)
        arm(worker.sink, fate)
        try:
            self.deliver(worker.sink, batch, step)
            assert current
            worker.here |= step.upto
        except Fenced:
            assert not current
        except Died:
            self.a_worker_restarts_where_it_was(who)
        finally:
            arm(worker.sink, "lands")

    @rule(target=stuck, who=WORKERS, partitions=SUBSETS, count=COUNTS)
    def a_load_gets_stuck_on_its_way(self, who, partitions, count):
        return self.workers[who].sink, *self.read(self.workers[who], partitions, count)

    @rule(load=stuck, other_id=st.booleans())
    def a_stuck_load_arrives(self, load, other_id):
        """Its sender has given it up and gone on: it lands or is fenced, but not beside what took its place."""
        sink, batch, step = load
        step = replace(step, load_id=f"{step.load_id}-again") if other_id else step
        current, landed = self.is_current(step), self.wait(sink.is_committed(step.load_id))
        try:
            self.wait(sink.load(batch, step))
            assert current
        except Fenced:
            assert not current or landed

    def read(self, worker: Worker, partitions: set[Partition], count: int) -> tuple[Batch, Checkpoint]:
        """Cut a batch where this worker believes to stand; never mind where others cut before."""
        spans, rows, rejects = [], [], []
        for partition in sorted(partitions & worker.here.next.keys() or worker.here.next.keys()):
            start = worker.here.next[partition]
            taken = OffsetRange(partition, start, max(start, min(start + count, self.ends[partition])))
            records = [offset for offset in range(taken.start, taken.stop) if not is_hole(offset)]
            poison = [Reject(partition, o, None, None, b"{", "invalid_json", "") for o in records if is_poison(o)]
            rows += [{"partition": partition.number, "offset": o} for o in records if not is_poison(o)]
            rejects += poison
            spans.append(Span(taken, len(records), len(poison)))
        worker.loads += 1
        ranges, load_id = [span.range for span in spans], f"{worker.claim.epoch}-{worker.loads}"
        since = worker.here.of(taken.partition for taken in ranges)
        upto = since.advanced_by(ranges)
        step = Checkpoint("machine", load_id, since, upto, worker.claim.epoch, tuple(spans))
        return Batch({"orders": pa.Table.from_pylist(rows, EVENTS.arrow)}, tuple(rejects), 1), step

    def deliver(self, sink: MemorySink, batch: Batch, step: Checkpoint) -> None:
        try:
            self.wait(sink.load(batch, step))
        except Transient:
            self.wait(sink.load(batch, step))
        except InDoubt:
            if not self.wait(sink.is_committed(step.load_id)):
                self.wait(sink.load(batch, step))

    def is_current(self, step: Checkpoint) -> bool:
        """Return whether no partition of `step` was claimed since, and all stand where it starts."""
        owned = all(self.newest[partition] == step.epoch for partition in step.since.next)
        return owned and self.stored().of(step.since.next) == step.since

    # What must hold

    def stored(self) -> Position:
        return self.wait(self.warehouse.store("machine").positions(["orders"])).position

    @invariant()
    def each_record_below_the_position_is_there_once_and_none_above(self):
        found = Counter((row["partition"], row["offset"]) for row in self.warehouse.table("orders").to_pylist())
        found += Counter((reject.partition, reject.offset) for reject in self.warehouse.rejects)
        stored = self.stored().next.items()
        due = Counter((p.number, offset) for p, here in stored for offset in range(here) if not is_hole(offset))
        assert found == due

    @invariant()
    def the_ledger_has_no_gap_and_its_epochs_never_fall(self):
        for partition, here in self.stored().next.items():
            history = [row for row in self.warehouse.loads if row.partition == partition.number]
            assert [0, *(row.stop_offset for row in history)] == [*(row.start_offset for row in history), here]
            assert all(a.epoch <= b.epoch for a, b in pairwise(history))

    @invariant()
    def the_ledger_reconciles_with_tables_and_rejects(self):
        assert sum(row.rows for row in self.warehouse.loads) == self.warehouse.table("orders").num_rows
        assert sum(row.rejected for row in self.warehouse.loads) == len(self.warehouse.rejects)


def arm(sink: MemorySink, fate: str) -> None:
    """Let the next load of `sink` meet its fate, and the one after it none."""

    def nothing(_: Checkpoint) -> None:
        pass

    def meet(error: Exception):
        def hook(_: Checkpoint) -> None:
            arm(sink, "lands")
            raise error

        return hook

    faults = {
        "fails": (meet(Transient("destination unavailable")), nothing),
        "request lost": (meet(InDoubt("no answer")), nothing),
        "answer lost": (nothing, meet(InDoubt("no answer"))),
        "dies before": (meet(Died()), nothing),
        "dies after": (nothing, meet(Died())),
    }
    sink.before_commit, sink.after_commit = faults.get(fate, (nothing, nothing))


TestSinkMachine = SinkMachine.TestCase
TestSinkMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
