"""The schema grows with the data, and no value changes on the way."""

from stream.evolve.contract import DISCARDED, REFUSALS
from stream.evolve.evolve import evolve
from stream.evolve.evolved import Evolved, Misfit, left_out
from stream.evolve.room import TOO_MANY_COLUMNS
from stream.evolve.root_rows import without_roots
from stream.evolve.rules import Rules
from stream.evolve.table_rules import ColumnRule, Contract, TableRules

__all__ = [
    "DISCARDED",
    "REFUSALS",
    "TOO_MANY_COLUMNS",
    "ColumnRule",
    "Contract",
    "Evolved",
    "Misfit",
    "Rules",
    "TableRules",
    "evolve",
    "left_out",
    "without_roots",
]
