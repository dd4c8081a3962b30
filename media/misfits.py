"""What is wrong with a message or body, said for the one who wrote the client.

Pydantic's own sentences may repeat what was sent; its kinds of errors do not, and of what it tells
beside them only what the schema says is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_KINDS = {
    "missing": "must be there",
    "json_invalid": "must be JSON",
    "extra_forbidden": "is not known here",
    "string_pattern_mismatch": "has another form than the description says",
    "none_required": "must be left out",
    "frozen_set_type": "must be a list",
}
_TYPES = {
    "string": "a text", "bool": "true or false", "int": "a whole number", "float": "a number",
    "finite_number": "a number", "list": "a list", "tuple": "a list", "dict": "an object",
    "model": "an object", "model_attributes": "an object", "mapping": "an object",
}  # fmt: skip
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be {} or more"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be {} or less"),
    "string_too_long": ("max_length", "has more than {} characters"),
    "string_too_short": ("min_length", "has fewer than {} characters"),
    "too_long": ("max_length", "has more than {} entries"),
    "too_short": ("min_length", "has fewer than {} entries"),
    "literal_error": ("expected", "must be {}"),
    "enum": ("expected", "must be {}"),
    "union_tag_invalid": ("expected_tags", "must be {}"),
}
_BRANCHES = frozenset({"str", "int", "float", "bool", "constrained-str", "constrained-int"})
"""Steps of a place that are no name of a field: which type of several was tried."""


def steps_to(first: ErrorDetails) -> list[str]:
    """The names that lead to what is wrong, from the outside in."""
    return [step for step in map(str, first["loc"]) if step not in _BRANCHES]


def first_misfit(error: ValidationError) -> ErrorDetails:
    """The first of what is wrong, without what was sent."""
    return error.errors(include_input=False, include_url=False)[0]


def misfit(name: str, first: ErrorDetails) -> str:
    """``name`` and what is wrong with it, of what `first_misfit` gives."""
    return f"{name}: {_wrong(first['type'], first.get('ctx', {}))}"


def _wrong(kind: str, told: Mapping[str, Any]) -> str:
    if kind in _BOUNDS:
        key, sentence = _BOUNDS[kind]
        return sentence.format(told[key])
    if kind in _KINDS:
        return _KINDS[kind]
    for ending in ("_type", "_parsing", "_from_float"):
        if kind.endswith(ending) and kind.removesuffix(ending) in _TYPES:
            return f"must be {_TYPES[kind.removesuffix(ending)]}"
    return kind.replace("_", " ")
