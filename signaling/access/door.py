"""Every request passes here: who asks, whether they may, how often; and it is noted."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from core.auth import NOBODY, Authenticator, Principal, Scope, SessionUse
from core.errors import Forbidden, InsufficientScope, NotFound, Unauthorized
from core.http import Endpoint, client_address, client_label, is_internal
from signaling.access.audit import AUDIT, label
from signaling.access.limits import LIMITS, QUOTA, Attempt
from signaling.access.session_tokens import shard_in
from signaling.access.table import CLOSED, Asks, Rule, rule_of
from signaling.colleagues import ADMITTED, COLLEAGUES

AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("authenticator")
API_KEY = "X-API-Key"
_LABEL_DIGITS = 8
_PRINCIPAL = web.RequestKey("principal", Principal)
_BEGUN = web.RequestKey("begun", int)
"""The status of an answer that has begun."""
NOTED_ELSEWHERE = web.RequestKey("noted by another worker", bool)
"""Whether the worker that this was passed on to asks who it is, and notes it."""
ENDING: web.AppKey[asyncio.Event] = web.AppKey("ending", asyncio.Event)
"""Set once the server ends: it then breaks off whatever is left."""


def principal_of(request: web.Request) -> Principal:
    """Whoever this request has shown to be so far."""
    found: Principal = request.get(_PRINCIPAL, NOBODY)
    return found


async def admit(
    request: web.Request,
    scope: Scope,
    *,
    use: SessionUse = SessionUse.NO,
    authorization: str | None = None,
) -> Principal:
    """Who asks, if they may. ``authorization``: in place of the header's.

    Raises Unauthorized, Forbidden, InsufficientScope, and RateLimited after many refusals.
    """
    address, limits = client_address(request), request.app[LIMITS]
    limits.check_failures(address)
    attempt = Attempt(limits, address)
    told = authorization or authorization_of(request)
    api_key = None if authorization else request.headers.get(API_KEY)
    if use is not SessionUse.NO and keeper_of(request, told) is not None:
        # It was to be passed on, and did not answer.
        raise Unauthorized(
            "this session token is with another worker of the server: connect once more"
        )
    origin = request.headers.get(hdrs.ORIGIN)
    authenticator = request.app[AUTHENTICATOR]
    try:
        principal = await authenticator.principal(told, origin, use, api_key, attempt)
        request[_PRINCIPAL] = principal
        if not principal.may(scope):
            authenticator.give_back(principal)
            raise InsufficientScope(f"this needs the scope {scope}", scope)
    except (Unauthorized, Forbidden) as error:
        attempt.fail()
        request.app[AUDIT].note(
            principal_of(request).name,
            "refused",
            code=error.code,
            door=_path(request),
            client=client_label(request, _LABEL_DIGITS),
        )
        raise
    return principal


def authorization_of(request: web.Request) -> str | None:
    """The Authorization header, unless X-API-Key stands beside it: of two credentials none but the
    latter is looked at."""
    return None if API_KEY in request.headers else request.headers.get(hdrs.AUTHORIZATION)


def keeper_of(request: web.Request, authorization: str | None) -> int | None:
    """The other worker that keeps the session token shown, None for any other credential."""
    colleagues, shard = request.app[COLLEAGUES], shard_in(authorization)
    if shard is None or shard == colleagues.shard or shard.machine != colleagues.shard.machine:
        return None
    return shard.worker if shard.worker in colleagues.others() else None


def _path(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


@web.middleware
async def door(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Every route is closed unless the table says otherwise.

    What another worker passes on came in by its door: there it was asked, counted and noted. But
    for session tokens, which the worker that made them knows alone, and for WebSockets, which show
    a credential to whoever begins their session.
    """
    if isinstance(request.match_info.route.resource, web.StaticResource):
        try:
            return await handler(request)
        except OSError:
            # A name that no file could have.
            raise NotFound("there is nothing at this address") from None
    known = request.match_info.http_exception is None
    rule = rule_of(request.method, _path(request)) if known else CLOSED
    told = authorization_of(request) if rule.use is not SessionUse.NO else None
    is_socket = hdrs.SEC_WEBSOCKET_KEY in request.headers and rule.asks is Asks.SECRET_OR_SCOPE
    is_own = shard_in(told) == request.app[COLLEAGUES].shard
    if is_internal(request) and not is_own and not is_socket:
        return await handler(request)
    if known and rule.asks is Asks.SCOPE:
        if (keeper := keeper_of(request, told)) is not None:
            return await request.app[COLLEAGUES].pass_on(request, keeper)
        await admit(request, rule.scope, use=rule.use)
        request[ADMITTED] = True
    try:
        principal = principal_of(request)
        limits = request.app[LIMITS]
        request[QUOTA] = limits.take(rule.rate, principal, client_address(request))
        response = await handler(request)
    except asyncio.CancelledError:
        # Whoever asked has gone, or the server ends: what was answered until then stands.
        request.app[AUTHENTICATOR].give_back(principal_of(request))
        _note(request, rule, request.get(_BEGUN), _breaker(request))
        raise
    except Exception as error:
        request.app[AUTHENTICATOR].give_back(principal_of(request))
        _note(request, rule, getattr(error, "status", 500))
        raise
    # A colleague's refusal is no exception here.
    if response.status < web.HTTPBadRequest.status_code:
        request.app[AUTHENTICATOR].settle(principal_of(request))
    else:
        request.app[AUTHENTICATOR].give_back(principal_of(request))
    _note(request, rule, response.status, _breaker(request) if _is_cut(request) else None)
    return response


def _is_cut(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _breaker(request: web.Request) -> str:
    """Who broke a request off: the client goes away, or the server ends."""
    return "server" if request.app[ENDING].is_set() else "client"


async def remember_status(request: web.Request, response: web.StreamResponse) -> None:
    """Signal on_response_prepare: an answer begins."""
    request[_BEGUN] = response.status


def _note(request: web.Request, rule: Rule, status: int | None, ended: str | None = None) -> None:
    """``status``: None where nothing was answered. ``ended``: who broke off, client or server."""
    if not rule.audit or request.get(NOTED_ELSEWHERE):
        return
    named = request.match_info
    values = {name: label(value) for name, value in named.items() if name != "kind"}
    if "record" in named:
        values["record"] = named["record"]
    if ended is not None:
        values["ended_by"] = ended
    request.app[AUDIT].note(
        principal_of(request).name,
        rule.audit,
        status=status,
        client=client_label(request, _LABEL_DIGITS),
        **values,
    )
