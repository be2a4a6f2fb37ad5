"""Avro records into Arrow columns."""
