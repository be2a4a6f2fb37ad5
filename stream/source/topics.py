"""Topics that were asked for and do not exist."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from stream.errors import UnknownTopic


def unknown_topics(missing: Collection[str], existing: Collection[str]) -> UnknownTopic:
    """Return the error for topics that do not exist, or that we may not see, with the names that come near."""
    parts = []
    for topic in sorted(missing):
        near = get_close_matches(topic, [name for name in existing if not name.startswith("__")], n=3)
        parts.append(f"{topic!r}" + (f" (did you mean {', '.join(map(repr, near))}?)" if near else ""))
    return UnknownTopic(
        f"unknown topic {', '.join(parts)}; create it first, or give this user the right to describe it"
    )
