"""The chart's `README.md`: the comments of `values.yaml` as a table, with the defaults beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

_MARK: Final = re.compile(r"^\s*# -- ?")
_FURTHER: Final = re.compile(r"^\s*# ?")
_WIDEST: Final = 60


@dataclass(frozen=True, slots=True)
class Value:
    """One documented value of the chart."""

    path: str
    default: Any
    meaning: str

    @property
    def row(self) -> str:
        """The value as a row of a Markdown table."""
        return f"| `{self.path}` | {_shown(self.default)} | {self.meaning.replace('|', chr(92) + '|')} |"


def readme(template: str, values_yaml: str) -> str:
    """Return `template` with the table of all documented values in the place of `{{ values }}`."""
    rows = [value.row for value in documented(values_yaml)]
    return template.replace("{{ values }}", "\n".join(["| value | default | meaning |", "|---|---|---|", *rows]))


def documented(values_yaml: str) -> Iterator[Value]:
    """Yield every value that has a comment beginning with `--`, in the order of the file."""
    yield from _walk(yaml.compose(values_yaml, yaml.SafeLoader), values_yaml.splitlines(), ())


def _walk(node: yaml.Node, lines: Sequence[str], above: tuple[str, ...]) -> Iterator[Value]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, child in node.value:
        path = (*above, key.value)
        mark = key.start_mark
        begins_line = not lines[mark.line][: mark.column].strip()
        if begins_line and (meaning := _comment(lines, mark.line)):
            yield Value(".".join(path), yaml.SafeLoader("").construct_document(child), meaning)
        yield from _walk(child, lines, path)


def _comment(lines: Sequence[str], line: int) -> str:
    found: list[str] = []
    for text in reversed(lines[:line]):
        if _MARK.match(text):
            return " ".join([_MARK.sub("", text), *found]).strip()
        if not text.lstrip().startswith("#"):
            return ""
        found.insert(0, _FURTHER.sub("", text).strip())
    return ""


def _shown(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=False)
    return f"`{text}`" if len(text) <= _WIDEST else "see `values.yaml`"
