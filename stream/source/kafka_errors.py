"""aiokafka's errors as ours: what happened, where, and what to do. Never a password in a text."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import TopicPartition, errors
from aiokafka.conn import collect_hosts, create_conn

from stream.config.models import Kafka
from stream.errors import OwnershipLost, SourceDenied, SourceError, SourceUnavailable
from stream.source.member import OutOfRange
from stream.source.security import security_arguments

_DENIED = (
    errors.AuthenticationFailedError,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    ssl.SSLError,
)
_AWAY = (errors.KafkaConnectionError, errors.NodeNotReadyError, errors.KafkaTimeoutError, TimeoutError, OSError)


@contextmanager
def mapped_errors(kafka: Kafka) -> Iterator[None]:
    """Raise ours for aiokafka's errors; `OutOfRange` where only the reader can say what it means."""
    try:
        yield
    except errors.OffsetOutOfRangeError as error:
        raise OutOfRange(str(error)) from error
    except (errors.KafkaError, OSError) as error:
        raise to_source_error(error, kafka) from error


def to_source_error(error: Exception, kafka: Kafka) -> SourceError | OwnershipLost:
    """Return the error that tells a person what `error` means."""
    who = f" as {kafka.security.username}" if kafka.security.username else ""
    match error:
        case errors.UnsupportedCodecError():
            return SourceError(f"records are compressed in a way this installation cannot read: {error}")
        case _ if isinstance(error, _DENIED):
            return SourceDenied(
                f"{kafka.brokers} refuses us{who}: {_message(error)}; check kafka.security "
                "(mechanism, username, password, tls) and the right to read topic and group"
            )
        case _ if isinstance(error, _AWAY):
            return SourceUnavailable(
                f"{kafka.brokers} does not answer: {_message(error)}; check kafka.brokers and the network"
            )
        case _ if kafka.security.mechanism == "OAUTHBEARER" and "cluster metadata" in str(error):
            # A broker refuses a token by a challenge (RFC 7628, 3.2.2), which aiokafka takes for consent.
            return SourceDenied(
                f"{kafka.brokers} returned no cluster metadata; usually the token was rejected: check the token that "
                "kafka.security.token_provider returns (expiry, audience, issuer)"
            )
        # aiokafka has no name for FENCED_INSTANCE_ID, which only a static member can meet.
        case _ if kafka.instance_id and "UnknownError" in str(error):
            return duplicate_member(kafka)
        case _:
            return SourceError(f"{kafka.brokers}: {error}")


def unreadable(partition: TopicPartition, offset: int, error: Exception) -> SourceError:
    """Return the error for a record, or a whole batch of records, that the client library cannot take apart."""
    place = f"{partition.topic}[{partition.partition}]: the record at offset {offset}"
    match error:
        case errors.UnsupportedCodecError():
            return SourceError(f"{place} is compressed in a way this installation cannot read: {error}")
        case UnicodeDecodeError(object=bytes(name)):
            what = f"has a header whose name is not UTF-8 ({name[:100]!r})"
        case errors.CorruptRecordException():
            what = "lies in a batch that is corrupt (its checksum is wrong)"
        case _:
            what = f"lies in a batch that cannot be read ({type(error).__name__}: {error})"
    return SourceError(
        f"{place} {what}; nothing from there on was read. Restore it, or delete the log up to offset {offset + 1} "
        "(kafka-delete-records) and set accept_loss to go on without it"
    )


def duplicate_member(kafka: Kafka) -> OwnershipLost:
    """Return the error for a second process with our `group.instance.id`."""
    return OwnershipLost(
        f"another process runs with group.instance.id {kafka.instance_id!r}; give each replica its own instance_id"
    )


async def diagnosis(kafka: Kafka, seconds: float) -> SourceError | OwnershipLost:
    """Return why no broker took our connection: aiokafka only says that none did."""
    reasons: list[str] = []
    for host, port, _ in collect_hosts(kafka.brokers):
        try:
            connection = await create_conn(
                host,
                port,
                client_id=kafka.client_id,
                request_timeout_ms=round(seconds * 1000),
                **security_arguments(kafka.security),
            )
        except (errors.KafkaError, OSError) as error:
            if isinstance(error, _DENIED):
                return to_source_error(error, kafka)
            reasons.append(f"{host}:{port} {_message(error)}")
        else:
            connection.close()
            reasons.append(f"{host}:{port} takes connections but speaks otherwise (it may want TLS or SASL)")
    return SourceUnavailable(
        f"no broker answers: {'; '.join(reasons)}. Check kafka.brokers (--brokers), kafka.security and the network"
        + _about_certificates(kafka)
    )


def _about_certificates(kafka: Kafka) -> str:
    """Return what may be the matter with TLS: a broker that refuses a client's certificate just hangs up."""
    if not kafka.security.tls:
        return ""
    if kafka.security.certificate_file:
        return f". It may not trust the client certificate {kafka.security.certificate_file}"
    return ". It may want a client certificate: kafka.security.certificate_file and key_file"


def _message(error: Exception) -> str:
    """Return what was told, without numbers and class names."""
    match error:
        case errors.KafkaError(args=[str(told), *_]):
            return told
        case ConnectionError(errno=int(number)):  # asyncio puts the address into its text once more
            return os.strerror(number)
        case OSError(strerror=str(told)):
            return told
        case _:
            return str(error) or type(error).__name__
