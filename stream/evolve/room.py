"""Room for columns: which rows go in where a table cannot have all the columns that a batch would need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream.evolve.assign_columns import Settled
from stream.evolve.evolved import Misfit
from stream.evolve.root_rows import distinct_texts, root_ids, roots_with
from stream.model import FlatTable
from stream.model.tables import Array

TOO_MANY_COLUMNS = "too_many_columns"


def without_room(flat: FlatTable, settled: Sequence[Settled], stored: int, limit: int) -> Mapping[str, Misfit]:
    """Return the root rows that need a new column for which a table with `stored` columns has no room.

    Rows whose new columns many rows share go first, then those that need few: one odd record costs no other its place.
    Empty when all fit.
    """
    new = [each for each in settled if each.was is None]
    room = limit - stored
    if len(new) <= room:
        return {}
    why = Misfit(
        TOO_MANY_COLUMNS,
        f"{flat.name} would need {stored + len(new)} columns, the destination allows {limit}; set tables.overflow = "
        "'json' to keep such keys in one JSON column, or a lower tables.max_nesting to keep wide objects as JSON",
    )
    roots = [root_ids(chunk) for chunk in flat.chunks]
    return dict.fromkeys(_refused(roots, new, room), why)


def _refused(roots: Sequence[Array], new: Sequence[Settled], room: int) -> list[str]:
    valued = [each for each in new if each.values]
    room -= len(new) - len(valued)
    if room > 0:
        return _beyond(room, _needs(roots, valued))
    return _having(roots, valued) or [root for chunk in roots for root in distinct_texts(chunk)]


def _having(roots: Sequence[Array], columns: Sequence[Settled]) -> list[str]:
    """Return the root rows that have a value in any of these columns."""
    found: dict[str, None] = {}
    for index, chunk in enumerate(roots):
        found |= dict.fromkeys(roots_with(chunk, [each.values[index] for each in columns if index in each.values]))
    return list(found)


def _needs(roots: Sequence[Array], columns: Sequence[Settled]) -> Mapping[str, set[str]]:
    needs: dict[str, set[str]] = {}
    for each in columns:
        for root in _having(roots, [each]):
            needs.setdefault(root, set()).add(each.column.name)
    return needs


def _beyond(room: int, needs: Mapping[str, set[str]]) -> list[str]:
    shared: dict[str, int] = {}
    for columns in needs.values():
        for column in columns:
            shared[column] = shared.get(column, 0) + 1
    admitted: set[str] = set()
    refused: list[str] = []
    for root in sorted(needs, key=lambda root: (-min(shared[column] for column in needs[root]), len(needs[root]))):
        if len(admitted | needs[root]) <= room:
            admitted |= needs[root]
        else:
            refused.append(root)
    return refused
