"""Why a record is set aside: short labels for metrics and `_hr_rejects`, and the error that carries one."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The closed list of reasons for which a decoder sets a record aside."""

    EMPTY = "empty"
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    TOO_MANY_KEYS = "too_many_keys"
    NOT_FINITE = "not_finite"
    NUMBER_TOO_LONG = "number_too_long"
    LONE_SURROGATE = "lone_surrogate"
    NOT_FRAMED = "not_framed"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNUSABLE_SCHEMA = "unusable_schema"
    INVALID_AVRO = "invalid_avro"
    INVALID_PROTOBUF = "invalid_protobuf"
    UNAVAILABLE_VALUE = "unavailable_value"
    NO_KEY = "no_key"
    INVALID_RECORD = "invalid_record"


class InvalidRecord(Exception):
    """This record has no value that could be a row. The text is for people; `reason` is the label."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
