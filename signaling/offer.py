"""JSON offer in, answer out; the ICE configuration; closing."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import hdrs, web
from pydantic import ConfigDict, Field, ValidationError

from core.errors import (
    InvalidMessage,
    InvalidSession,
    LobbyLensError,
    TooLarge,
    UnsupportedMediaType,
)
from core.http import METRICS, is_internal, public, read_text
from core.log import Log
from core.settings import SignalingSettings
from media.inbound import Inbound
from media.messages import PROTOCOL_VERSION, Configure
from media.misfits import first_misfit, misfit
from media.session import Session
from media.state import CloseReason
from signaling.colleagues import COLLEAGUES
from signaling.ice import ice_servers
from signaling.keys import REGISTRY, SIGNALING, peer_settings

_log = Log("offer")
_JSON_ROOM_BYTES = 4096


class SessionOptions(Inbound):
    """What a client may ask of its session; unknown keys are left for later versions."""

    model_config = ConfigDict(extra="ignore", strict=True)

    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    resume_token: Annotated[str, Field(max_length=100)] | None = None
    sides: Literal[1, 2] | None = None
    """Of a card, to be read; None for what the server is set to."""
    stills: bool = False
    attempt: Annotated[int, Field(ge=0)] | None = None
    """Counts the offers of a client, so that one which is late is known."""


class Offer(Inbound):
    model_config = ConfigDict(extra="ignore", strict=True)

    sdp: str
    type: Literal["offer"]
    session: SessionOptions = SessionOptions()


def longest_body(settings: SignalingSettings) -> int:
    """JSON escapes line ends, so that the body is longer than the description within."""
    return 2 * settings.max_sdp_bytes + _JSON_ROOM_BYTES


def parse_offer_body(text: str) -> Offer:
    """Raises InvalidMessage that names the field and repeats nothing."""
    try:
        return Offer.model_validate_json(text)
    except ValidationError as error:
        first = first_misfit(error)
        field = ".".join(str(step) for step in first["loc"])
        if not field:
            raise InvalidMessage("the body must be a JSON object with sdp and type") from None
        raise InvalidMessage(misfit(field, first), field) from None


async def offer(request: web.Request) -> web.StreamResponse:
    """``POST /api/webrtc/offer``: begins a session, or resumes one with its token."""
    # A page of elsewhere may post plain text without asking, but JSON only after a preflight
    # (Fetch, section 3.2.2), which nothing here answers.
    if request.content_type != "application/json":
        raise UnsupportedMediaType("send the offer as application/json")
    app = request.app
    text = await read_text(request, longest_body(app[SIGNALING]))
    body = parse_offer_body(text)
    colleagues, token = app[COLLEAGUES], body.session.resume_token
    named, origin = request.match_info.get("session_id"), request.headers.get(hdrs.ORIGIN)
    if named is not None and token is None:
        raise InvalidMessage("session.resume_token: must be there", "session.resume_token")

    async def here() -> web.Response:
        return await _answer(app, body, named, origin)

    if token is None:
        return await colleagues.at_the_least_busy(request, text.encode(), here)
    owner = None if is_internal(request) else colleagues.owner(token)
    if owner is None:
        return await here()
    return await colleagues.pass_on(request, owner, text.encode())


@public
async def resume(request: web.Request) -> web.StreamResponse:
    """``POST /api/sessions/{id}/offer``: resumes a session, whose resume token is asked for.

    A balancer that stands before several machines routes by addresses, and a token stands in none.
    """
    return await offer(request)


async def _answer(
    app: web.Application, body: Offer, named: str | None, origin: str | None
) -> web.Response:
    """Connect the offer's peer to a session of this worker."""
    try:
        session, answer = await connect(app, body.sdp, body.session, named, origin)
    except LobbyLensError as error:
        app[METRICS].offers_refused.labels(error.code).inc()
        raise
    return web.json_response(
        {
            "sdp": answer,
            "type": "answer",
            "session_id": session.id,
            "resume_token": app[REGISTRY].issue_resume_token(session, origin),
            "ice_servers": ice_servers(app[SIGNALING]),
        }
    )


async def connect(
    app: web.Application,
    sdp: str,
    options: SessionOptions,
    named: str | None = None,
    origin: str | None = None,
) -> tuple[Session, str]:
    """A session connected to the peer that made the offer, and the answer to it.

    ``named`` is the session that the address names, ``origin`` that of the page which asks.
    Raises InvalidSdp, NotAcceptable, TooLarge, Overloaded, InvalidSession, Forbidden,
    PreconditionFailed; a session begun for an offer that is refused ends at once.
    """
    limit = app[SIGNALING].max_sdp_bytes
    if len(sdp.encode()) > limit:
        raise TooLarge(f"a session description may have {limit} bytes at most")
    registry = app[REGISTRY]
    if options.resume_token is not None:
        session = registry.resume(options.resume_token, origin)
        if named is not None and named != session.id:
            raise InvalidSession("this resume token is of another session")
        session.viewing.stills.sends = options.stills
        return session, await session.connect(sdp, peer_settings(app), options.attempt)
    session = registry.open(options.language)
    session.viewing.stills.sends = options.stills
    try:
        session.viewing.configure(Configure(type="configure", sides=options.sides))
        return session, await session.connect(sdp, peer_settings(app), options.attempt)
    except BaseException:
        session.close(CloseReason.REFUSED)
        raise


async def config(request: web.Request) -> web.Response:
    """``GET /api/webrtc/config``: ICE servers with short-lived credentials."""
    return web.json_response(
        {"ice_servers": ice_servers(request.app[SIGNALING]), "protocol": PROTOCOL_VERSION}
    )


@public
async def close(request: web.Request) -> web.Response:
    """``DELETE /api/sessions/{id}``: ends the session; the id is the secret.

    Its POST twin is for ``sendBeacon``.
    """
    await request.app[REGISTRY].close(request.match_info["session_id"], CloseReason.CLIENT)
    return web.Response(status=204)
