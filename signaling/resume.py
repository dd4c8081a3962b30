"""Resume tokens: how a browser that lost its network comes back into its session.

A token works once: it is spent as soon as the peer that it brought is connected. Not sooner, for
the network that fails is the very case, and the answer with the next token may be lost on its
way; whoever asks again with the same token then gets another answer, and the newest one counts.
An offer may also be late, and come after the page has the answer to its second: so the tokens of
both answers hold, until a peer is connected and those that were given before its own are spent.

A token is bound to the origin of the page that got it (RFC 6454), so that a page of elsewhere
which came by it cannot use the guest's browser to enter. It is not bound to a network address:
that the address changes, from Wi-Fi to mobile or to another prefix, is why a guest resumes.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import Forbidden, InvalidSession
from media.session import Session
from signaling.shards import Shard

_MOST_UNUSED = 3
"""Tokens of one session that nobody came with: of offers that are late there are few."""
_MOST_USED = 3
"""Tokens of one session, the spent ones among them, so that using them again can be explained."""


@dataclass(slots=True)
class _Token:
    """``connections``: how many peers of the session had been connected when it was given."""

    session: Session
    origin: str | None
    expires_s: float
    connections: int
    used: bool = False
    spent: bool = False


class ResumeTokens:
    """The tokens of one worker's sessions; ``now_s`` is of the monotonic clock."""

    def __init__(self, shard: Shard, ttl_s: float) -> None:
        self._shard = shard
        self._ttl_s = ttl_s
        self._tokens: dict[str, _Token] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def issue(self, session: Session, origin: str | None, now_s: float) -> str:
        """A fresh token. Of those before the newest live on, see above."""
        mine = self._spend(session)
        used = [key for key, token in mine.items() if token.used]
        unused = [key for key, token in mine.items() if not token.used]
        for key in used[:-_MOST_USED] + unused[: 1 - _MOST_UNUSED]:
            del self._tokens[key]
        secret = self._shard.new_secret()
        self._tokens[secret] = _Token(session, origin, now_s + self._ttl_s, session.connections)
        return secret

    def _spend(self, session: Session) -> dict[str, _Token]:
        """The session's tokens, oldest first, those spent that a connected peer has left behind.

        Only the newest peer of a session can become connected: its token is the last that was
        given before the count rose.
        """
        mine = {key: token for key, token in self._tokens.items() if token.session is session}
        given = list(mine.values())
        before = [n for n, token in enumerate(given) if token.connections < session.connections]
        for token in given[: before[-1]] if before else ():
            token.spent = True
        return mine

    def redeem(self, secret: str, origin: str | None, now_s: float) -> Session:
        """The token's session. Raises Forbidden for another origin, InvalidSession."""
        token = self._tokens.get(secret)
        if token is None:
            raise InvalidSession(
                "this resume token is unknown, or its session is over: begin a new session"
            )
        if token.origin != origin:
            raise Forbidden("this resume token was given to a page of another origin")
        self._spend(token.session)
        if token.spent:
            raise InvalidSession(
                "this resume token was used already, or one that came after it: begin a new session"
            )
        if now_s > token.expires_s:
            raise InvalidSession("this resume token has expired: begin a new session")
        token.used = True
        return token.session

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._tokens = {
            k: token for k, token in self._tokens.items() if token.session is not session
        }
