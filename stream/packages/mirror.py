"""What the destination was last known to hold: a copy in the working folder, for looking and for working offline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sinks import Schema
from sinks.document import from_document, to_document
from stream.packages.files import write_whole


@dataclass(frozen=True, slots=True)
class Known:
    """The schema and the state of one dataset. `state` is None before any was stored."""

    schema: Schema
    state: str | None = None


class Mirror:
    """One file in the working folder. It is never trusted over the destination."""

    def __init__(self, working_dir: Path) -> None:
        self._path = working_dir / "known.json"

    def read(self, place: str) -> Known:
        """Return what is known of `place` (a destination and a dataset): nothing, where the file says nothing of it."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["place"] != place:
                return Known(Schema())
            return Known(from_document(content["version"], content["schema"]), content["state"])
        except (OSError, ValueError, KeyError, TypeError):
            return Known(Schema())

    def knows(self, place: str) -> bool:
        """Return whether `place` was ever looked at from this folder."""
        try:
            return bool(json.loads(self._path.read_text(encoding="utf-8"))["place"] == place)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write(self, place: str, known: Known) -> None:
        """Keep what is known of `place` (a destination and a dataset)."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        schema = known.schema
        content = {
            "place": place,
            "version": schema.version,
            "schema": to_document(schema),
            "state": known.state,
        }
        write_whole(self._path, json.dumps(content))

    def forget(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
