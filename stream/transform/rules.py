"""What is to be done to the fields of a topic's events, made once from its settings."""

from __future__ import annotations

from dataclasses import dataclass

from stream.config.topics import Topic
from stream.model.field_paths import FieldPath, Path, PathPattern, parse_pattern, parse_patterns
from stream.transform.pseudonyms import Replace, keyed_hash, masked


@dataclass(frozen=True, slots=True)
class TransformRules:
    """Which fields stay, and which values are replaced. Empty rules change nothing."""

    include: tuple[PathPattern, ...] = ()
    exclude: tuple[PathPattern, ...] = ()
    replace: tuple[tuple[PathPattern, Replace], ...] = ()
    times: tuple[tuple[PathPattern, str], ...] = ()
    private: bool = False
    """Something of an event must not be stored: then a record that is set aside is stored without its bytes."""

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude or self.replace or self.times)

    def keeps(self, field: FieldPath) -> bool:
        """Return whether the values of `field` go into the tables."""
        included = not self.include or any(pattern.covers(field) for pattern in self.include)
        return included and not any(pattern.covers(field) for pattern in self.exclude)

    def replacement(self, field: FieldPath) -> Replace | None:
        """Return what replaces the values of `field`; None where they stay."""
        return next((replace for pattern, replace in self.replace if pattern.covers(field)), None)

    def time_format(self, field: FieldPath) -> str | None:
        """Return how `field` writes instants; None where nobody said."""
        return next((form for pattern, form in self.times if pattern.covers(field)), None)

    def reach_below(self, keys: Path) -> bool:
        """Return whether something inside of the JSON value at `keys` may have to be left out or replaced."""
        patterns = (*self.include, *self.exclude, *(pattern for pattern, _ in self.replace))
        return any(pattern.reaches_below(keys) for pattern in patterns)


def rules_for(settings: Topic, salt: bytes) -> TransformRules:
    """Return the rules that a topic's settings ask for. Raises `ConfigError` for a path that is none."""
    hidden = parse_patterns(settings.anonymize or ())
    starred = parse_patterns(settings.mask or ())
    dropped = parse_patterns(settings.drop or ())
    hashed = keyed_hash(salt)
    hints = settings.columns or {}
    return TransformRules(
        include=parse_patterns(settings.include or ()),
        exclude=(*parse_patterns(settings.exclude or ()), *dropped),
        replace=(*((pattern, hashed) for pattern in hidden), *((pattern, masked) for pattern in starred)),
        times=tuple((parse_pattern(name), hint.format) for name, hint in hints.items() if hint.format),
        private=bool(hidden or starred or dropped),
    )
