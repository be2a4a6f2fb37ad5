"""From bytes to documents."""

from stream.decode.formats import Decoder, DecoderOptions, TopicDecoders, decoder_for, needs_registry
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
