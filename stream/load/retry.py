"""Sitting out an outage: the same call again, with back-off, as long as the error says that this is right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import stamina

from sinks import InDoubt, Transient
from stream.config.models import Retry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One failed try. `outcome` is "failed" (nothing was written) or "unknown" (the answer to a commit was lost)."""

    outcome: Literal["failed", "unknown"]
    error: Exception
    tries: int
    wait_seconds: float
    """The wait before the next try, without jitter."""


Notify = Callable[[FailedAttempt], None]


async def retry(
    call: Callable[[], Awaitable[T]],
    policy: Retry,
    notify: Notify,
    *,
    within: float | None = None,
    passing: tuple[type[Exception], ...] = (Transient, InDoubt),
) -> T:
    """Return what `call` returns, however often an error that may pass stands in between.

    `call` must be safe to repeat. Gives up after `within` seconds (`policy.give_up_seconds` when None) with the last
    error; any other error passes through at once.
    """
    tries, wait_seconds = 0, 0.0

    def again(error: Exception) -> bool:
        nonlocal tries
        if not isinstance(error, passing):
            return False
        tries += 1
        notify(FailedAttempt("unknown" if isinstance(error, InDoubt) else "failed", error, tries, wait_seconds))
        return True

    async for attempt in stamina.retry_context(
        on=again,
        attempts=None,
        timeout=policy.give_up_seconds if within is None else within,
        wait_initial=policy.first_wait_seconds,
        wait_max=policy.max_wait_seconds,
        wait_jitter=policy.first_wait_seconds,
    ):
        wait_seconds = round(attempt.next_wait, 3)
        with attempt:
            result = await call()
    return result
