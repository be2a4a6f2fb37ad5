"""Questions of the harness to a broker, repeated while the answer is one that passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

T = TypeVar("T")
# A broker that has just started, or a group whose coordinator moves; librdkafka does not call all of these retriable.
_PASSING: Final = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT,
}  # fmt: skip


def answered(question: Callable[[], T], *, seconds: float = 30) -> T:
    """Return the answer, asking again while it is a passing error; raises the last one when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return question()
        except KafkaException as error:
            told = error.args[0]
            if not (told.retriable() or told.code() in _PASSING) or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
