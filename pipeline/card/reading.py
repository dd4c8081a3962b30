"""Reads the JSON files of a card's folder, checked against their classes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from core.errors import SettingsError

Read = TypeVar("Read")


def read_json(kind: type[Read], path: Path, what: str) -> Read:
    """The file as a ``kind``. Raises SettingsError that says what is wrong with ``what``."""
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{what} {path.name} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise SettingsError(f"{what} {path.name}: {place}: {problem['msg']}") from None
