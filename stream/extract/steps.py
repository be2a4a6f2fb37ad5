"""What is done to items on their way from a resource to its table: maps, filters, limits, cursors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from stream.extract.frames import is_tabular


class LimitReached(Exception):
    """Enough was taken: the resource need not go on."""


class Step(Protocol):
    """Takes one item (a row, a list of rows, a table) and gives those that go on."""

    def __call__(self, item: Any) -> Iterator[Any]:
        """Yield what becomes of `item`."""
        ...


StepMaker = Callable[[], Step]
"""Makes a step for one extraction: a limit counts anew each time."""


def mapping(change: Callable[[Any], Any]) -> StepMaker:
    """Return the step that gives `change(row)` for each row; a table is changed as a whole."""

    def step(item: Any) -> Iterator[Any]:
        yield [change(row) for row in item] if isinstance(item, list) else change(item)

    return lambda: step


def filtering(keep: Callable[[Any], Any]) -> StepMaker:
    """Return the step that lets rows pass for which `keep(row)` is true; for a table `keep` gives a mask."""

    def step(item: Any) -> Iterator[Any]:
        if isinstance(item, list):
            yield [row for row in item if keep(row)]
        elif is_tabular(item):
            yield item.filter(keep(item))
        elif keep(item):
            yield item

    return lambda: step


def limiting(most: int) -> StepMaker:
    """Return the step that ends the resource after `most` items (what it yields: a row, or a list of them)."""

    def make() -> Step:
        left = most

        def step(item: Any) -> Iterator[Any]:
            nonlocal left
            if left <= 0:
                raise LimitReached
            left -= 1
            yield item

        return step

    return make


def through(steps: Sequence[Step], item: Any) -> Iterator[Any]:
    """Yield what comes out of `item` after all steps. Raises `LimitReached`."""
    if not steps:
        yield item
        return
    for made in steps[0](item):
        yield from through(steps[1:], made)
