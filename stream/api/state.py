"""A pipeline's working folder: what it is called and where it loads, so that `attach` finds it again."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from stream.config.urls import check_password
from stream.errors import ConfigError

_FILE = "pipeline.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the folder remembers. `destination` is without a password: that is given anew, or in the environment."""

    pipeline_name: str
    destination: str
    dataset_name: str
    version: int = _VERSION


def checked_name(name: str) -> str:
    """Return `name` if a pipeline may have it, else raise `ConfigError` with the reason."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", name):
        raise ConfigError(
            f"{name!r} cannot name a pipeline: it names a folder, a consumer group and metrics, so it has up to 128 "
            "letters, digits, '_', '-' and '.', and begins with a letter, a digit or '_'"
        )
    return name


def default_dir() -> Path | None:
    """Return the folder of all working folders: `~/.headrace/pipelines`; None for a user who has no home."""
    try:
        return Path.home() / ".headrace" / "pipelines"
    except RuntimeError:
        return None


def remember(folder: Path, what: Remembered) -> None:
    """Write `what` into `folder`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{_FILE}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(what), indent=2) + "\n", encoding="utf-8")
    draft.replace(folder / _FILE)


def recall(folder: Path) -> Remembered:
    """Return what `folder` remembers; raises `ConfigError` that says what to try when there is nothing valid."""
    path = folder / _FILE
    try:
        return _valid(Remembered(**json.loads(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        others = sorted(p.parent.name for p in folder.parent.glob(f"*/{_FILE}"))
        hint = f"known here: {', '.join(others)}" if others else f"none is known in {folder.parent}"
        raise ConfigError(
            f"no pipeline {folder.name!r} to attach to: {path} does not exist ({hint}). "
            "Run it once with stream.pipeline(...), or give pipelines_dir"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot read the pipeline state {path}: {error.strerror}; mend that, or give another pipelines_dir"
        ) from error
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} is not a valid pipeline state ({error}): remove it and run stream.pipeline(...) again; positions "
            "are kept in the destination, so nothing is lost or loaded twice"
        ) from error


def _valid(found: Remembered) -> Remembered:
    if found.version != _VERSION:
        raise ValueError(f"its version is {found.version!r}, this headrace knows {_VERSION}")
    for name in ("pipeline_name", "destination", "dataset_name"):
        value = getattr(found, name)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} is {value!r}, not a text")
    check_password(found.destination)
    return found
