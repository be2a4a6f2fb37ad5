"""Delivery to the destination: retry by class of error, and the question after doubt."""

from stream.load.deliver import deliver
from stream.load.retry import FailedAttempt, Notify, retry

__all__ = ["FailedAttempt", "Notify", "deliver", "retry"]
