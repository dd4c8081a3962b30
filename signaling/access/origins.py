"""Pages of elsewhere: which may use the API (CORS, Fetch section 3.2)."""

from __future__ import annotations

from aiohttp import hdrs, web

from core.auth import AccessSettings
from core.http import Endpoint, is_internal

_METHODS = "GET, POST, PATCH, DELETE"
_HEADERS = "Authorization, Content-Type, Content-Encoding, If-Match, Last-Event-ID, X-API-Key"
_EXPOSED = "Location, Link, ETag, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate"
_PREFLIGHT_S = "600"
_REQUESTED = "Access-Control-Request-Method"


class Origins:
    """The allow-list, empty unless the operator fills it."""

    def __init__(self, settings: AccessSettings) -> None:
        self._allowed = frozenset(settings.allowed_origins)

    def allows(self, origin: str | None) -> bool:
        return origin in self._allowed


ORIGINS = web.AppKey("origins", Origins)


@web.middleware
async def preflights(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Answers a browser that asks whether a page of an allowed origin may ask."""
    asked = request.method == hdrs.METH_OPTIONS and _REQUESTED in request.headers
    if not (asked and request.app[ORIGINS].allows(request.headers.get(hdrs.ORIGIN))):
        return await handler(request)
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _HEADERS,
            hdrs.ACCESS_CONTROL_MAX_AGE: _PREFLIGHT_S,
        },
    )


async def add_origin_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal on_response_prepare, after the security headers. No cookies exist, so none are
    allowed; whoever asks from elsewhere shows a token."""
    origins, headers = request.app[ORIGINS], response.headers
    origin = request.headers.get(hdrs.ORIGIN)
    # Whoever passed a request on says so of the answer that the client gets.
    if origin is not None and origins.allows(origin) and not is_internal(request):
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
        headers.add(hdrs.VARY, hdrs.ORIGIN)
