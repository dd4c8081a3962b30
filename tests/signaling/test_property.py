"""The property's own look: a folder with settings, colours and a logo."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path

import aiohttp
import pytest

from core.errors import SettingsError
from core.settings import PageSettings, load_settings
from signaling.contrast import can_be_read, contrast, ink_on
from signaling.property import load_property
from tests.conftest import Serve

LANGUAGES = ["de", "en", "he"]


def folder(tmp_path: Path, **page: object) -> PageSettings:
    (tmp_path / "page.json").write_text(json.dumps(page))
    return PageSettings(folder=tmp_path)


def test_without_a_folder_the_page_is_our_own() -> None:
    told = load_property(PageSettings(), LANGUAGES)
    assert told.page.name == "LobbyLens"
    assert not told.page.specimen, "a real kiosk offers guests no specimen"
    assert told.css == ""
    assert told.logo[1] == "image/svg+xml"


async def test_the_page_is_told_what_is_stored(serve: Serve, tmp_path: Path) -> None:
    """Else it would promise guests what the property's settings break."""
    keys = "k1:" + base64.b64encode(bytes(32)).decode()
    where = ("--keeping.folder", str(tmp_path), "--keeping.keys", keys)
    for arguments, stored in [
        ((), []),
        ((*where, "--keeping.json-hours", "24"), ["json"]),
        ((*where, "--keeping.image-hours", "1"), ["image", "other"]),
    ]:
        server = await serve(None, *arguments)
        async with aiohttp.ClientSession(server.url) as http, http.get("/page.json") as answer:
            assert (await answer.json())["stored"] == stored


def test_a_folder_names_colours_and_languages(tmp_path: Path) -> None:
    (tmp_path / "theme.css").write_text(":root { --radius: 2px; }")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    settings = folder(
        tmp_path, name="Hotel Utopia", accent="#7a1f2b", theme="dark", languages=["he", "en"]
    )
    told = load_property(settings, LANGUAGES)
    assert told.page.name == "Hotel Utopia"
    assert "color-scheme: dark" in told.css
    assert "--accent: light-dark(#7a1f2b, #7a1f2b)" in told.css
    assert told.css.endswith("--radius: 2px; }")
    assert told.logo == (b"\x89PNG", "image/png")


@pytest.mark.parametrize(("accent", "ink"), [("#7a1f2b", "#ffffff"), ("#ffd54a", "#08201e")])
def test_text_on_the_accent_is_the_one_that_can_be_read(
    tmp_path: Path, accent: str, ink: str
) -> None:
    told = load_property(folder(tmp_path, accent=accent), LANGUAGES)
    assert f"--on-accent: light-dark({ink}, {ink})" in told.css


@pytest.mark.parametrize(
    ("accent", "accent_dark", "light", "dark"),
    [
        ("#7a1f2b", None, "#7a1f2b", "var(--ink)"),
        ("#ffd54a", "#7a1f2b", "var(--ink)", "var(--ink)"),
        ("#155e5b", "#6fd0c4", "#155e5b", "#6fd0c4"),
    ],
)
def test_words_in_the_accent_are_in_it_only_where_they_can_be_read(
    tmp_path: Path, accent: str, accent_dark: str | None, light: str, dark: str
) -> None:
    told = load_property(folder(tmp_path, accent=accent, accent_dark=accent_dark), LANGUAGES)
    assert f"--accent-text: light-dark({light}, {dark})" in told.css


def test_on_every_accent_there_is_text_that_can_be_read() -> None:
    levels = range(0, 256, 17)
    for red, green, blue in itertools.product(levels, repeat=3):
        accent = f"#{red:02x}{green:02x}{blue:02x}"
        assert can_be_read(ink_on(accent), accent), accent


def test_contrast_is_that_of_the_guidelines() -> None:
    """Black on white is 21 to 1; #767676 is the lightest grey for text on white (G18)."""
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == pytest.approx(21)
    assert can_be_read("#767676", "#ffffff") and not can_be_read("#777777", "#ffffff")


@pytest.mark.parametrize(
    ("page", "named"),
    [
        ({"accent": "red"}, "json: accent: must be a colour written as #rrggbb$"),
        ({"accent_dark": "#fff"}, "accent_dark: must be a colour"),
        ({"idle_s": 3}, "idle_s"),
        ({"colour": "#ffffff"}, "colour"),
        ({"languages": ["xx"]}, "xx"),
        ({"language": "fr"}, "fr"),
    ],
)
def test_a_mistake_in_the_file_is_named(
    tmp_path: Path, page: dict[str, object], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        load_property(folder(tmp_path, **page), LANGUAGES)


@pytest.mark.parametrize("name", ["theme.css", "page.json"])
def test_a_file_that_is_no_text_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b":root { --font: \xfc }")
    with pytest.raises(SettingsError, match=f"{name}: .*UTF-8"):
        load_property(PageSettings(folder=tmp_path), LANGUAGES)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"page\.folder"):
        load_property(PageSettings(folder=tmp_path / "none"), LANGUAGES)


@pytest.mark.parametrize(
    "origin",
    ["https://desk.example/", "desk.example", "https://*.example", "https://Desk.example", "*"],
)
def test_only_whole_origins_may_frame_the_page(origin: str) -> None:
    with pytest.raises(SettingsError, match="frame-ancestors"):
        load_settings(["--page.frame-ancestors", origin])


async def test_headers_name_who_may_frame_the_page(serve: Serve) -> None:
    origins = "https://desk.example, http://10.0.0.5:8090"
    server = await serve(None, "--page.frame-ancestors", origins)
    async with aiohttp.ClientSession(server.url) as http:
        for path in ("/", "/staff", "/health", "/static/embed.js"):
            async with http.get(path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                ends = "frame-ancestors 'self' https://desk.example http://10.0.0.5:8090"
                assert policy.endswith(ends)
                assert "unsafe-inline" not in policy
        async with http.get("/static/embed.js") as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        async with http.get("/static/js/main.js") as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with http.get("/page.json") as answer:
            told = await answer.json()
            assert told["frame_ancestors"] == ["https://desk.example", "http://10.0.0.5:8090"]
        for path, kind in (("/theme.css", "text/css"), ("/logo", "image/svg+xml")):
            async with http.get(path) as answer:
                assert answer.content_type == kind
