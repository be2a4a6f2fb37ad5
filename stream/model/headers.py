"""The headers of a record as text that tables can hold."""

from __future__ import annotations

import base64
import json

from stream.model.records import Headers


def header_text(headers: Headers) -> str:
    """Return headers as JSON: pairs, because a name may come twice; bytes that are no text as `{"base64": ...}`."""
    return json.dumps([[name, _header_value(value)] for name, value in headers], ensure_ascii=False)


def _header_value(value: bytes | None) -> str | dict[str, str] | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}
