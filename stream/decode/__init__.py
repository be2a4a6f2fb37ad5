"""From bytes to documents."""

from stream.decode.formats import Decoder, decoder_for
from stream.decode.json import JsonDecoder
from stream.decode.reasons import Reason

__all__ = ["Decoder", "JsonDecoder", "Reason", "decoder_for"]
