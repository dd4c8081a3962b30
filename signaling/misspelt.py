"""Variables that look like settings and are none: a typing error would otherwise go unseen."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator

from dotenv import dotenv_values
from pydantic import BaseModel

from core.log import Log
from core.settings import Settings

_log = Log("settings")


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """Which of these environment variables look like settings and are none, and the nearest."""
    prefix = Settings.model_config["env_prefix"]
    known = [prefix + name.upper() for name in _variables(Settings)]

    def nearest(name: str) -> str:
        # The commonest error: the name is right, its section is left out.
        whole = [each for each in known if each.endswith(f"__{name.removeprefix(prefix)}")]
        return (whole or difflib.get_close_matches(name, known, n=1, cutoff=0))[0]

    return {
        name: nearest(name.upper())
        for name in sorted(names)
        if name.upper().startswith(prefix) and name.upper() not in known
    }


def warn_of_misspelt() -> None:
    """Look through the environment and ``.env``; values are never told."""
    for name, nearest in misspelt({*os.environ, *dotenv_values(".env")}).items():
        _log.warning("x unknown setting", name=name, meant=nearest)


def _variables(section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}__{inner}" for inner in _variables(field.annotation))
