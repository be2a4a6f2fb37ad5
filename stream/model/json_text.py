"""JSON text for what stays whole: the same value gives the same text, whatever stood beside it in the batch."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from stream.errors import UnsupportedValue

_EXACT_IN_DOUBLE: Final = 2.0**53


def json_text(value: Any, path: tuple[str, ...]) -> str:
    """Return `value` as JSON with sorted keys and every digit; members that are null are left out.

    In Arrow a member that is null and one that is absent look the same, so they read the same here too. Raises
    `UnsupportedValue` for what JSON cannot say; `path` tells whose value it is.
    """
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case float():
            return _number(value, path)
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return f'"{value.isoformat()}"'
        case UUID():
            return f'"{value}"'
        case bytes():
            return f'"{b64encode(value).decode()}"'
        case dict():
            members = (f"{_quoted(k)}:{json_text(v, path)}" for k, v in sorted(value.items()) if v is not None)
            return f"{{{','.join(members)}}}"
        case list() | tuple():
            return f"[{','.join(json_text(v, path) for v in value)}]"
    raise UnsupportedValue(
        f"{'.'.join(path)}: {type(value).__name__} has no JSON text; turn it into text or a number first"
    )


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def _number(value: float, path: tuple[str, ...]) -> str:
    if not math.isfinite(value):
        raise UnsupportedValue(f"{'.'.join(path)}: {value} is no JSON number; send null or text instead")
    whole = value.is_integer() and abs(value) <= _EXACT_IN_DOUBLE  # 1.0 and 1 are one number, so they are one text
    return str(int(value)) if whole else repr(value)
