"""Decoders by the name of the format they read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

from stream.config.models import Limits
from stream.decode.json import JsonDecoder
from stream.errors import ConfigError
from stream.model import Decoded, RawBatch


class Decoder(Protocol):
    """Turns records into documents. Pure but for what it remembers to be faster; used by one thread at a time."""

    def decode(self, raw: RawBatch) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped."""
        ...


class MakeDecoder(Protocol):
    """How a decoder is made, whatever its format."""

    def __call__(
        self, limits: Limits, *, table_of: Callable[[str], str], metadata_of: Callable[[str], Collection[str]] = ...
    ) -> Decoder:
        """Return a decoder that has seen nothing yet; `table_of` and `metadata_of` are asked by topic."""
        ...


_FORMATS: Final[Mapping[str, MakeDecoder]] = {"json": JsonDecoder}


def decoder_for(name: str) -> MakeDecoder:
    """Return what makes a decoder for the format `name`. Raises `ConfigError` for one that nobody knows."""
    try:
        return _FORMATS[name]
    except KeyError as error:
        raise ConfigError(f"unknown format {name!r}; known formats: {', '.join(_FORMATS)}") from error
