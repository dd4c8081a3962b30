"""Tokens for pages that a hotel embeds: each begins one session, from one origin, soon.

The hotel's server asks for one with its own credential, which so never reaches a browser, and
hands it to its page. Kept in memory; bounded in number and time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web
from pydantic import ValidationError

from core.auth import Principal, Scope, SessionUse, is_web_origin
from core.errors import Forbidden, InvalidMessage, Overloaded, Unauthorized
from core.http import read_text
from signaling.access.audit import label
from signaling.api.told import SessionTokenAnswer, SessionTokenRequest
from signaling.shards import Shard, shard_of

_MOST = 10_000
_PREFIX = "st_"
_LONGEST_BODY = 4096
_ALONE = Shard()


def shard_in(authorization: str | None) -> Shard | None:
    """Where the session token in an Authorization header is kept; None for what is none."""
    scheme, _, told = (authorization or "").partition(" ")
    told = told.strip()
    if scheme.lower() != "bearer" or not told.startswith(_PREFIX):
        return None
    return shard_of(told.removeprefix(_PREFIX))


@dataclass(frozen=True, slots=True)
class _Token:
    origin: str
    expires_s: float


class SessionTokens:
    """``clock`` is monotonic; ``new_secret`` makes secrets that name the worker they are of."""

    def __init__(
        self,
        ttl_s: int,
        clock: Callable[[], float] = time.monotonic,
        new_secret: Callable[[], str] = _ALONE.new_secret,
    ) -> None:
        self.ttl_s = ttl_s
        self._clock = clock
        self._new_secret = new_secret
        self._tokens: OrderedDict[str, _Token] = OrderedDict()
        self._lent: dict[Principal, tuple[str, _Token]] = {}

    def issue(self, origin: str) -> str:
        """A token for a page of ``origin``. Raises Overloaded."""
        now_s = self._clock()
        while self._tokens and next(iter(self._tokens.values())).expires_s <= now_s:
            self._tokens.popitem(last=False)
        if len(self._tokens) >= _MOST:
            raise Overloaded("too many session tokens wait for their use", 60)
        token = _PREFIX + self._new_secret()
        self._tokens[token] = _Token(origin, now_s + self.ttl_s)
        return token

    def knows(self, token: str) -> bool:
        """Whether it looks like one of these; a used one does too."""
        return token.startswith(_PREFIX)

    def redeem(self, token: str, origin: str | None, use: SessionUse) -> Principal:
        """Raises Unauthorized for an unknown, used or expired one, Forbidden for other origins."""
        kept = self._tokens.get(token)
        if kept is None or kept.expires_s <= self._clock():
            raise Unauthorized(
                "this session token is unknown, used or expired: ask for another",
                'Bearer error="invalid_token"',
            )
        # A page's own server is asked without an Origin where nothing is changed.
        silent = origin is None and use is SessionUse.PEEK
        if origin != kept.origin and not silent:
            raise Forbidden("this session token was given to a page of another origin")
        principal = Principal(f"page:{label(token)}", frozenset({Scope.KIOSK}))
        if use is SessionUse.SPEND:
            del self._tokens[token]
            self._lent[principal] = (token, kept)
        return principal

    def give_back(self, principal: Principal) -> None:
        """The session was not begun after all."""
        lent = self._lent.pop(principal, None)
        if lent is not None:
            self._tokens[lent[0]] = lent[1]

    def settle(self, principal: Principal) -> None:
        """The session was begun."""
        self._lent.pop(principal, None)


SESSION_TOKENS = web.AppKey("session_tokens", SessionTokens)


async def issue(request: web.Request) -> web.Response:
    """``POST /api/session-tokens``: a token for one session of a page of ``{"origin": …}``."""
    try:
        wanted = SessionTokenRequest.model_validate_json(await read_text(request, _LONGEST_BODY))
    except ValidationError:
        raise InvalidMessage('send {"origin": "https://…"}', "origin") from None
    if not is_web_origin(wanted.origin):
        raise InvalidMessage("origin must be https://HOST, without a path", "origin")
    tokens = request.app[SESSION_TOKENS]
    answer = SessionTokenAnswer(
        token=tokens.issue(wanted.origin), origin=wanted.origin, expires_in=tokens.ttl_s
    )
    return web.json_response(answer.model_dump(), headers={hdrs.CACHE_CONTROL: "no-store"})
