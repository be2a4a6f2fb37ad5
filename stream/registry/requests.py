"""One question to a schema registry that may have several addresses: an answer, or whose turn it is to act.

Redirects are not followed: an address comes from the configuration alone. An answer is read up to a bound.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import anyio
import httpx

from stream.config.models import Registry
from stream.errors import ConfigError, RegistryError, RegistryUnavailable

_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_DENIED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_ENVELOPE_BYTES: Final = 65_536  # what an answer may have around a schema, whose quotes are escaped besides


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry said; `body` is None when it is longer than allowed."""

    found: bool
    body: bytes | None
    headers: Mapping[str, str]


class Requests:
    """Asks each address in turn until one knows. Used from one event loop."""

    def __init__(self, registry: Registry) -> None:
        self._urls = [url.strip().rstrip("/") for url in (registry.url or "").split(",")]
        self._seconds = registry.request_timeout_seconds
        self._max_bytes = 2 * registry.max_schema_bytes + _ENVELOPE_BYTES
        self._client = httpx.AsyncClient(
            headers=_headers(registry),
            auth=_basic(registry),
            verify=_context(registry),
            timeout=registry.request_timeout_seconds,
            follow_redirects=False,
            trust_env=False,
        )

    async def get(self, path: str) -> Answer:
        """Return the answer to GET `path`; not found is only what every address says.

        Raises `RegistryUnavailable` when none knows and one does not answer, `RegistryError` when asking again is no
        use.
        """
        failures, missing = [], None
        for url in self._urls:
            try:
                answer = await self._get_from(url, path)
            except RegistryUnavailable as error:
                failures.append(str(error))
                continue
            if answer.found:
                return answer
            missing = answer
        if missing is None or failures:
            raise RegistryUnavailable("; ".join(failures))
        return missing

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _get_from(self, url: str, path: str) -> Answer:
        try:
            with anyio.fail_after(self._seconds):
                async with self._client.stream("GET", url + path) as response:
                    _check(response, url)
                    return Answer(response.is_success, await self._body(response), response.headers)
        except TimeoutError as error:
            raise RegistryUnavailable(f"the schema registry at {url} gave no answer in {self._seconds:g} s") from error
        except httpx.HTTPError as error:
            raise RegistryUnavailable(f"the schema registry at {url} cannot be reached: {_told(error)}") from error

    async def _body(self, response: httpx.Response) -> bytes | None:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > self._max_bytes:
                return None
        return bytes(body)


def _check(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if response.is_success or status == HTTPStatus.NOT_FOUND:
        return
    if status in _DENIED:
        raise RegistryError(
            f"the schema registry at {url} refuses us ({status}): check registry.username and registry.password, or "
            "registry.token, and what they may read"
        )
    if response.is_redirect:
        raise RegistryError(
            f"the schema registry at {url} sends us elsewhere ({status}), which headrace does not follow: "
            "set registry.url to the address that it has now"
        )
    if response.is_server_error or status in _PASSING:
        raise RegistryUnavailable(f"the schema registry at {url} answers with an error ({status})")
    raise RegistryError(f"the schema registry at {url} refuses the question ({status}): check registry.url and api")


def _headers(registry: Registry) -> dict[str, str]:
    headers = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "headrace"}
    if registry.token is not None:
        if registry.username or registry.password:
            raise ConfigError("registry.token does not go together with registry.username and registry.password")
        headers["Authorization"] = f"Bearer {registry.token.get_secret_value()}"
    return headers


def _basic(registry: Registry) -> httpx.BasicAuth | None:
    if registry.username is None and registry.password is None:
        return None
    if registry.username is None or registry.password is None:
        raise ConfigError("registry.username and registry.password go together: one of them is missing")
    return httpx.BasicAuth(registry.username, registry.password.get_secret_value())


def _context(registry: Registry) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=registry.ca_file)
        if registry.certificate_file is not None:
            context.load_cert_chain(registry.certificate_file, registry.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"registry.ca_file, certificate_file or key_file cannot be used: {error}") from error
    return context


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
