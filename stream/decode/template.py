"""A template: one shape, as the schema that Arrow parses by and as the check that says which records do not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.json as pj

from stream.decode.records import RecordSubset
from stream.decode.shapes import Fields, ListOf, Scalar, Shape, arrow_type, has_fractions, leaves

_NO_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")
_INT64: Final = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_CHECKED_AS: Final[dict[Scalar, Any]] = {
    Scalar.NULL: None,
    Scalar.BOOL: bool | None,
    Scalar.INTEGER: _INT64 | None,
    Scalar.BIG: _INT64 | None,
    Scalar.FRACTION: float | None,
    Scalar.TEXT: str | None,
}


class Template:
    """Takes records whose keys and types it knows, and no others. Never changed.

    Arrow is given the whole schema and told to refuse unknown keys. So it infers nothing (text that looks like a time
    stays text), and neither depth nor width of its columns is in the hands of whoever writes to the topic.
    """

    def __init__(self, shape: Fields) -> None:
        self.shape = shape
        self.leaves = leaves(shape)
        self.has_fractions = has_fractions(shape)
        self.schema = pa.schema([(key, arrow_type(child)) for key, child in shape.shapes.items()])
        self._options = pj.ParseOptions(explicit_schema=self.schema, unexpected_field_behavior="error")

    def parse(self, subset: RecordSubset) -> pa.Table | None:
        """Return one row per record, or None when not every record fits or an object has a key twice."""
        if not subset:
            return self.schema.empty_table()
        data = subset.data
        if b"\n" in data or b"\r" in data:  # between tokens: Arrow would cut there
            data = data.translate(_NO_LINE_BREAKS)
        try:
            table = pj.read_json(
                pa.BufferReader(data),  # type: ignore[arg-type]  # the stubs do not know Arrow's own files
                read_options=pj.ReadOptions(use_threads=False, block_size=len(data)),
                parse_options=self._options,
            )
        except pa.ArrowInvalid:
            return None
        return table if table.num_rows == len(subset) else None

    def misfits(self, values: Sequence[bytes]) -> set[int]:
        """Return the positions of the values that do not fit. A key that is there twice goes unnoticed."""
        check = self._check
        misfits = set()
        for position, value in enumerate(values):
            try:
                check(value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the answer we ask for
                misfits.add(position)
        return misfits

    def repeats(self, values: Sequence[bytes]) -> set[int]:
        """Return the positions of all values with a key twice in one object, and of few others.

        They must fit. Read into a dict and written again, such a value has lost a key, and with it a colon.
        """
        return {
            position
            for position, value in enumerate(values)
            if b"\\u" in value  # an escape may stand for a colon
            or value.count(b":") > msgspec.json.encode(msgspec.json.decode(value)).count(b":")
        }

    @cached_property
    def _check(self) -> Callable[[bytes], object]:
        return msgspec.json.Decoder(_struct(self.shape)).decode


def _checked_as(shape: Shape) -> Any:
    match shape:
        case Fields():
            return _struct(shape) | None
        case ListOf():
            return list[_checked_as(shape.item)] | None  # type: ignore[misc]  # a type made at run time
        case Scalar():
            return _CHECKED_AS[shape]


def _struct(shape: Fields) -> type[msgspec.Struct]:
    names = {f"_{number}": key for number, key in enumerate(shape.shapes)}  # any text may be a key, but not a name
    return msgspec.defstruct(
        "Document",
        [(name, _checked_as(shape.shapes[key]), None) for name, key in names.items()],
        rename=names,
        forbid_unknown_fields=True,
        gc=False,
    )
