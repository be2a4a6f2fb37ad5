"""A batch meets the schema: what the destination must become, and the tables that fit it then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sinks import Schema, SchemaPlan
from stream.evolve.conform import conform
from stream.evolve.contract import judge_columns, judge_required, judge_table
from stream.evolve.evolved import Evolved, Misfit
from stream.evolve.room import without_room
from stream.evolve.rules import Rules
from stream.evolve.table_draft import TableDraft, draft_table
from stream.evolve.verdict import Verdict
from stream.model import FlatTable
from stream.model.table_places import places_of


def evolve(schema: Schema, tables: Sequence[FlatTable], rules: Rules) -> Evolved:
    """Return the schema that holds every value of `tables` exactly, the values in its columns, and who stays out. Pure.

    Only additive: new tables, new columns, types that widen, variants for what does not fit, as far as the contract
    lets them. Raises `SchemaConflict` when the columns' names were given under another schema; `SchemaRefused` where
    the contract says stop; `UnsupportedValue`.
    """
    refused: dict[str, Misfit] = {}
    discarded: dict[str, Misfit] = {}
    dropped: Counter[str] = Counter()
    drafts = _drafts(schema, tables, rules)
    while verdict := next(filter(None, _verdicts(schema, drafts, rules)), None):
        refused |= verdict.refused
        discarded |= verdict.discarded
        if verdict.dropped:
            dropped[verdict.dropped[0]] += len(verdict.dropped[1])
        tables = verdict.applied(tables)
        drafts = _drafts(schema, tables, rules)
    return replace(_evolved(schema, drafts), refused=refused, discarded=discarded, dropped=dropped)


def _drafts(schema: Schema, tables: Sequence[FlatTable], rules: Rules) -> list[TableDraft]:
    places = places_of(tables)
    return [draft_table(schema.tables.get(flat.name), flat, places[flat.name], rules) for flat in tables]


def _verdicts(schema: Schema, drafts: Sequence[TableDraft], rules: Rules) -> Iterator[Verdict]:
    """Yield for each table what becomes of the rows that it does not take; an empty verdict when it takes all."""
    for draft in drafts:
        stored = draft.known.columns if draft.known else {}
        if draft.known is not None:
            yield judge_columns(draft.flat, draft.settled, draft.rules.contract)
        elif draft.flat.parent is None or draft.place.root in schema.tables:
            yield judge_table(draft.flat, draft.rules.contract)
        yield judge_required(draft.flat, draft.settled, draft.rules, draft.place, stored)
        yield Verdict(without_room(draft.flat, draft.settled, len(stored), rules.max_columns))


def _evolved(schema: Schema, drafts: Sequence[TableDraft]) -> Evolved:
    target = {**schema.tables, **{draft.flat.name: draft.table for draft in drafts}}
    changes = tuple(change for draft in drafts for change in draft.changes)
    after = Schema(schema.version + 1, target) if changes else schema
    return Evolved(
        SchemaPlan(schema, after, changes),
        {draft.flat.name: conform(draft.table, draft.flat, draft.settled) for draft in drafts},
        trimmed={f"{d.flat.name}.{column}": count for d in drafts for column, count in d.trimmed.items()},
    )
