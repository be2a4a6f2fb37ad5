"""One JSON record, read exactly: slower than Arrow, and the judge of what Arrow does not take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NoReturn

from stream.config.models import Limits
from stream.decode.numbers import read_fraction, read_integer
from stream.decode.reasons import InvalidRecord, Reason

_STRING: Final = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL
)  # possessive: steps back would be kept, a hundred bytes each
_BRACKETS: Final = bytes.maketrans(b"[{]}", b"(())")
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"()"))
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def read_exactly(value: bytes, limits: Limits) -> object:
    """Return the value of one JSON text: numbers keep their digits (`Decimal` where a double would not).

    Raises `InvalidRecord` with the reason when it is not exactly one well-formed text within `limits`.
    """
    if len(value) > limits.max_record_bytes:
        raise InvalidRecord(Reason.TOO_LARGE, f"{len(value):,} bytes; the limit is {limits.max_record_bytes:,}")
    if is_deeper(value, limits.max_depth):
        raise InvalidRecord(Reason.TOO_DEEP, f"nested deeper than {limits.max_depth} levels")
    document = _parse(_text(value))
    if value.count(b":") > limits.max_keys and len(set(_paths(document, ()))) > limits.max_keys:
        raise InvalidRecord(Reason.TOO_MANY_KEYS, f"values under more than {limits.max_keys:,} different keys")
    if _SURROGATE.search(value) and not all(map(_is_unicode, _strings(document))):
        raise InvalidRecord(Reason.LONE_SURROGATE, "an escape stands for half of a surrogate pair: it is no character")
    return document


def is_deeper(value: bytes, levels: int) -> bool:
    """Return whether `value`, if it is JSON, is nested deeper than `levels`; needs no recursion to tell."""
    if value.count(b"[") + value.count(b"{") <= levels:
        return False
    brackets = _STRING.sub(b"", value).translate(_BRACKETS).translate(None, _NO_BRACKET)
    for _ in range(levels):
        brackets = brackets.replace(b"()", b"")  # takes the innermost level away
    return b"(" in brackets


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise InvalidRecord(Reason.INVALID_UTF8, f"not UTF-8 at byte {error.start}: {error.reason}") from error
    if not text.strip(" \t\r\n"):
        raise InvalidRecord(Reason.EMPTY, "nothing but white space")
    return text


def _parse(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidRecord(Reason.INVALID_JSON, str(error)) from error
    except RecursionError as error:
        raise InvalidRecord(Reason.TOO_DEEP, "nested too deeply to be read") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidRecord(Reason.DUPLICATE_KEY, f"the key {twice[:100]!r} appears twice in one object")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRecord(Reason.NOT_FINITE, f"{name} is not JSON and no number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=read_fraction, parse_int=read_integer, parse_constant=_refuse_constant
)


def _paths(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the keys on the way to each value; the elements of a list are on one way."""
    match value:
        case dict():
            for key, child in value.items():
                yield from _paths(child, (*path, key))
        case list():
            for child in value:
                yield from _paths(child, (*path, "[]"))
        case _:
            yield path


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
    for child in _children(value):
        yield from _strings(child)


def _children(value: object) -> Iterator[object]:
    match value:
        case dict():
            yield from value.values()
        case list():
            yield from value


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
