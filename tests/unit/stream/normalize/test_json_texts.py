"""Nested columns that stay whole, with values that JSON or Python has no word for."""

from __future__ import annotations

import math

import pyarrow as pa

from stream.normalize.json_texts import json_texts


def test_nanoseconds_keep_their_digits() -> None:
    values = pa.array([{"at": 10**18 + 1}, None], pa.struct([pa.field("at", pa.timestamp("ns", tz="UTC"))]))
    assert json_texts(values, ("x",)).to_pylist() == ['{"at":"2001-09-09 01:46:40.000000001Z"}', None]


def test_what_is_not_a_number_is_named() -> None:
    values = pa.array([[math.nan, math.inf, -math.inf, 1.5]])
    assert json_texts(values, ("x",)).to_pylist() == ['["NaN","Infinity","-Infinity",1.5]']
