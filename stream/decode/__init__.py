"""From bytes to documents."""

from stream.decode.json import JsonDecoder
from stream.decode.reasons import Reason
from stream.decode.registry import Decoder, decoder_for

__all__ = ["Decoder", "JsonDecoder", "Reason", "decoder_for"]
