"""What an Avro schema says of fields beside their types: a text for people, and whether each record has a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from sinks.schema import ColumnHints
from stream.decode.avro.nodes import NULL, ArrayOf, Node, Record, Union, sole_branch

Path: TypeAlias = tuple[str, ...]

_MOST_CHARACTERS: Final = 1_000


def described(node: Node, path: Path = (), *, sure: bool = True) -> Iterator[tuple[Path, ColumnHints]]:
    """Yield what is said of each field, by its path of keys; lists are passed through.

    `sure`: there is a row for each value of `node`, so that what it requires is there in each row.
    """
    match node:
        case Record():
            for field in node.fields:
                inner = (*path, field.name)
                has_value = sure and not _may_be_null(field.node)
                text = field.doc[:_MOST_CHARACTERS] if field.doc else None
                yield inner, ColumnHints(required=has_value, description=text)
                yield from described(field.node, inner, sure=has_value)
        case ArrayOf():
            yield from described(node.item, path, sure=True)
        case Union() if sole := sole_branch(node):
            yield from described(sole, path, sure=False)


def _may_be_null(node: Node) -> bool:
    return node == NULL or (isinstance(node, Union) and any(branch.node == NULL for branch in node.branches))
