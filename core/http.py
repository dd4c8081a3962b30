"""HTTP glue for every door: errors as JSON, access, limits and security headers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import re
import secrets
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import hdrs, web

from core.errors import (
    BadRequest,
    InsufficientScope,
    InvalidMessage,
    LobbyLensError,
    MethodNotAllowed,
    MisdirectedRequest,
    NotFound,
    Overloaded,
    RateLimited,
    TooLarge,
    Unauthorized,
    UnsupportedMediaType,
    UpgradeRequired,
)
from core.log import Log
from core.metrics import Metrics

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]

METRICS = web.AppKey("metrics", Metrics)
LABEL_KEY = web.AppKey("label_key", bytes)
"""One for all workers, so that a client has one label whichever it reaches."""
FRAME_ANCESTORS: web.AppKey[tuple[str, ...]] = web.AppKey("frame_ancestors", tuple)
"""Origins besides our own that may hold the page in a frame."""

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# The page loads nothing from elsewhere and runs nothing inline; blob: carries the guest's own
# camera pictures and card, which never leave the page.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; frame-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'"
)
EMBED_SCRIPT = "/static/embed.js"

SERVER_OPTIONS: dict[str, Any] = {"auto_decompress": False, "keepalive_timeout": 75}
"""For aiohttp's runner. It would unpack bodies on the event loop, as far as they go, before anybody
could say that they are too long. And it would wait an hour for a request's headers to be whole:
from a connection's beginning, or its last answer, they have as long as a connection may idle.
Proxies keep theirs for 60 s, and must be the first to end them."""

INTERNAL_CLIENT = "X-LobbyLens-Client"
"""Who asked, on a request that one worker passes on to another."""

_BODY_TIMEOUT_S = 30
_PACKED = ("gzip", "x-gzip", "deflate")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:\[\]]+)(?::\d+)?")

_log = Log("http")


class BodyRoom:
    """Bytes of requests' bodies that are held at the same time; one address has half of them.

    Nobody knows whose session a body names before it is there, so each client that may connect
    could send as many of the longest as it likes.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held: dict[str, int] = {}
        self.held_bytes = 0

    def take(self, request: web.Request, count: int) -> None:
        """Room for so many more bytes of this request. Raises Overloaded."""
        address, before = request.get(_TAKEN) or (client_address(request), 0)
        own = self._held.get(address, 0) + count
        if own > self._most // 2 or self.held_bytes + count > self._most:
            raise Overloaded("too many requests bring their bodies now: try again in a moment", 5)
        self._held[address] = own
        self.held_bytes += count
        request[_TAKEN] = (address, before + count)

    def give_back(self, request: web.Request) -> None:
        """What this request has taken; nothing the second time."""
        address, taken = request.get(_TAKEN) or ("", 0)
        if not taken:
            return
        request[_TAKEN] = (address, 0)
        self.held_bytes -= taken
        self._held[address] -= taken
        if not self._held[address]:
            del self._held[address]


BODIES = web.AppKey("bodies", BodyRoom)
_TAKEN = web.RequestKey("body bytes taken, and for whom", tuple[str, int])
"""For whom is not known any more when a connection has ended."""


def public(endpoint: Endpoint) -> Endpoint:
    """Marks an endpoint that asks for no token: it is open, or its URL holds a secret."""
    endpoint.public = True  # type: ignore[attr-defined]
    return endpoint


def is_internal(request: web.Request) -> bool:
    """Whether another worker of this server passed the request on, through its own socket."""
    return isinstance(request.get_extra_info("sockname"), str | bytes)


def client_address(request: web.Request) -> str:
    """Who asked: an address, or "" where there is none.

    Proxies append to ``X-Forwarded-For`` who asked them; all but what a trusted one wrote is
    hearsay. So it is read from its end, for as long as those who wrote it are trusted.
    """
    if is_internal(request):
        return request.headers.get(INTERNAL_CLIENT, "")
    told = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    address, trusted = request.remote or "", request.app[TRUSTED_PROXIES]
    while told and _within(address, trusted):
        before = told.pop().strip()
        if not _is_address(before):
            break
        address = before
    return address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _within(address: str, networks: Sequence[IpNetwork]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in net for net in networks)


def client_label(request: web.Request, digits: int = 4) -> str:
    """Tells one client from another in a log, until the next start, and tells nothing of it."""
    address = client_address(request).encode()
    return hmac.new(request.app[LABEL_KEY], address, hashlib.sha256).hexdigest()[:digits]


class HostRule:
    """For which names this server answers.

    A page of elsewhere can have its own name point here (DNS rebinding) and is then of our origin
    in a browser's eyes; its name in the Host header gives it away. An address needs no list, as
    nobody can make a browser take one for another.
    """

    def __init__(self, names: Sequence[str]) -> None:
        lowered = [name.lower().rstrip(".") for name in names]
        self._any = "*" in lowered
        self._names = {"localhost", *lowered}
        self._suffixes = (".localhost", *(name[1:] for name in lowered if name.startswith("*.")))

    def allows(self, host: str | None) -> bool:
        """``host``: the Host header; None where a client of HTTP/1.0 sends none."""
        if host is None or self._any:
            return True
        found = _HOST.fullmatch(host.lower())
        if found is None:
            return False
        name = found[1].rstrip(".")
        return _is_address(name.strip("[]")) or name in self._names or name.endswith(self._suffixes)


HOSTS = web.AppKey("hosts", HostRule)
TRUSTED_PROXIES: web.AppKey[tuple[IpNetwork, ...]] = web.AppKey("trusted_proxies", tuple)


@web.middleware
async def hosts(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Refuses requests for names that are not ours."""
    allowed = is_internal(request) or request.app[HOSTS].allows(request.headers.get(hdrs.HOST))
    if not allowed:
        raise MisdirectedRequest(
            "this server does not answer for the host in the address: its operator adds it to "
            "the setting signaling.allowed-hosts (LOBBYLENS_SIGNALING__ALLOWED_HOSTS)"
        )
    return await handler(request)


def error_response(error: LobbyLensError, request_id: str) -> web.Response:
    """The JSON error body, with the headers that HTTP asks for (RFC 9110)."""
    headers = {}
    if isinstance(error, Overloaded | RateLimited):
        headers[hdrs.RETRY_AFTER] = str(error.retry_after_s)
    if isinstance(error, Unauthorized | InsufficientScope):
        headers[hdrs.WWW_AUTHENTICATE] = error.challenge
    if isinstance(error, MethodNotAllowed):
        headers[hdrs.ALLOW] = error.allowed
    if isinstance(error, UpgradeRequired):
        headers[hdrs.UPGRADE] = "websocket"
    body: dict[str, object] = {
        "success": False,
        "error": error.message,
        "error_code": error.code,
        "request_id": request_id,
    }
    if error.field:
        body["field"] = error.field
    return web.json_response(body, status=error.status, headers=headers)


def _from_http(error: web.HTTPException) -> LobbyLensError | None:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge("the request's body is too long")
    if isinstance(error, web.HTTPNotFound):
        return NotFound("there is nothing at this address")
    if isinstance(error, web.HTTPForbidden):
        # A folder: what is in it is not told.
        return NotFound("there is nothing at this address")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return MethodNotAllowed(f"this address takes {allowed}", allowed)
    if error.status >= 400:
        return BadRequest("the request cannot be understood")
    return None


@web.middleware
async def forget_answers(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Sends an answer and lets go of its body, before all others.

    aiohttp holds a connection's last answer until the next one on it is there: a card or a page's
    picture would be in memory for as long as its connection idles, or brings events, whatever
    becomes of their session.
    """
    response = await handler(request)
    if isinstance(response, web.Response):
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            # aiohttp, which sends nothing a second time, meets it too and knows what to do.
            return response
        finally:
            response.body = None
    return response


@web.middleware
async def errors(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Turns the error tree into answers; a bug becomes a 500 that gives nothing away."""
    request_id = secrets.token_hex(6)
    try:
        if not request.headers.get(hdrs.SEC_WEBSOCKET_KEY, "").isascii():
            # aiohttp fails on what is no text at all.
            raise BadRequest("the WebSocket's key cannot be read")
        return await handler(request)
    except LobbyLensError as error:
        request.app[METRICS].errors.labels(error.code).inc()
        _log.info(
            "refused",
            code=error.code,
            status=error.status,
            request=request_id,
            client=client_label(request),
        )
        return error_response(error, request_id)
    except web.HTTPException as error:
        known = _from_http(error)
        if known is None:
            raise
        return error_response(known, request_id)
    except Exception as error:
        _log.crash("request failed", error, request=request_id)
        request.app[METRICS].errors.labels(LobbyLensError.code).inc()
        return error_response(
            LobbyLensError("the server failed on this request; see its log"), request_id
        )
    finally:
        request.app[BODIES].give_back(request)


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal on_response_prepare: headers that every answer carries."""
    headers = response.headers
    ancestors = " ".join(["'self'", *request.app[FRAME_ANCESTORS]])
    headers.setdefault(
        "Content-Security-Policy", f"{CONTENT_SECURITY_POLICY}; frame-ancestors {ancestors}"
    )
    if request.path == EMBED_SCRIPT:
        # A module script of another origin is fetched with CORS (HTML, 8.1.4.2).
        headers.setdefault("Access-Control-Allow-Origin", "*")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
    if not request.path.startswith("/static/"):
        headers.setdefault("Cache-Control", "no-store")
    else:
        headers.setdefault("Cache-Control", "no-cache")


async def read_text(request: web.Request, limit_bytes: int) -> str:
    """The body as UTF-8 text. Raises what `read_body` does, and InvalidMessage."""
    try:
        return (await read_body(request, limit_bytes)).decode()
    except UnicodeDecodeError:
        raise InvalidMessage("the request's body is no UTF-8 text") from None


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """The body, unpacked. Raises TooLarge, BadRequest, UnsupportedMediaType, Overloaded.

    No more than ``limit_bytes`` are read, and no more unpacked.
    """
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if encoding not in ("identity", "", *_PACKED):
        raise UnsupportedMediaType("send the body as it is, or packed by gzip or deflate")
    body = await _read_raw(request, limit_bytes)
    if encoding in _PACKED:
        unpacked = await asyncio.to_thread(_unpacked, body, limit_bytes)
        request.app[BODIES].take(request, len(unpacked))
        return unpacked
    return body


def _unpacked(body: bytes, limit_bytes: int) -> bytes:
    """zlib or gzip (RFC 1950, RFC 1952), whichever it is."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS + 32)
    try:
        unpacked = unpacker.decompress(body, limit_bytes + 1)
    except zlib.error:
        raise BadRequest("the request's body cannot be unpacked") from None
    if len(unpacked) > limit_bytes:
        raise TooLarge(f"the request's body is longer than {limit_bytes} bytes")
    if not unpacker.eof:
        raise BadRequest("the request's packed body is cut off")
    return unpacked


async def _read_raw(request: web.Request, limit_bytes: int) -> bytes:
    if (request.content_length or 0) > limit_bytes:
        raise TooLarge(f"the request's body is longer than {limit_bytes} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.content.iter_chunked(16_384):
                request.app[BODIES].take(request, len(chunk))
                body += chunk
                if len(body) > limit_bytes:
                    raise TooLarge(f"the request's body is longer than {limit_bytes} bytes")
    except TimeoutError:
        raise BadRequest("the request's body did not come in time") from None
    except (web.RequestPayloadError, ConnectionError):
        raise BadRequest("the request's body cannot be read") from None
    return bytes(body)
