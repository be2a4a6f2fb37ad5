"""The schema grows with the data, and no value changes on the way."""

from stream.evolve.evolve import evolve
from stream.evolve.evolved import Evolved, Misfit
from stream.evolve.rules import Rules

__all__ = ["Evolved", "Misfit", "Rules", "evolve"]
