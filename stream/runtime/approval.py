"""A yes before the destination's tables change, where somebody wants to be asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from sinks import SchemaPlan, Sink
from sinks.preview import Preview
from stream.errors import SchemaRefused
from stream.observe.formatting import describe

Ask: TypeAlias = Callable[[SchemaPlan, tuple[str, ...]], Awaitable[bool]]
"""Whether a plan may be applied; the statements are the DDL that would run, where the destination can tell."""

_MOST_SHOWN: Final = 50


class Approval:
    """What was asked and granted in one run: a plan that is made again, as after a conflict, is not asked for twice."""

    def __init__(self, sink: Sink, ask: Ask | None) -> None:
        self._sink = sink
        self._ask = ask
        self._granted: frozenset[str] = frozenset()

    async def check(self, plan: SchemaPlan) -> None:
        """Return when `plan` may be applied. Raises `SchemaRefused` when the answer is no."""
        if self._ask is None or not plan:
            return
        statements = self._sink.statements(plan) if isinstance(self._sink, Preview) else ()
        wanted = frozenset(statements or map(describe, plan.changes))
        if wanted <= self._granted:
            return
        if not await self._ask(plan, statements):
            raise SchemaRefused(_refusal(plan, statements))
        self._granted |= wanted


def _refusal(plan: SchemaPlan, statements: tuple[str, ...]) -> str:
    lines = statements or tuple(map(describe, plan.changes))
    shown = "".join(f"\n  {line.strip()}" for line in lines[:_MOST_SHOWN])
    more = f"\n  and {len(lines) - _MOST_SHOWN} more" if len(lines) > _MOST_SHOWN else ""
    return (
        "the events need changes of the destination's tables that nobody approved; nothing was changed, and the next "
        "run goes on at the same offsets. Approve them at a terminal with `headrace run --approve-ddl`, or run once "
        f"without --approve-ddl:{shown}{more}"
    )
