"""Changes of a database, as Debezium writes them: envelopes in JSON and Avro, and the flattened form."""

from stream.decode.debezium.decoder import DebeziumDecoder

__all__ = ["DebeziumDecoder"]
