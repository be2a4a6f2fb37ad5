"""What is wrong with settings, one line each: where it was written, what it must be, and never a secret's value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

from stream.config import fields
from stream.config.layers import Layer
from stream.config.topics import Topic

_TOPICS: Final = "topics"
_TOPIC_DEPTH: Final = 3  # topics, the pattern, the setting


def complaints(error: ValidationError, settings: Layer) -> Iterator[str]:
    """Yield a line for each setting that `error` is about; `settings` says where each was written."""
    reasons: dict[fields.Path, list[str]] = {}
    for detail in error.errors(include_url=False):
        place = _place(tuple(str(part) for part in detail["loc"]))
        match detail["type"]:
            case "value_error":
                yield f"{_named(place, settings)}: {detail['ctx']['error']}"
            case "extra_forbidden":  # `layer` has refused all others by name
                yield f"{_named(place, settings)} is not a setting of a topic{_meant(place[-1])}"
            case kind:
                reasons.setdefault(place, []).append(_plain(kind, detail["msg"]))
    for place, texts in reasons.items():
        got = "" if fields.is_secret(place) else f", not {_value(place, settings)!r}"
        yield f"{_named(place, settings)} must be {' or '.join(dict.fromkeys(texts))}{got}"


def _place(location: fields.Path) -> fields.Path:
    """Return the setting that `location` is in: it may point at an item of a list, or at one type of a union."""
    if location[0] == _TOPICS:
        return location[:_TOPIC_DEPTH]
    while location and location not in fields.leaves():
        location = location[:-1]
    return location


def _named(place: fields.Path, settings: Layer) -> str:
    if place[0] != _TOPICS:
        return settings[place].named
    _, *below = place
    return ".".join([settings[_TOPICS,].named, *(f'"{pattern}"' for pattern in below[:1]), *below[1:]])


def _value(place: fields.Path, settings: Layer) -> Any:
    if place[0] != _TOPICS:
        return settings[place].value
    value = settings[_TOPICS,].value
    for key in place[1:]:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _meant(name: str) -> str:
    near = get_close_matches(name, Topic.model_fields, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(Topic.model_fields)}"


def _plain(kind: str, message: str) -> str:
    wanted = message.removeprefix("Input should be ")
    if kind == "literal_error":
        return wanted
    wanted = wanted.partition(", ")[0].replace("a valid tuple", "a list").removesuffix(" or date")
    return wanted.replace("a valid dictionary", "a table of settings").removesuffix(" or instance of Topic")
