"""TLS and SASL for a Kafka client: arguments from configuration, and refusal of what is not safe."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import anyio.to_thread
from aiokafka.abc import AbstractTokenProvider

from stream.config.models import Security
from stream.config.secret_files import newest
from stream.errors import ConfigError

_ACCOUNT: Final = ("username", "password")
_USED: Final[dict[str | None, tuple[str, ...]]] = {
    None: (),
    "PLAIN": _ACCOUNT,
    "SCRAM-SHA-256": _ACCOUNT,
    "SCRAM-SHA-512": _ACCOUNT,
    "OAUTHBEARER": ("token_provider",),
}


def security_arguments(security: Security) -> dict[str, Any]:
    """Return aiokafka's arguments for `security`.

    Raises `ConfigError` for what is missing, wrong or not safe, and for a setting that another one leaves idle.
    """
    _refuse_idle(security)
    protocol = ("SASL_" if security.mechanism else "") + ("SSL" if security.tls else "PLAINTEXT")
    arguments: dict[str, Any] = {"security_protocol": protocol}
    if security.tls:
        arguments["ssl_context"] = _context(security)
    match security.mechanism:
        case None:
            pass
        case "OAUTHBEARER":
            arguments |= {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": _provider(security)}
        case mechanism:
            arguments |= {"sasl_mechanism": mechanism, **_password(security)}
    return arguments


class TokenProvider(AbstractTokenProvider):
    """Tokens for OAUTHBEARER from a function of the user's, plain (run in a thread) or async."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    async def token(self) -> str:
        """Return a fresh token."""
        if inspect.iscoroutinefunction(self._function):
            return str(await self._function())
        return str(await anyio.to_thread.run_sync(self._function))


def _refuse_idle(security: Security) -> None:
    for name in ("ca_file", "certificate_file", "key_file"):
        if getattr(security, name) and not security.tls:
            raise ConfigError(f"kafka.security: {name} means nothing without TLS: set tls to true, or leave it out")
    if security.key_file and not security.certificate_file:
        raise ConfigError("kafka.security: key_file belongs to a certificate: set certificate_file too")
    for name in ("username", "password", "token_provider"):
        if getattr(security, name) is not None and name not in _USED[security.mechanism]:
            users = ", ".join(mechanism for mechanism, used in _USED.items() if mechanism and name in used)
            raise ConfigError(
                f"kafka.security: {name} means nothing with mechanism {security.mechanism or 'unset'}: set mechanism "
                f"to one of {users}, or leave {name} out"
            )


def _password(security: Security) -> dict[str, str]:
    if security.username is None or security.password is None:
        raise ConfigError(f"kafka.security: {security.mechanism} needs username and password")
    if security.mechanism == "PLAIN" and not security.tls and not security.allow_plaintext_password:
        raise ConfigError(
            "kafka.security: SASL PLAIN without TLS sends the password readable; "
            "set tls, use SCRAM-SHA-512, or allow it by name with allow_plaintext_password"
        )
    return {
        "sasl_plain_username": security.username,
        "sasl_plain_password": newest(security.password),
    }


def _context(security: Security) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=security.ca_file)
        context.check_hostname = security.check_hostname
        if security.certificate_file:
            context.load_cert_chain(security.certificate_file, security.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(f) for f in (security.ca_file, security.certificate_file, security.key_file) if f)
        raise ConfigError(f"kafka.security: cannot use {files}: {error}; PEM files are expected") from error
    return context


def _provider(security: Security) -> TokenProvider:
    path = security.token_provider or ""
    module, _, name = path.partition(":")
    if not module or not name:
        raise ConfigError("kafka.security: OAUTHBEARER needs a token_provider, written module:function")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"kafka.security: token_provider {path!r} cannot be loaded: {error}") from error
    if not callable(function):
        raise ConfigError(f"kafka.security: token_provider {path!r} is not a function")
    return TokenProvider(function)
