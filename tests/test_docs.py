"""The documents speak of things that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "models" / "README.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere_and_nothing_is_left_open(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
    assert not re.search(r"PLACEHOLDER|TODO|FIXME", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_settings_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in re.findall(r"`make ([a-z-]+)`", text):
        assert command in targets, f"{page.name} names make {command}"
    settings = load_settings([])
    for section, name in re.findall(r"`-{0,2}(media|signaling)\.([a-z-]+)[ `]", text):
        assert hasattr(getattr(settings, section), name.replace("-", "_")), f"{section}.{name}"
