"""Protobuf records into Arrow columns, by descriptors that are made while the pipeline runs."""
