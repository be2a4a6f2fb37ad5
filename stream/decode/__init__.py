"""From bytes to documents."""

from stream.decode.contract import Decoder
from stream.decode.formats import DecoderOptions, TopicDecoders, decoder_for, needs_registry
from stream.decode.json import JsonDecoder
from stream.decode.reasons import Reason

__all__ = [
    "Decoder",
    "DecoderOptions",
    "JsonDecoder",
    "Reason",
    "TopicDecoders",
    "decoder_for",
    "needs_registry",
]
