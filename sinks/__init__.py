"""Destinations: what they accept, and the ones that ship with headrace."""

from sinks.changes import AddColumn, Change, CreateTable, SchemaPlan, WidenColumn
from sinks.contract import Batch, Capabilities, Receipt, Reject, Sink, SinkOptions
from sinks.errors import DataRefused, InDoubt, SchemaConflict, SinkError, Transient
from sinks.schema import Column, DataType, Schema, Table

__all__ = [
    "AddColumn",
    "Batch",
    "Capabilities",
    "Change",
    "Column",
    "CreateTable",
    "DataRefused",
    "DataType",
    "InDoubt",
    "Receipt",
    "Reject",
    "Schema",
    "SchemaConflict",
    "SchemaPlan",
    "Sink",
    "SinkError",
    "SinkOptions",
    "Table",
    "Transient",
    "WidenColumn",
]
