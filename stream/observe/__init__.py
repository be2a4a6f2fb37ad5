"""Facts about a run, and those who watch them: metrics, logs, status, health, progress."""

from stream.observe.facts import Fact, Observer, nobody, to_all

__all__ = ["Fact", "Observer", "nobody", "to_all"]
