"""A format of a package of its own, as docs/formats.md shows it: CloudEvents, structured and binary."""

from __future__ import annotations

import json
from typing import Any

from stream.decode import Decoder, DecoderOptions, OneByOneDecoder, OneRecord

REQUIRED = ("specversion", "id", "source", "type")


def make(options: DecoderOptions) -> Decoder:
    """Return a decoder for CloudEvents 1.0."""
    return OneByOneDecoder(read_event, options)


def read_event(record: OneRecord) -> dict[str, Any]:
    """Return one event as a row: its attributes, and `data`."""
    attributes = {name[3:]: (value or b"").decode() for name, value in record.headers if name.startswith("ce_")}
    data = json.loads(record.value)
    event = {**attributes, "data": data} if attributes else data  # binary mode has the attributes in headers
    if not isinstance(event, dict):
        raise ValueError("a CloudEvent is an object")
    if missing := [name for name in REQUIRED if not event.get(name)]:
        raise ValueError(f"a CloudEvent needs {', '.join(missing)}")
    return event
