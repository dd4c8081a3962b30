"""Resume tokens: how a browser that lost its network comes back into its session.

A token works once: it is spent as soon as the peer that it brought is connected. Not sooner, for
the network that fails is the very case, and the answer with the next token may be lost on its
way; whoever asks again with the same token then gets another answer, and the newest one counts.

A token is bound to the origin of the page that got it (RFC 6454), so that a page of elsewhere
which came by it cannot use the guest's browser to enter. It is not bound to a network address:
that the address changes, from Wi-Fi to mobile or to another prefix, is why a guest resumes.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import Forbidden, InvalidSession
from media.session import Session
from signaling.shards import Shard

_MOST_KEPT = 4
"""Tokens of one session, the spent ones among them, so that using them again can be explained."""


@dataclass(slots=True)
class _Token:
    """``connections``: how many peers of the session were connected when it was last used."""

    session: Session
    origin: str | None
    expires_s: float
    connections: int | None = None

    @property
    def spent(self) -> bool:
        return self.connections is not None and self.session.connections > self.connections


class ResumeTokens:
    """The tokens of one worker's sessions; ``now_s`` is of the monotonic clock."""

    def __init__(self, shard: Shard, ttl_s: float) -> None:
        self._shard = shard
        self._ttl_s = ttl_s
        self._tokens: dict[str, _Token] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def issue(self, session: Session, origin: str | None, now_s: float) -> str:
        """A fresh token. Of those before only the one that is being used lives on."""
        mine = [(key, token) for key, token in self._tokens.items() if token.session is session]
        for key, token in mine:
            if token.connections is None:
                del self._tokens[key]
        used = [key for key, token in mine if token.connections is not None]
        for key in used[: 1 - _MOST_KEPT]:
            del self._tokens[key]
        secret = self._shard.new_secret()
        self._tokens[secret] = _Token(session, origin, now_s + self._ttl_s)
        return secret

    def redeem(self, secret: str, origin: str | None, now_s: float) -> Session:
        """The token's session. Raises Forbidden for another origin, InvalidSession."""
        token = self._tokens.get(secret)
        if token is None:
            raise InvalidSession(
                "this resume token is unknown, or its session is over: begin a new session"
            )
        if token.origin != origin:
            raise Forbidden("this resume token was given to a page of another origin")
        if token.spent:
            raise InvalidSession("this resume token was used already: begin a new session")
        if now_s > token.expires_s:
            raise InvalidSession("this resume token has expired: begin a new session")
        token.connections = token.session.connections
        return token.session

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._tokens = {
            k: token for k, token in self._tokens.items() if token.session is not session
        }
