"""Decoders are found by the name of their format."""

import pytest

from stream.config.models import Limits
from stream.decode import DecoderOptions, JsonDecoder, decoder_for
from stream.errors import ConfigError


def test_json_is_known():
    assert isinstance(decoder_for("json")(DecoderOptions(Limits(), table_of=str)), JsonDecoder)


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="unknown format 'xml'; known formats: json"):
        decoder_for("xml")
