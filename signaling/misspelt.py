"""Variables that look like settings and are none: a typing error would otherwise go unseen."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterable, Iterator

from dotenv import dotenv_values
from pydantic import BaseModel

from core.errors import SettingsError
from core.log import Log
from core.settings import Settings, load_settings

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


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """A refusal of settings also names the variables that are no setting, which in a section are
    refused, and elsewhere may be what is missing."""
    try:
        yield
    except SettingsError as error:
        told = [f"{name} is no setting, the nearest is {near}" for name, near in _found().items()]
        raise SettingsError("; ".join([error.message, *told])) from None


def load_or_explain(arguments: list[str], *, serving: bool = True) -> Settings:
    """`load_settings`, `explaining`."""
    with explaining():
        return load_settings(arguments, serving=serving)


def warn_of_misspelt() -> None:
    """Tell the log of variables that are no setting."""
    for name, nearest in _found().items():
        _log.warning("x unknown setting", name=name, meant=nearest)


def _found() -> dict[str, str]:
    """Those of the environment and of ``.env``; values are never told."""
    return misspelt({*os.environ, *dotenv_values(".env")})


def _variables(section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}__{inner}" for inner in _variables(field.annotation))
