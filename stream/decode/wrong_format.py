"""Bytes that are plainly of another format than the one that is set, told before rejects pile up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stream.decode.wire_framing import PREFIX_BYTES, id_in, is_framed
from stream.errors import ConfigError
from stream.model import Decoded

ENOUGH: Final = 10  # fewer records may all be bad by themselves
_FRAMED: Final = frozenset({"avro", "debezium-avro", "protobuf", "json-schema"})
_TEXT: Final = frozenset({"json", "debezium"})
_BRACKETS: Final = (b"{", b"[")


class WrongFormat(ConfigError):
    """The first records of a topic are all of another format than the one that is set for it."""


def check_format(name: str, topic: str, decoded: Decoded) -> None:
    """Return quietly when a topic's first records are what they should be, or too few to tell.

    Raises `WrongFormat` when every one of them was refused, and every one begins as another format does.
    """
    values = [reject.value for reject in decoded.rejects if reject.value is not None]
    if decoded.documents or len(values) < ENOUGH:
        return
    told = _told(name, values)
    if told:
        raise WrongFormat(
            f"topic {topic!r} is read as {name}, but {told}. Nothing was written. Set the format of the topic "
            f'([topics."{topic}"] format = ...; for all topics tables.format), or tables.check_format = false to set '
            "such records aside"
        )


def _told(name: str, values: Sequence[bytes]) -> str | None:
    if name in _TEXT and all(map(is_framed, values)):
        bodies = [value[PREFIX_BYTES:].lstrip() for value in values]
        kind = "json-schema" if all(body.startswith(_BRACKETS) for body in bodies) else "avro or protobuf"
        return f"all of its first {len(values)} records have a schema id in front (such as {id_in(values[0])}): {kind}"
    if name in _FRAMED and all(value.lstrip().startswith(_BRACKETS) for value in values):
        return f"all of its first {len(values)} records begin as JSON does and have no schema id in front"
    return None
