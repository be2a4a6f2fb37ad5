"""The memory store passes the suite of all stores."""

import pytest

from checkpoints import CheckpointStore
from checkpoints.memory import MemoryStore
from checkpoints.testing import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> CheckpointStore:
        return MemoryStore()
