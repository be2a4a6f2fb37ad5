"""What a dataset is called in a destination that has names of its own, or room for short ones only."""

from __future__ import annotations

from base64 import b32encode
from hashlib import blake2b

from sinks.contract import Capabilities
from sinks.limits import check_name

_TAG_BYTES = 5  # 8 characters


def fit_dataset(wanted: str, limits: Capabilities) -> str:
    """Return `wanted`, or where the destination cannot have a schema of that name, one with a tag that stands for it.

    Two datasets never share a schema: a name that is too long is cut, and PostgreSQL would not tell it from its like.
    Raises `SinkError` for a name that no destination can have.
    """
    check_name("dataset", wanted[: limits.max_identifier_bytes // 4] or wanted, limits)
    prefix = limits.reserved_dataset_prefix
    name = f"x{wanted}" if prefix and wanted.lower().startswith(prefix) else wanted
    fits = len(name.encode()) <= limits.max_identifier_bytes
    if fits and name.lower() not in limits.reserved_datasets:
        return name
    tag = b32encode(blake2b(wanted.encode(), digest_size=_TAG_BYTES).digest()).decode().lower()
    head = name.encode()[: limits.max_identifier_bytes - len(tag) - 1].decode(errors="ignore")
    return f"{head}_{tag}"
