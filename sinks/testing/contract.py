"""The whole suite in one class."""

from __future__ import annotations

from sinks.testing.claims import ClaimContract
from sinks.testing.doubt import DoubtContract
from sinks.testing.histories import HistoryContract
from sinks.testing.loads import LoadContract
from sinks.testing.merges import MergeContract
from sinks.testing.names import NameContract
from sinks.testing.replaces import ReplaceContract
from sinks.testing.schemas import SchemaContract
from sinks.testing.values import ValueContract


class SinkContract(
    ClaimContract,
    LoadContract,
    MergeContract,
    HistoryContract,
    ReplaceContract,
    DoubtContract,
    SchemaContract,
    ValueContract,
    NameContract,
):
    """What every sink promises, as tests. A subclass gives `warehouse`, `lose_request` and `lose_answer`."""
