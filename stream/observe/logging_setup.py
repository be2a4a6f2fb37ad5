"""One log for us and for the libraries we use: on stderr, readable or JSON, never with a secret in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Final, Literal, TextIO

import stamina.instrumentation
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from stream.config.redaction import redact

LogFormat = Literal["console", "json"]
_OURS: Final = "headrace"
_NOISY: Final = ("aiokafka", "asyncio")  # they log as ERROR what we retry and report ourselves


def configure_logging(log_format: LogFormat, level: str, secrets: Sequence[str] = ()) -> FilteringBoundLogger:
    """Send all logging to stderr and return our logger. `secrets` are masked wherever they turn up.

    Libraries are heard from WARNING on, and all of them at level `debug`.
    """
    stamina.instrumentation.set_on_retry_hooks(())  # every retry is a fact of ours, logged like the others
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_prepared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _Redacted(secrets),
                _renderer(log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    debug = level == "debug"
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.NOTSET if debug else logging.CRITICAL)
    ours = logging.getLogger(_OURS)
    ours.setLevel(level.upper())
    logger: FilteringBoundLogger = structlog.wrap_logger(
        ours,
        processors=[
            structlog.stdlib.filter_by_level,
            *_prepared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


def _prepared() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _renderer(log_format: LogFormat) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: the live progress display puts itself in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # a property in the place of an attribute
        return sys.stderr


class _Redacted:
    """Masks secrets in every text of an event, however deep."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {key: self._masked(value) for key, value in event.items()}

    def _masked(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case dict():
                return {self._masked(key): self._masked(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self._masked(inner) for inner in value]
            case _:
                return redact(str(value), self._secrets)
