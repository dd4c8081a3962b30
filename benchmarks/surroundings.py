"""The settings of servers that are measured: not those that an operator has set for a real one."""

from __future__ import annotations

import contextlib
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
    """The settings of a server within this process, as ``examples.demo`` starts one of its own."""
    with _elsewhere():
        return load_settings(list(arguments))
