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
from core.settings import PageSettings

Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
_LOGOS = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
_MAX_FILE_BYTES = 1_000_000
_DARK_INK, _LIGHT_INK = "#08201e", "#ffffff"
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
        raise SettingsError("page.folder: there is no such folder")
    page = _page(folder)
    if wrong := [code for code in [*page.languages, page.language] if code not in languages]:
        raise SettingsError(f"page.json: languages: the page does not speak {wrong[0]}")
    if settings.specimen:
        page = page.model_copy(update={"specimen": True})
    own = _read(folder / "theme.css").decode() if folder else ""
    look = _variables(page) + own
    origins = tuple(settings.frame_ancestors)
    return Property(page, look, _logo(folder), origins, tuple(sorted(stored)))


def _read(path: Path) -> bytes:
    if not path.is_file():
        return b""
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise SettingsError(f"{path.name}: at most {_MAX_FILE_BYTES} bytes")
    return path.read_bytes()


def _page(folder: Path | None) -> PropertyPage:
    text = _read(folder / "page.json") if folder else b""
    if not text:
        return PropertyPage()
    try:
        return PropertyPage.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise SettingsError(f"page.json: {place}: {first['msg']}") from None


def _logo(folder: Path | None) -> tuple[bytes, str]:
    for suffix, kind in _LOGOS.items():
        if folder and (body := _read(folder / f"logo{suffix}")):
            return body, kind
    return _ICON.read_bytes(), _LOGOS[".svg"]


def _ink(colour: str) -> str:
    """The text colour with the better contrast on it (WCAG 2.2, relative luminance)."""

    def luminance(text: str) -> float:
        parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(ink: str) -> float:
        low, high = sorted((luminance(ink), luminance(colour)))
        return (high + 0.05) / (low + 0.05)

    return max((_LIGHT_INK, _DARK_INK), key=contrast)


def _variables(page: PropertyPage) -> str:
    rules = []
    if page.theme != "auto":
        rules.append(f"color-scheme: {page.theme};")
    if page.accent:
        dark = page.accent_dark or page.accent
        for name, light_value, dark_value in (
            ("--accent", page.accent, dark),
            ("--accent-strong", page.accent, dark),
            ("--on-accent", _ink(page.accent), _ink(dark)),
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
    """``GET /logo``."""
    body, kind = request.app[PROPERTY].logo
    return web.Response(body=body, content_type=kind)
