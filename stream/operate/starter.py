"""The text of a first configuration file."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stream.config import loader
from stream.config.urls import masked
from stream.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody said of a new pipeline."""

    brokers: str
    topics: tuple[str, ...]
    destination: str
    pipeline: str
    http: str


def starter(answers: Answers) -> str:
    """Return the TOML text. Raises `ConfigError` for a URL with a password: files get around."""
    if masked(answers.destination) != answers.destination:
        raise ConfigError(
            "leave the password out of the URL: put it into a file, and name that as destination.password_file "
            "(or HEADRACE__DESTINATION__PASSWORD_FILE)"
        )
    topics = ", ".join(map(_text, answers.topics))
    return f"""\
# What `headrace run -c` reads. All settings: docs/configuration.md; what holds: headrace config check -c FILE
pipeline = {_text(answers.pipeline)}

[kafka]
brokers = {_text(answers.brokers)}
topics = [{topics}]
start = "earliest"  # or "latest", or an instant

[destination]
url = {_text(answers.destination)}
# password_file = "/run/secrets/warehouse"

[service]
http = {_text(answers.http)}  # the page, /metrics, /livez, /readyz and /status
"""


def checked(text: str) -> None:
    """Raise `ConfigError` when a run could not begin with this file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "headrace.toml"
        file.write_text(text, encoding="utf-8")
        loader.require_complete(loader.load(file, {}, {}))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a basic string of TOML is one of JSON
