"""Delivery to the destination: retry by class of error, and the question after doubt."""

from stream.load.deliver import deliver
from stream.load.retry import Notify, Trouble, persist

__all__ = ["Notify", "Trouble", "deliver", "persist"]
