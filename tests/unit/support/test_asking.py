from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from support.asking import answered


def answering(*codes: int) -> Callable[[], str]:
    """Return a question that is answered after these errors."""
    errors = iter(codes)

    def question() -> str:
        for code in errors:
            raise KafkaException(KafkaError(code))
        return "answer"

    return question


def test_a_question_is_repeated_while_its_answer_passes() -> None:
    assert answered(answering(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR)) == "answer"


def test_an_error_that_stays_is_raised_at_once() -> None:
    with pytest.raises(KafkaException):
        answered(answering(KafkaError.TOPIC_AUTHORIZATION_FAILED))


def test_an_error_that_never_passes_is_raised_in_the_end() -> None:
    with pytest.raises(KafkaException):
        answered(answering(*[KafkaError.NOT_COORDINATOR] * 3), seconds=0)
