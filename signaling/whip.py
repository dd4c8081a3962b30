"""WHIP, RFC 9725: the same session for publishers such as OBS and GStreamer.

POST opens (section 4.2), PATCH trickles candidates (section 4.3.1, RFC 8840), DELETE ends.
aiortc cannot restart ICE, so a PATCH that asks for it is answered 422, as section 4.3.1
provides; such a client sends a new POST.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from aiohttp import hdrs, web

from core.errors import (
    InvalidSdp,
    LobbyLensError,
    NotFound,
    PreconditionFailed,
    UnsupportedMediaType,
)
from core.http import METRICS, public, read_text
from media.session import Session
from media.state import CloseReason
from signaling.colleagues import COLLEAGUES
from signaling.ice import link_headers
from signaling.keys import REGISTRY, SIGNALING
from signaling.offer import SessionOptions, connect

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
_MAX_FRAGMENT_BYTES = 32_768
_MAX_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Fragment:
    """A trickle fragment: whose credentials, which candidates by mid, and whether they end."""

    ufrag: str | None
    candidates: tuple[tuple[str, str], ...]
    ended: bool


def parse_fragment(text: str) -> Fragment:
    """RFC 8840, section 9. Raises InvalidSdp for what is no fragment."""
    ufrag, mid, ended = None, "", False
    candidates: list[tuple[str, str]] = []
    lines = [line for line in re.split(r"\r?\n", text) if line]
    if not lines or any(not re.match(r"[am]=", line) for line in lines):
        raise InvalidSdp("the body is no SDP fragment (RFC 8840, section 9)")
    for line in lines:
        name, _, value = line.partition(":")
        if name == "a=ice-ufrag":
            ufrag = value
        elif name == "a=mid":
            mid = value
        elif name == "a=candidate":
            candidates.append((mid or "0", value))
        elif name == "a=end-of-candidates":
            ended = True
    if len(candidates) > _MAX_CANDIDATES:
        raise InvalidSdp(f"a fragment may hold {_MAX_CANDIDATES} candidates at most")
    return Fragment(ufrag, tuple(candidates), ended)


def entity_tag(session: Session) -> str:
    """Names the ICE session (section 4.3.1): another peer, another tag."""
    ufrag = session.peer.remote_ufrag if session.peer else ""
    return f'"{hashlib.sha256(f"{session.id} {ufrag}".encode()).hexdigest()[:16]}"'


def _media_type(request: web.Request, wanted: str) -> None:
    if request.content_type != wanted:
        raise UnsupportedMediaType(f"send the body as {wanted}")


async def publish(request: web.Request) -> web.StreamResponse:
    """``POST /whip``: 201 with the answer and the session's address."""
    _media_type(request, SDP)
    app = request.app
    try:
        sdp = await read_text(request, app[SIGNALING].max_sdp_bytes)
    except LobbyLensError as error:
        app[METRICS].offers_refused.labels(error.code).inc()
        raise
    return await app[COLLEAGUES].at_the_least_busy(request, sdp.encode(), lambda: _answer(app, sdp))


async def _answer(app: web.Application, sdp: str) -> web.Response:
    """Connect the publisher to a session of this worker."""
    try:
        session, answer = await connect(app, sdp, SessionOptions())
    except LobbyLensError as error:
        app[METRICS].offers_refused.labels(error.code).inc()
        raise
    response = web.Response(
        status=201,
        body=answer.encode(),
        content_type=SDP,
        headers={
            hdrs.LOCATION: f"/whip/{session.id}",
            hdrs.ETAG: entity_tag(session),
            "Accept-Patch": FRAGMENT,
            "Access-Control-Expose-Headers": "Location, Link, ETag",
        },
    )
    for link in link_headers(app[SIGNALING]):
        response.headers.add(hdrs.LINK, link)
    # RFC 5989, section 4: a resource by which changes of this one can be watched.
    watched = f'</api/sessions/{session.id}/events>; rel="monitor"; type="text/event-stream"'
    response.headers.add(hdrs.LINK, watched)
    return response


@public
async def trickle(request: web.Request) -> web.Response:
    """``PATCH /whip/{id}``: more candidates; 204. The id is the secret."""
    app = request.app
    session = app[REGISTRY].get(request.match_info["session_id"])
    _media_type(request, FRAGMENT)
    fragment = parse_fragment(await read_text(request, _MAX_FRAGMENT_BYTES))
    peer = session.peer
    if peer is None:
        raise NotFound("the session has no peer any more")
    if request.headers.get(hdrs.IF_MATCH) == "*" or (
        fragment.ufrag is not None and fragment.ufrag != peer.remote_ufrag
    ):
        raise InvalidSdp("ICE restart is not available here: open a new WHIP session")
    wanted = request.headers.get(hdrs.IF_MATCH)
    if wanted is not None and wanted != entity_tag(session):
        raise PreconditionFailed("the entity tag is of another ICE session")
    for mid, candidate in fragment.candidates:
        await peer.add_candidate(candidate, mid)
    if fragment.ended:
        await peer.add_candidate(None, "")
    return web.Response(status=204)


@public
async def end(request: web.Request) -> web.Response:
    """``DELETE /whip/{id}``: the session ends; 200. The id is the secret."""
    await request.app[REGISTRY].close(request.match_info["session_id"], CloseReason.CLIENT)
    return web.Response(status=200)


@public
async def options(request: web.Request) -> web.Response:
    """``OPTIONS /whip``: tells that a description is posted here (section 4.2)."""
    return web.Response(status=200, headers={"Accept-Post": SDP})
