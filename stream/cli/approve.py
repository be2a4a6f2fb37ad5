"""`headrace run --approve-ddl`: a question at the terminal before tables change."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import anyio

from stream.cli.schema_lines import print_lines, statement_lines, table_lines

if TYPE_CHECKING:
    from sinks import SchemaPlan

_QUESTION: Final = "Change the destination like this? [y/N] "
_YES: Final = frozenset({"y", "yes"})


class TerminalApproval:
    """Asks whoever sits at the terminal; where there is none, or once the run is to stop, the answer is no."""

    def __init__(self, stopping: anyio.Event) -> None:
        self._stopping = stopping

    async def ask(self, plan: SchemaPlan, statements: tuple[str, ...]) -> bool:
        """Show what would change, as `headrace plan` does, and return whether the answer was yes."""
        if not sys.stdin.isatty():
            return False
        changed = {name: "" for name, table in plan.target.tables.items() if plan.base.tables.get(name) != table}
        print_lines((*table_lines(plan, changed), *statement_lines(statements)), to_stderr=True)
        print(_QUESTION, end="", file=sys.stderr, flush=True)
        return (await self._line()).strip().lower() in _YES

    async def _line(self) -> str:
        """Return the next line that is typed; nothing when the run is to stop. Blocks no thread while it waits."""
        line = ""
        async with anyio.create_task_group() as group:
            group.start_soon(self._give_up, group.cancel_scope, name="stop while asking")
            await anyio.wait_readable(sys.stdin)
            line = sys.stdin.readline()
            group.cancel_scope.cancel()
        return line

    async def _give_up(self, scope: anyio.CancelScope) -> None:
        await self._stopping.wait()
        scope.cancel()
