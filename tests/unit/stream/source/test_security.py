"""TLS and SASL arguments, and what is refused."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stream.config.models import Security
from stream.config.redaction import redact
from stream.errors import ConfigError
from stream.source.security import security_arguments

pytestmark = pytest.mark.anyio


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> str:
    module = ModuleType("headrace_test_tokens")

    async def fresh() -> str:
        return "async token"

    module.fresh = fresh  # type: ignore[attr-defined]
    module.plain = lambda: "plain token"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


def test_nothing_set_is_plaintext() -> None:
    assert security_arguments(Security()) == {"security_protocol": "PLAINTEXT"}


def test_tls_checks_names_and_certificates() -> None:
    arguments = security_arguments(Security(tls=True))
    assert arguments["security_protocol"] == "SSL"
    assert arguments["ssl_context"].check_hostname
    assert arguments["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_a_password_in_the_clear_is_refused_unless_allowed_by_name() -> None:
    password: dict[str, Any] = {"mechanism": "PLAIN", "username": "u", "password": "p"}
    with pytest.raises(ConfigError, match="allow_plaintext_password"):
        security_arguments(Security(**password))
    allowed = security_arguments(Security(**password, allow_plaintext_password=True))
    assert allowed["security_protocol"] == "SASL_PLAINTEXT"


def test_scram_over_tls_is_sasl_ssl() -> None:
    arguments = security_arguments(
        Security(tls=True, mechanism="SCRAM-SHA-512", username="u", password="p")  # type: ignore[arg-type]
    )
    assert (arguments["security_protocol"], arguments["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")


def test_a_mechanism_without_credentials_is_refused() -> None:
    with pytest.raises(ConfigError, match="username and password"):
        security_arguments(Security(mechanism="SCRAM-SHA-256"))


def test_a_certificate_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        security_arguments(Security(tls=True, ca_file=Path("missing.pem")))


@pytest.mark.parametrize("name", ["fresh", "plain"])
async def test_tokens_come_from_a_function_plain_or_async(tokens: str, name: str) -> None:
    arguments = security_arguments(Security(tls=True, mechanism="OAUTHBEARER", token_provider=f"{tokens}:{name}"))
    assert (await arguments["sasl_oauth_token_provider"].token()).endswith("token")


@pytest.mark.parametrize("path", [None, "json", "json:nothing", "nowhere:token", "json:__name__"])
def test_a_token_provider_that_cannot_be_used_is_refused(path: str | None) -> None:
    with pytest.raises(ConfigError, match="token_provider"):
        security_arguments(Security(tls=True, mechanism="OAUTHBEARER", token_provider=path))


def test_advice_survives_the_masking_of_secrets() -> None:
    with pytest.raises(ConfigError) as caught:
        security_arguments(Security(tls=True, mechanism="OAUTHBEARER"))
    assert redact(str(caught.value)) == str(caught.value)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"ca_file": "ca.pem"}, "ca_file means nothing without TLS: set tls"),
        ({"certificate_file": "me.pem"}, "certificate_file means nothing without TLS: set tls"),
        ({"key_file": "me.key"}, "key_file means nothing without TLS: set tls"),
        ({"tls": True, "key_file": "me.key"}, "set certificate_file too"),
        ({"username": "me"}, "username means nothing with mechanism unset: set mechanism to one of PLAIN, SCRAM"),
        ({"password": "x"}, "password means nothing with mechanism unset: set mechanism to one of PLAIN, SCRAM"),
        ({"token_provider": "a:b"}, "set mechanism to one of OAUTHBEARER"),
        ({"mechanism": "OAUTHBEARER", "username": "me"}, "username means nothing with mechanism OAUTHBEARER"),
    ],
)
def test_a_setting_that_would_be_ignored_is_refused(given: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        security_arguments(Security(**given))
