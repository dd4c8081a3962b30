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
    # These words stand here as what is looked for, not as work left.
    assert not re.search(r"PLACEHOLDER|TODO|FIXME", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_settings_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in re.findall(r"`make ([a-z-]+)`", text):
        assert command in targets, f"{page.name} names make {command}"
    settings = load_settings([])
    sections = "access|doors|keeping|load|media|page|signaling|webhooks"
    for section, name in re.findall(rf"`-{{0,2}}({sections})\.([a-z0-9_-]+)[ `=]", text):
        if name != "py":
            assert hasattr(getattr(settings, section), name.replace("-", "_")), f"{section}.{name}"
    for variable in re.findall(r"LOBBYLENS_([A-Z0-9_]+)", text):
        place: object = settings
        for part in variable.lower().split("__"):
            assert hasattr(place, part), f"{page.name} names LOBBYLENS_{variable}"
            place = getattr(place, part)


def _anchors(page: Path) -> set[str]:
    """Headings as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_a_page_find_their_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        other = (page.parent / target) if target else page
        assert anchor in _anchors(other), f"{page.name} links to {target}#{anchor}"
