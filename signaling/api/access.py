"""Who may use these doors: the server's token, a session's secret, and no page of elsewhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from core.auth import Scope
from core.errors import Forbidden
from core.http import Endpoint
from signaling.access.door import admit
from signaling.access.origins import ORIGINS

_OWN = ("same-origin", "none")
_FETCH_SITE = "Sec-Fetch-Site"


def refuse_other_pages(request: web.Request) -> None:
    """Raises Forbidden when a browser says that a page of another origin asks.

    Such a page may post forms and open WebSockets without asking first (Fetch, section 3.2.2), and
    could so take a guest's place on a server that asks for no token. Clients that are no browser
    send neither header. Behind a proxy that changes Host, the newer of the two headers tells.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or request.headers.get(_FETCH_SITE) in _OWN:
        return
    if request.app[ORIGINS].allows(origin):
        return
    hosts = {request.headers.get(hdrs.HOST), request.headers.get(hdrs.X_FORWARDED_HOST)}
    if _netloc(origin) not in hosts - {None}:
        raise Forbidden("this address is not for pages of other origins")


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # brackets that hold no address
        return ""


def same_origin(endpoint: Endpoint) -> Endpoint:
    """Wraps an endpoint that changes something, or is told guest data."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        refuse_other_pages(request)
        return await endpoint(request)

    guarded.__doc__ = endpoint.__doc__
    guarded.public = getattr(endpoint, "public", False)  # type: ignore[attr-defined]
    return guarded


def first_line(endpoint: object) -> str:
    """What an endpoint says of itself, without its own address."""
    line = (endpoint.__doc__ or "").strip().split("\n")[0]
    return re.sub(r"^``[A-Z]+ [^`]*``:?\s*", "", line).replace("``", "")


async def require_token(request: web.Request) -> None:
    """For what a public address does without a session's secret.

    Raises Unauthorized, InsufficientScope, RateLimited.
    """
    await admit(request, Scope.KIOSK)
