"""The schema registry's client against a registry that is away, slow, wrong, hostile or right."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stream.config.models import Registry
from stream.errors import ConfigError, RegistryError, RegistryUnavailable
from stream.model.schemas import NoSchema, Reference, WriterSchema
from stream.registry import connect_registry
from support.fake_registry import Answers, Reply, answering

pytestmark = pytest.mark.anyio
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def registry() -> Iterator[Answers]:
    with answering() as answers:
        yield answers


@asynccontextmanager
async def client(url: str, **settings: Any):
    connected = connect_registry(Registry(url=url, **settings))
    try:
        yield connected
    finally:
        await connected.aclose()


async def found(url: str, id: Any = 1, **settings: Any):
    async with client(url, **settings) as registry:
        return (await registry.find([id]))[id]


async def test_a_schema_comes_with_its_kind(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": "{}", "schemaType": "JSON"})
    registry.say("/schemas/ids/2", {"schema": '"int"'})
    assert await found(registry.url, 1) == WriterSchema("json-schema", "{}")
    assert await found(registry.url, 2) == WriterSchema("avro", '"int"')


async def test_a_uuid_is_asked_for_as_such(registry: Answers) -> None:
    id = UUID(int=5)
    registry.say(f"/schemas/guids/{id}", {"schema": '"int"'})
    assert await found(registry.url, id) == WriterSchema("avro", '"int"')


async def test_what_was_found_is_not_asked_for_again(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": '"int"'})
    async with client(registry.url) as connected:
        await connected.find([1])
        await connected.find([1])
    assert len(registry.asked) == 1


async def test_several_ids_are_asked_for_at_once(registry: Answers) -> None:
    together = threading.Barrier(3)  # who is alone at it, fails

    def answer() -> Reply:
        together.wait(30)
        return 200, b'{"schema": "\\"int\\""}', {}

    registry.replies |= {f"/schemas/ids/{id}": answer for id in (1, 2, 3)}
    async with client(registry.url, request_timeout_seconds=60) as connected:
        assert await connected.find([1, 2, 3]) == dict.fromkeys((1, 2, 3), WriterSchema("avro", '"int"'))


async def test_of_several_failures_the_one_that_waiting_cannot_mend_is_told(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {}, status=503)
    registry.say("/schemas/ids/2", {}, status=401)
    registry.say("/schemas/ids/3", {}, status=503)
    async with client(registry.url) as connected:
        with pytest.raises(RegistryError, match="refuses us"):
            await connected.find([1, 2, 3])


async def test_references_come_before_those_that_need_them(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": "A", "references": [reference("b"), reference("c")]})
    registry.say("/subjects/b/versions/1", {"schema": "B", "references": [reference("c")]})
    registry.say("/subjects/c/versions/1", {"schema": "C"})
    assert await found(registry.url) == WriterSchema("avro", "A", (Reference("c", "C"), Reference("b", "B")))


def reference(name: str) -> dict[str, Any]:
    return {"name": name, "subject": name, "version": 1}


async def test_an_unknown_id_is_a_definite_answer(registry: Answers) -> None:
    assert isinstance(await found(registry.url), NoSchema)


async def test_a_circle_of_references_is_no_schema(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": "A", "references": [reference("b")]})
    registry.say("/subjects/b/versions/1", {"schema": "B", "references": [reference("c")]})
    registry.say("/subjects/c/versions/1", {"schema": "C", "references": [reference("b")]})
    answer = await found(registry.url)
    assert isinstance(answer, NoSchema)
    assert "refers to itself" in answer.error


async def test_a_tower_of_references_is_no_schema(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": "A", "references": [reference("s0")]})
    for level in range(30):
        registry.say(f"/subjects/s{level}/versions/1", {"schema": "S", "references": [reference(f"s{level + 1}")]})
    answer = await found(registry.url)
    assert isinstance(answer, NoSchema)
    assert "deeper" in answer.error


async def test_a_schema_of_ten_megabytes_is_no_schema(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": "x" * 10_000_000})
    assert isinstance(await found(registry.url), NoSchema)


async def test_a_missing_reference_is_a_definite_answer(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": "A", "references": [reference("gone")]})
    assert isinstance(await found(registry.url), NoSchema)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (503, b"busy"),
        (429, b""),
        (200, b"<html>please sign in</html>"),
        (200, b"[]"),
        (200, b'{"schema": 1}'),
        (200, b'{"schema": "A", "references": [1]}'),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_outage(registry: Answers, status: int, body: bytes) -> None:
    registry.say("/schemas/ids/1", body, status)
    with pytest.raises(RegistryUnavailable):
        await found(registry.url)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b"", "registry.password"),
        (403, b"", "registry.token"),
        (404, b"<html>", "registry.url"),
        (404, b'{"error_code": 404}', "registry.url"),
        (400, b"", "registry.url"),
    ],
)
async def test_what_asking_again_cannot_mend_stops(registry: Answers, status: int, body: bytes, told: str) -> None:
    registry.say("/schemas/ids/1", body, status)
    with pytest.raises(RegistryError, match=told) as raised:
        await found(registry.url)
    assert not isinstance(raised.value, RegistryUnavailable)


async def test_a_redirect_is_not_followed(registry: Answers) -> None:
    with answering() as other:
        other.say("/schemas/ids/1", {"schema": '"int"'})
        registry.say("/schemas/ids/1", b"", 302, Location=f"{other.url}/schemas/ids/1")
        with pytest.raises(RegistryError, match="does not follow"):
            await found(registry.url)
        assert other.asked == []


async def test_nobody_at_the_address_is_an_outage() -> None:
    with pytest.raises(RegistryUnavailable, match="cannot be reached"):
        await found(NOWHERE)


async def test_no_answer_in_time_is_an_outage(registry: Answers) -> None:
    end = threading.Event()
    registry.replies["/schemas/ids/1"] = lambda: ((end.wait(10) and 200) or 200, b"{}", {})
    try:
        with pytest.raises(RegistryUnavailable, match=r"no answer in 0\.2 s"):
            await found(registry.url, request_timeout_seconds=0.2)
    finally:
        end.set()


async def test_the_next_address_is_asked_when_one_is_away(registry: Answers) -> None:
    registry.say("/schemas/ids/1", {"schema": '"int"'})
    assert await found(f"{NOWHERE}, {registry.url}/") == WriterSchema("avro", '"int"')


async def test_an_id_is_unknown_only_when_every_address_says_so(registry: Answers) -> None:
    with pytest.raises(RegistryUnavailable):
        await found(f"{registry.url},{NOWHERE}")


async def test_the_credentials_are_sent(registry: Answers) -> None:
    await found(registry.url, username="anna", password="secret")
    await found(registry.url, token="abc")
    assert [headers["Authorization"] for _, headers in registry.asked] == ["Basic YW5uYTpzZWNyZXQ=", "Bearer abc"]


@pytest.mark.parametrize("settings", [{"username": "a"}, {"token": "t", "username": "a"}, {"ca_file": "/nowhere"}])
async def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        connect_registry(Registry(url=NOWHERE, **settings))


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, for both sides, and its key."""
    file, key_file = tmp_path / "certificate.pem", tmp_path / "key.pem"
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")]),
    )
    now, day = datetime.now(UTC), timedelta(days=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return file, key_file


@pytest.fixture
def mutual(certificate: tuple[Path, Path]) -> Iterator[Answers]:
    """A registry that talks to those alone who show a certificate."""
    file, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    context.load_verify_locations(file)
    context.verify_mode = ssl.CERT_REQUIRED
    with answering(context) as answers:
        answers.say("/schemas/ids/1", {"schema": '"int"'})
        yield answers


async def test_who_shows_a_certificate_may_ask_with_a_token_as_well(
    mutual: Answers, certificate: tuple[Path, Path]
) -> None:
    file, key = certificate
    schema = await found(mutual.url, ca_file=file, certificate_file=file, key_file=key, token="abc")
    assert (schema, mutual.asked[0][1]["Authorization"]) == (WriterSchema("avro", '"int"'), "Bearer abc")


async def test_who_shows_no_certificate_gets_no_answer(mutual: Answers, certificate: tuple[Path, Path]) -> None:
    with pytest.raises(RegistryUnavailable, match="cannot be reached"):
        await found(mutual.url, ca_file=certificate[0])
    assert not mutual.asked


async def test_a_registry_that_nobody_vouches_for_is_told_nothing(
    mutual: Answers, certificate: tuple[Path, Path]
) -> None:
    file, key = certificate
    with pytest.raises(RegistryUnavailable, match="certificate verify failed"):
        await found(mutual.url, certificate_file=file, key_file=key, token="abc")
    assert not mutual.asked
