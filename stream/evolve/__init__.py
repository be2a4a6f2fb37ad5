"""The schema grows with the data, and no value changes on the way."""

from stream.evolve.evolve import Evolved, evolve
from stream.evolve.rules import Rules, TooManyColumns

__all__ = ["Evolved", "Rules", "TooManyColumns", "evolve"]
