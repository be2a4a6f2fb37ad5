"""Schemas by id, each asked for once: what has an id never changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio

from stream.config.models import Registry
from stream.errors import ConfigError, RegistryError, RegistryUnavailable
from stream.model.schemas import Found, NoSchema, SchemaId, Schemas

if TYPE_CHECKING:
    from stream.registry.contract import Api
    from stream.registry.requests import Requests

_AT_ONCE: Final = 8
_KEPT: Final = 5_000
_ASK_AGAIN_SECONDS: Final = 30.0  # an id that is not there may come later; until then nobody is asked


def connect_registry(registry: Registry) -> RegistryClient:
    """Return a client for the configured registry; nobody is asked yet. Raises `ConfigError`."""
    if registry.url is None:
        raise ConfigError(
            "records that name their schema by an id need a schema registry: set registry.url, or a schema_file for "
            "records without an id"
        )
    try:
        from stream.registry.apicurio import ApicurioApi
        from stream.registry.confluent import ConfluentApi
        from stream.registry.requests import Requests
    except ImportError as error:
        raise ConfigError(f"a schema registry needs a package ({error}): pip install 'headrace[registry]'") from error
    api: Api = ApicurioApi(registry.apicurio_ids) if registry.api == "apicurio" else ConfluentApi()
    return RegistryClient(Requests(registry), api, max_schema_bytes=registry.max_schema_bytes)


class RegistryClient:
    """Remembers what it was told, up to a bound. Used from one task at a time."""

    def __init__(
        self, requests: Requests, api: Api, *, max_schema_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._requests = requests
        self._api = api
        self._max_bytes = max_schema_bytes
        self._clock = clock
        self._known: dict[SchemaId, tuple[Found, float]] = {}

    async def find(self, ids: Iterable[SchemaId]) -> Schemas:
        """Return what the registry says of each id, several asked at once. Safe to repeat: what was found is kept.

        Raises `RegistryUnavailable` when it does not answer, `RegistryError` when asking again is no use.
        """
        found: dict[SchemaId, Found] = {}
        failed: list[RegistryError] = []
        at_once = anyio.CapacityLimiter(_AT_ONCE)

        async def find(id: SchemaId) -> None:
            try:
                async with at_once:
                    found[id] = await self._find(id)
            except RegistryError as error:
                failed.append(error)

        async with anyio.create_task_group() as group:
            for id in set(ids):
                group.start_soon(find, id, name=f"schema {id}")
        if failed:
            raise next((each for each in failed if not isinstance(each, RegistryUnavailable)), failed[0])
        return found

    async def check(self) -> bool:
        """Return whether the registry answers as one whose API was configured.

        Raises `RegistryUnavailable` when it does not answer, `RegistryError` when it refuses us.
        """
        return (await self._requests.get(self._api.probe)).found

    async def aclose(self) -> None:
        """Disconnect. Safe to repeat."""
        await self._requests.aclose()

    async def _find(self, id: SchemaId) -> Found:
        known = self._known.get(id)
        if known is not None and self._clock() < known[1]:
            return known[0]
        found = await self._ask(id)
        if len(self._known) >= _KEPT and id not in self._known:
            del self._known[next(iter(self._known))]
        forget_at = self._clock() + _ASK_AGAIN_SECONDS if isinstance(found, NoSchema) else float("inf")
        self._known[id] = found, forget_at
        return found

    async def _ask(self, id: SchemaId) -> Found:
        from stream.registry.contract import NotThere
        from stream.registry.references import resolve

        try:
            place = self._api.place_of(id)
            return await resolve(place, partial(self._api.read, self._requests), max_bytes=self._max_bytes)
        except NotThere as error:
            return NoSchema(f"schema {id}: {error}")
