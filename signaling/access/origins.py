"""Pages of elsewhere: which may use the API (CORS, Fetch section 3.2) and which may frame ours."""

from __future__ import annotations

from aiohttp import hdrs, web

from core.auth import AccessSettings
from core.http import Endpoint

_METHODS = "GET, POST, PATCH, DELETE"
_HEADERS = "Authorization, Content-Type, Content-Encoding, If-Match"
_EXPOSED = "Location, Link, ETag, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate"
_PREFLIGHT_S = "600"
_CSP = "Content-Security-Policy"
_OWN_FRAMES = "frame-ancestors 'self'"
_REQUESTED = "Access-Control-Request-Method"


class Origins:
    """The allow-lists; both are empty unless the operator fills them."""

    def __init__(self, settings: AccessSettings) -> None:
        self._allowed = frozenset(settings.allowed_origins)
        self._frames = " ".join([_OWN_FRAMES, *settings.frame_ancestors])

    def allows(self, origin: str | None) -> bool:
        return origin in self._allowed

    def frame(self, policy: str) -> str:
        """A content security policy with those who may frame the page."""
        return policy.replace(_OWN_FRAMES, self._frames)


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
    if _CSP in headers:
        headers[_CSP] = origins.frame(headers[_CSP])
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origins.allows(origin):
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
        headers.add(hdrs.VARY, hdrs.ORIGIN)
