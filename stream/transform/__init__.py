"""What a user leaves out, hides or renames, before anything is stored."""

from stream.transform.rules import TransformRules, rules_for
from stream.transform.tables import transform
from stream.transform.withhold import withhold

__all__ = ["TransformRules", "rules_for", "transform", "withhold"]
