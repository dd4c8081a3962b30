"""Owns every session: admits, finds, resumes, drains, closes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.errors import InvalidSession, Overloaded
from core.log import Log, session_label
from core.metrics import Metrics
from core.settings import SignalingSettings
from media.load import LoadProbe
from media.session import Session
from media.state import CloseReason
from signaling.board import Board
from signaling.resume import ResumeTokens
from signaling.shards import Shard

_log = Log("registry")
_CLOSING_AT_ONCE = 4

SessionFactory = Callable[[str, str, str], Session]
"""(secret id, label, language) -> a session that has not begun."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """``reason`` is the label of a metric."""

    reason: str
    sentence: str
    retry_after_s: int


_SHUTDOWN = Refusal("shutdown", "the server is shutting down", 10)
_FULL = Refusal("full", "all places are taken: try again in a moment", 5)
_BUSY = Refusal("load", "the server is busy with others: try again in a moment", 5)


class SessionRegistry:
    """One task for each session; a session is found until its end.

    ``board`` counts the sessions of all workers, of whom ``shard`` is this one.
    """

    def __init__(
        self,
        settings: SignalingSettings,
        metrics: Metrics,
        load: LoadProbe,
        factory: SessionFactory,
        board: Board,
        shard: Shard,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._load = load
        self._factory = factory
        self._board = board
        self._shard = shard
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tokens = ResumeTokens(shard, settings.resume_token_ttl_s)
        self._draining = False
        self.ended = 0
        """Sessions that are over."""

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, language: str = "en") -> Session:
        """Begin a session. Raises Overloaded when full, overloaded or shutting down."""
        refusal = self._refusal()
        if refusal is None and not self._board.take_place(
            self._shard.worker, self._settings.max_sessions
        ):
            refusal = _FULL
        if refusal is not None:
            self._metrics.sessions_refused.labels(refusal.reason).inc()
            raise Overloaded(refusal.sentence, refusal.retry_after_s)
        session_id = self._shard.new_secret()
        try:
            session = self._factory(session_id, self._new_label(), language)
        except BaseException:
            self._board.give_place(self._shard.worker)
            raise
        self._sessions[session_id] = session
        self._metrics.sessions.set(len(self._sessions))
        self._tasks[session_id] = asyncio.create_task(self._live(session))
        return session

    def _new_label(self) -> str:
        """Short enough to say aloud, and no other living session's of this server."""
        taken = {session.label for session in self._sessions.values()}
        while (label := self._shard.new_label(self._board.workers)) in taken:
            pass
        return label

    def __iter__(self) -> Iterator[Session]:
        """Living sessions, oldest first."""
        return iter([session for session in self._sessions.values() if not session.closing])

    def labelled(self, label: str) -> Session:
        """The living session of this label. Raises InvalidSession."""
        for session in self:
            if session.label == label:
                return session
        raise InvalidSession("there is no such session, or it is over")

    @property
    def accepting(self) -> bool:
        """Whether a new session would be let in now."""
        return self._refusal() is None

    def _refusal(self) -> Refusal | None:
        """Why no session is begun now; a server without any takes one however busy it is."""
        if self._draining:
            return _SHUTDOWN
        sessions = self._board.sessions
        if sessions >= self._settings.max_sessions:
            return _FULL
        return _BUSY if sessions and self._load.refusing else None

    async def _live(self, session: Session) -> None:
        session_label.set(session.label)
        _log.info("session opened", sessions=len(self._sessions))
        reason = CloseReason.CRASH
        try:
            reason = await session.run()
        finally:
            self._forget(session)
            self._metrics.sessions_ended.labels(reason.value).inc()
            _log.info("session ended", reason=reason.value, sessions=len(self._sessions))

    def _forget(self, session: Session) -> None:
        if self._sessions.pop(session.id, None) is not None:
            self._board.give_place(self._shard.worker)
            self.ended += 1
        self._tasks.pop(session.id, None)
        self._tokens.forget(session)
        self._metrics.sessions.set(len(self._sessions))

    def get(self, session_id: str) -> Session:
        """Raises InvalidSession for an unknown, ended or ending session."""
        session = self._sessions.get(session_id)
        if session is None or session.closing:
            raise InvalidSession("there is no such session, or it is over: begin a new one")
        return session

    def issue_resume_token(self, session: Session, origin: str | None) -> str:
        """A fresh token for the page of ``origin``; see `signaling.resume`."""
        return self._tokens.issue(session, origin, time.monotonic())

    def resume(self, token: str, origin: str | None) -> Session:
        """The session of a resume token. Raises InvalidSession, Forbidden, Overloaded."""
        if self._draining:
            raise Overloaded(_SHUTDOWN.sentence, _SHUTDOWN.retry_after_s)
        return self.get(self._tokens.redeem(token, origin, time.monotonic()).id)

    async def close(self, session_id: str, reason: CloseReason) -> None:
        """Close one session and wait for its end. Raises InvalidSession."""
        session = self.get(session_id)
        task = self._tasks[session_id]
        session.close(reason)
        await asyncio.wait([task])

    async def drain(self) -> None:
        """Refuse new sessions, let captures under way finish, then close all, a few at a time."""
        self._draining = True
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._settings.drain_timeout_s
        while loop.time() < deadline_s and any(s.busy for s in self._sessions.values()):
            await asyncio.sleep(0.05)
        while self._sessions:
            some = list(self._sessions)[:_CLOSING_AT_ONCE]
            tasks = [self._tasks[session_id] for session_id in some]
            for session_id in some:
                self._sessions[session_id].close(CloseReason.SHUTDOWN)
            await asyncio.wait(tasks)
