"""The schema registry: which schema an id in a record stands for."""

from stream.registry.client import RegistryClient, connect_registry

__all__ = ["RegistryClient", "connect_registry"]
