"""The page of settings and metrics is the code's, and the other pages name settings as it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings import Settings
from signaling.reference import reference, settings_of
from tests.test_docs import PAGES, ROOT

NAMES = {name for _, name, _ in settings_of(Settings)}


def test_the_committed_page_is_the_one_of_the_code() -> None:
    committed = (ROOT / "docs" / "reference.md").read_text()
    assert committed == reference(), "write it anew: make schema"


def test_it_tells_defaults_limits_choices_and_labels() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` (\|.*)$", reference(), re.MULTILINE))
    assert rows.keys() > NAMES
    assert rows["port"].startswith("| `8080` | ≥ 0, ≤ 65535 | TCP port")
    assert rows["media.rest"].startswith("| `true` |  | Decode only")
    assert rows["tls"].startswith("| `off` | `off`, `self-signed`, `files` |")
    assert rows["signaling.turn-secret"].startswith("|  |  | Secret")
    assert rows["lobbylens_errors_total"].startswith("| counter | `code` |")
    assert rows["lobbylens_sessions"].startswith("| gauge |  |")
    assert all(row.removesuffix("|").rsplit("|", 1)[1].strip() for row in rows.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_have_their_full_names(page: Path) -> None:
    """``capture.burst_frames`` for ``pipeline.capture.burst-frames`` is not understood."""
    for word in re.findall(r"[a-z]+(?:\.[a-z0-9_-]+)+", page.read_text()):
        told = word.replace("_", "-")
        meant = [name for name in NAMES if name == told or name.endswith(f".{told}")]
        assert not meant or word in NAMES, f"{page.name} names {word}: {meant}"
