"""The property's own look: name, colours, logo, languages; what the guest's page asks for first.

A folder (``page.folder``) may hold ``page.json`` (`PropertyPage`), ``theme.css`` (sets the
variables of ``static/css/theme.css``) and ``logo.svg``, ``logo.png`` or ``logo.webp``. They are
read once, at start, so that a mistake is told to the operator and not to a guest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import SettingsError
from core.http import public
from core.sections import looks_like
from core.settings import PageSettings
from signaling.contrast import can_be_read, ink_on

Colour = Annotated[str, looks_like(r"#[0-9A-Fa-f]{6}", "must be a colour written as #rrggbb")]
_LOGOS = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
_MAX_FILE_BYTES = 1_000_000
_GROUNDS = ("#edeae2", "#262d35")
"""Of the page's grounds in light and in dark those on which text is hardest to read: --sunken."""
_ICON = Path(__file__).resolve().parent.parent / "static" / "icon.svg"


class PropertyPage(BaseModel):
    """``page.json``. Every key may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=60)] = "LobbyLens"
    accent: Colour | None = None
    """Colour of what is to be pressed, in light and in dark."""
    accent_dark: Colour | None = None
    """The same in dark only."""
    theme: Literal["auto", "light", "dark"] = "auto"
    languages: list[str] = []
    """Codes in the order shown; empty: all that the page has."""
    language: str = "en"
    """Where neither the guest nor the browser tells another."""
    attract: bool = True
    """Begin with the screen that invites whoever passes by; false on a guest's own phone."""
    specimen: bool = False
    """Offer to play the drawn specimen as a camera: for trials, not for guests."""
    sound: bool = True
    signature: bool = False
    """Offer to sign on the screen, where the card has a place for it: whether that is enough is a
    matter of each country's law."""
    idle_s: Annotated[int, Field(ge=20, le=600)] = 60
    """Seconds without a sign of the guest after which everything is wiped."""


@dataclass(frozen=True, slots=True)
class Property:
    """What is served: ``page`` as JSON, ``css`` as text, ``logo`` as (body, type). ``stored``: the
    kinds of files that are kept of a visit, so that the page tells its guests the truth."""

    page: PropertyPage
    css: str
    logo: tuple[bytes, str]
    frame_ancestors: tuple[str, ...]
    stored: tuple[str, ...] = ()


PROPERTY = web.AppKey("property", Property)


def load_property(
    settings: PageSettings, languages: list[str], stored: Iterable[str] = ()
) -> Property:
    """Reads the folder. Raises SettingsError that names the file and what is wrong in it."""
    folder = settings.folder
    if folder is not None and not folder.is_dir():
        raise SettingsError(f"page.folder: there is no folder {folder}")
    page = _page(folder)
    if wrong := [code for code in [*page.languages, page.language] if code not in languages]:
        raise SettingsError(f"page.json: languages: the page does not speak {wrong[0]}")
    if settings.specimen:
        page = page.model_copy(update={"specimen": True})
    own = _read_text(folder / "theme.css") if folder else ""
    look = _variables(page) + own
    origins = tuple(settings.frame_ancestors)
    return Property(page, look, _logo(folder), origins, tuple(sorted(stored)))


def _read(path: Path) -> bytes:
    if not path.is_file():
        return b""
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise SettingsError(f"{path.name}: at most {_MAX_FILE_BYTES} bytes")
    return path.read_bytes()


def _read_text(path: Path) -> str:
    try:
        return _read(path).decode()
    except UnicodeDecodeError:
        raise SettingsError(f"{path.name}: save it as UTF-8") from None


def _page(folder: Path | None) -> PropertyPage:
    text = _read_text(folder / "page.json") if folder else ""
    if not text:
        return PropertyPage()
    try:
        return PropertyPage.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        told = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"page.json: {place}: {told}") from None


def _logo(folder: Path | None) -> tuple[bytes, str]:
    for suffix, kind in _LOGOS.items():
        if folder and (body := _read(folder / f"logo{suffix}")):
            return body, kind
    return _ICON.read_bytes(), _LOGOS[".svg"]


def _text_in(colour: str, ground: str) -> str:
    """This colour for words on the page's grounds, or the page's own where nobody could read it."""
    return colour if can_be_read(colour, ground) else "var(--ink)"


def _tint(colour: str, rest: str) -> str:
    return f"color-mix(in srgb, {colour} {rest})"


def _variables(page: PropertyPage) -> str:
    rules = []
    if page.theme != "auto":
        rules.append(f"color-scheme: {page.theme};")
    if page.accent:
        light, dark = page.accent, page.accent_dark or page.accent
        for name, light_value, dark_value in (
            ("--accent", light, dark),
            ("--accent-strong", light, dark),
            ("--on-accent", ink_on(light), ink_on(dark)),
            ("--accent-text", *map(_text_in, (light, dark), _GROUNDS)),
            ("--accent-tint", _tint(light, "12%, #ffffff"), _tint(dark, "24%, #1d2329")),
        ):
            rules.append(f"{name}: light-dark({light_value}, {dark_value});")
    return f":root {{ {' '.join(rules)} }}\n" if rules else ""


@public
async def page_json(request: web.Request) -> web.Response:
    """``GET /page.json``: `PropertyPage`, the origins that may frame the page, what is stored."""
    told = request.app[PROPERTY]
    also = {"frame_ancestors": list(told.frame_ancestors), "stored": list(told.stored)}
    return web.json_response({**told.page.model_dump(), **also})


@public
async def theme(request: web.Request) -> web.Response:
    """``GET /theme.css``: the property's colours, after the page's own."""
    return web.Response(text=request.app[PROPERTY].css, content_type="text/css")


@public
async def logo(request: web.Request) -> web.Response:
    """``GET /logo``: the property's logo."""
    body, kind = request.app[PROPERTY].logo
    return web.Response(body=body, content_type=kind)
