"""Destinations: what they accept, and the ones that ship with headrace."""

from sinks.changes import AddColumn, Change, CreateTable, SchemaPlan, WidenColumn
from sinks.contract import Batch, Capabilities, Receipt, Reject, Sink, SinkOptions
from sinks.datasets import fit_dataset
from sinks.errors import DataRefused, InDoubt, SchemaConflict, SinkError, TimedOut, Transient
from sinks.schema import Column, DataType, Schema, Table
from sinks.write import Append, Merge, Replace, Scd2, SortBy, Write

__all__ = [
    "AddColumn",
    "Append",
    "Batch",
    "Capabilities",
    "Change",
    "Column",
    "CreateTable",
    "DataRefused",
    "DataType",
    "InDoubt",
    "Merge",
    "Receipt",
    "Reject",
    "Replace",
    "Scd2",
    "Schema",
    "SchemaConflict",
    "SchemaPlan",
    "Sink",
    "SinkError",
    "SinkOptions",
    "SortBy",
    "Table",
    "TimedOut",
    "Transient",
    "WidenColumn",
    "Write",
    "fit_dataset",
]
