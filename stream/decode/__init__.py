"""From bytes to documents."""

from stream.decode.contract import Decoder, DecoderOptions, MakeDecoder
from stream.decode.formats import TopicDecoders, decoder_for, needs_registry
from stream.decode.json import JsonDecoder
from stream.decode.one_by_one import OneByOneDecoder, OneRecord
from stream.decode.reasons import InvalidRecord, Reason

__all__ = [
    "Decoder",
    "DecoderOptions",
    "InvalidRecord",
    "JsonDecoder",
    "MakeDecoder",
    "OneByOneDecoder",
    "OneRecord",
    "Reason",
    "TopicDecoders",
    "decoder_for",
    "needs_registry",
]
