"""The page for people: three files, served as they are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

# Nothing inline, nothing from elsewhere: what a record or a topic is called can never become code.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}


def page_files() -> Mapping[str, tuple[str, bytes]]:
    """Return content type and content of each file of the page, by its name."""
    here = files(__name__)
    return {name: (kind, here.joinpath(name).read_bytes()) for name, kind in _TYPES.items()}
