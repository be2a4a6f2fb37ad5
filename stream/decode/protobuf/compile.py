"""From the text of a Protobuf schema to descriptors, by protoc itself.

protoc runs in a process of its own, in an empty folder and for a bounded time: the text is a stranger's. Python's own
serializers register the file's descriptor in base64 instead of text; that is taken as it is.
"""

from __future__ import annotations

import base64
import binascii
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from stream.decode.readers import UnusableSchema
from stream.model.schemas import WriterSchema

MAIN: Final = "headrace_main.proto"
_SECONDS: Final = 60.0
_WELL_KNOWN: Final = (
    "any",
    "duration",
    "empty",
    "field_mask",
    "source_context",
    "struct",
    "timestamp",
    "type",
    "wrappers",
    "api",
    "descriptor",
)


def descriptors_of(schema: WriterSchema) -> tuple[Any, FileDescriptorProto]:
    """Return a pool that knows all types of `schema`, and the file with the schema's own. Raises `UnusableSchema`."""
    bare = _serialized(schema.text)
    files = _with_references(bare, schema) if bare is not None else _compiled(schema)
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in files:
            pool.Add(file)
        pool.FindFileByName(files[-1].name)
    except (TypeError, KeyError) as error:
        raise UnusableSchema(f"the schema's types cannot be put together: {str(error)[:300]}") from error
    return pool, files[-1]


def _serialized(text: str) -> FileDescriptorProto | None:
    try:
        return FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, DecodeError, ValueError):
        return None


def _with_references(main: FileDescriptorProto, schema: WriterSchema) -> Sequence[FileDescriptorProto]:
    """Return the files that `main` needs, each after those it needs, and `main` itself."""
    files = [_well_known(name) for name in _WELL_KNOWN]
    for reference in schema.references:
        file = _serialized(reference.text)
        if file is None:
            raise UnusableSchema(f"the schema is a descriptor in base64, and {reference.name} is not")
        files.append(file)
    return [*files, main]


def _well_known(name: str) -> FileDescriptorProto:
    from importlib import import_module

    file = FileDescriptorProto()
    import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR.CopyToProto(file)
    return file


def _compiled(schema: WriterSchema) -> Sequence[FileDescriptorProto]:
    with tempfile.TemporaryDirectory(prefix="headrace-protoc-") as name:
        folder = Path(name)
        (folder / MAIN).write_text(schema.text, encoding="utf-8")
        for reference in schema.references:
            path = folder / _relative(reference.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(reference.text, encoding="utf-8")
        out = folder / "descriptors"
        _run_protoc([f"-I{folder}", "--include_imports", f"--descriptor_set_out={out}", MAIN], folder)
        return FileDescriptorSet.FromString(out.read_bytes()).file


def _run_protoc(arguments: Sequence[str], folder: Path) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    try:
        done = subprocess.run(  # noqa: S603  # the command is ours, the text is in files
            command, cwd=folder, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnusableSchema(f"protoc did not get through the schema in {_SECONDS:g} s") from error
    if done.returncode:
        told = done.stderr.decode(errors="replace").replace(f"{folder}/", "").strip()
        raise UnusableSchema(f"protoc refuses the schema: {told[-300:]}")


def _relative(name: str) -> PurePosixPath:
    """Return the path under which a schema is imported. Raises `UnusableSchema` for one that leads elsewhere."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name or path.name == MAIN:
        raise UnusableSchema(f"a schema is imported as {name[:100]!r}, which is no path of a file below")
    return path
