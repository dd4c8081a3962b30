"""What a benchmark finds on the machine: settings of servers, and what is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator

from core.settings import Settings, load_settings
from examples.demo import ELSEWHERE, own_environment


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    whole = dict(os.environ)
    for name in whole.keys() - own_environment().keys():
        del os.environ[name]
    try:
        with contextlib.chdir(ELSEWHERE):
            yield
    finally:
        os.environ.update(whole)


def own_settings(*arguments: str) -> Settings:
    """The settings of a server that is measured within this process: not those that an operator
    has set for a real one, as in ``examples.demo``."""
    with _elsewhere():
        return load_settings(list(arguments))


def needs(*modules: str) -> None:
    """Tell what is not installed before anything is measured. Raises SystemExit."""
    if missing := [name for name in modules if importlib.util.find_spec(name) is None]:
        raise SystemExit(f"without {' and '.join(missing)}: run `make setup-test` first")
