"""The whole suite in one class."""

from __future__ import annotations

from sinks.testing.claims import ClaimContract
from sinks.testing.loads import LoadContract
from sinks.testing.names import NameContract
from sinks.testing.schemas import SchemaContract
from sinks.testing.values import ValueContract


class SinkContract(ClaimContract, LoadContract, SchemaContract, ValueContract, NameContract):
    """What every sink promises, as tests."""
