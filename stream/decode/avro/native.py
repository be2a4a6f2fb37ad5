"""The native Avro reader of polars-avro (arrow-avro inside), without the rest of that package and without polars.

Its module is private there, so the version is pinned exactly. When it is not installed, or another version is, the
exact reader does all the work: slower, same values.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import module_from_spec, spec_from_loader
from typing import Any, Final

import pyarrow as pa

PACKAGE: Final = "polars-avro"
KNOWN_VERSION: Final = "0.13.0"
_MODULE: Final = "_avro_rs"

ReadFile = Callable[[bytes, int], "pa.Array[Any]"]


@cache
def native_reader() -> ReadFile | None:
    """Return what reads the first `count` records of an Avro file, as one array of structs; None when it is not here.

    It raises `ValueError` when the file does not hold as many records.
    """
    module = _load()
    if module is None:
        return None
    source, errors = module.AvroSource, (module.AvroError, module.AvroSpecError, OSError, StopIteration)

    def read(file: bytes, count: int) -> pa.Array[Any]:
        try:
            batches = source([lambda: nullcontext(io.BytesIO(file))], False, False).batch_iter(count, None)
            found: pa.Array[Any] = pa.array(next(batches))  # never a second: bytes left over would loop for ever
        except errors as error:
            raise ValueError(str(error)) from error
        return found

    return read


def _load() -> Any:
    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError:
        return None
    file = next((each for each in found.files or () if each.name.startswith(f"{_MODULE}.")
                 and not each.name.endswith(".pyi")), None)  # fmt: skip
    if found.version != KNOWN_VERSION or file is None:
        return None
    if _MODULE in sys.modules:
        return sys.modules[_MODULE]
    path = str(found.locate_file(file))
    loader = ExtensionFileLoader(_MODULE, path)
    spec = spec_from_loader(_MODULE, loader, origin=path)
    if spec is None:
        return None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
