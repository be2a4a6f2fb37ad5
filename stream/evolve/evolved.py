"""What evolving a batch gives: the plan, the tables that fit it, and the rows that do not go in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from sinks import SchemaPlan


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a root row, with all its children, does not go into the tables.

    `reason` is one of a short fixed list, as in `Reject.reason`; `error` is for people and names table and column.
    """

    reason: str
    error: str


@dataclass(frozen=True, slots=True)
class Evolved:
    """The way to the schema that the batch needs, and its tables: columns of `plan.target`, in its types and order.

    A nullable column for which the batch has no value is left out of the table. `refused` and `discarded` name root
    rows by their id; neither these rows nor their children are in `tables`. A refused row's record is to be set aside
    with its original bytes, a discarded one is counted and dropped. `dropped` counts rows of child tables that a
    contract left out, by table; `trimmed` counts values, by table and column. `deletes` are those of `Batch`.
    """

    plan: SchemaPlan
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    refused: Mapping[str, Misfit] = field(default_factory=dict)
    discarded: Mapping[str, Misfit] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    trimmed: Mapping[str, int] = field(default_factory=dict)
    deletes: Mapping[str, pa.Table] = field(default_factory=dict)


def left_out(evolved: Evolved) -> Mapping[str, int]:
    """Return how many values and child rows a contract left out of records that are loaded, by table."""
    counts: Counter[str] = Counter(evolved.dropped)
    for column, count in evolved.trimmed.items():
        counts[column.partition(".")[0]] += count
    return counts
