"""What decoding costs per record, step by step, beside the floor (one bare `pyarrow.json` read), in CPU time.

python -m benchmarks.micro_decode [records]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pyarrow as pa
import pyarrow.json as pj

from benchmarks.workload import orders
from checkpoints import OffsetRange, Partition
from stream.config.models import Limits
from stream.decode import JsonDecoder
from stream.decode.precision import doubtful_rows
from stream.decode.prune import pruned
from stream.decode.records import RecordSubset
from stream.decode.rows import Rows
from stream.decode.template_matching import Fitter
from stream.decode.validation import guard
from stream.model import PartitionRecords, RawBatch

ROUNDS = 7


def main(count: int) -> None:
    """Print records per second of the steps and of whole batches, clean and not so clean."""
    clean = [event for event, _ in orders(count)]
    print(f"{count:,} orders of {sum(map(len, clean)) / count:.0f} bytes; best of {ROUNDS}, one thread, CPU time")
    _report("floor: pyarrow.json", count, lambda: _bare(clean))
    for name, step in _steps(clean).items():
        _report(f"  {name}", count, step)
    for name, values in _batches(clean).items():
        decoder, raw = JsonDecoder(Limits(), table_of=str), _raw(values)
        _report(name, count, lambda decoder=decoder, raw=raw: decoder.decode(raw))


def _steps(values: list[bytes]) -> dict[str, Callable[[], object]]:
    rows, pile, limits, fitter = Rows(_raw(values).parts), _pile(values), Limits(), Fitter(Limits())
    fitter.fit(pile)
    template = fitter.templates[0]
    table = template.parse(pile)
    return {
        "guard": lambda: guard(_pile(values), limits),
        "parse": lambda: template.parse(pile),
        "precision": lambda: doubtful_rows(table, pile),
        "prune": lambda: pruned(table),
        "keys": lambda: rows.keys(()),
    }


def _batches(clean: list[bytes]) -> dict[str, list[bytes]]:
    def with_every(nth: int, old: bytes, new: bytes) -> list[bytes]:
        return [value if number % nth else value.replace(old, new, 1) for number, value in enumerate(clean)]

    return {
        "decode, clean": clean,
        "decode, 1 % of another type": with_every(100, b'"status":"', b'"status":5,"was":"'),
        "decode, 50 % of another type": with_every(2, b'"status":"', b'"status":5,"was":"'),
        "decode, 1 % malformed": with_every(100, b"}", b"]"),
        "decode, 1 % with a key twice": with_every(100, b'"status":', b'"total":1,"status":'),
        "decode, 1 % beyond 64 bits": with_every(100, b'"order_id":', b'"order_id":9999999999999999999'),
        "decode, 100 % with 17 digits": with_every(1, b'"status":', b'"rate":0.30000000000000004,"status":'),
    }


def _bare(values: list[bytes]) -> pa.Table:
    text = b"\n".join(values)
    return pj.read_json(pa.BufferReader(text), pj.ReadOptions(use_threads=False, block_size=len(text) + 1))


def _pile(values: list[bytes]) -> RecordSubset:
    return RecordSubset(range(len(values)), values)


def _raw(values: list[bytes]) -> RawBatch:
    count = len(values)
    part = PartitionRecords(
        OffsetRange(Partition("orders", 0), 0, count), range(count), [1_767_225_600_000] * count, [None] * count, values
    )
    return RawBatch((part,), sum(map(len, values)))


def _report(name: str, count: int, step: Callable[[], object]) -> None:
    best = min(_seconds(step) for _ in range(ROUNDS))
    print(f"{name:32} {best / count * 1e6:6.2f} us/record {count / best:12,.0f} records/s")


def _seconds(step: Callable[[], object]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
