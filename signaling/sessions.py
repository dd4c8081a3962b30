"""Owns every session: admits, finds, resumes, drains, closes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.errors import InvalidSession, Overloaded
from core.log import Log, session_label
from core.metrics import Metrics
from core.settings import SignalingSettings
from media.load import LoadProbe
from media.session import Session
from media.state import CloseReason

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


class SessionRegistry:
    """One task for each session; a session is found until its end."""

    def __init__(
        self,
        settings: SignalingSettings,
        metrics: Metrics,
        load: LoadProbe,
        factory: SessionFactory,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._load = load
        self._factory = factory
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._resume_tokens: dict[str, str] = {}
        self._draining = False

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, language: str = "en") -> Session:
        """Begin a session. Raises Overloaded when full, overloaded or shutting down."""
        refusal = self._refusal()
        if refusal is not None:
            self._metrics.sessions_refused.labels(refusal.reason).inc()
            raise Overloaded(refusal.sentence, refusal.retry_after_s)
        session_id = secrets.token_urlsafe(18)
        session = self._factory(session_id, self._new_label(), language)
        self._sessions[session_id] = session
        self._metrics.sessions.set(len(self._sessions))
        self._tasks[session_id] = asyncio.create_task(self._live(session))
        return session

    def _new_label(self) -> str:
        """Short enough to say aloud, and no other living session's."""
        taken = {session.label for session in self._sessions.values()}
        while (label := secrets.token_hex(2)) in taken:
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
            return Refusal("shutdown", "the server is shutting down", 10)
        if len(self._sessions) >= self._settings.max_sessions:
            return Refusal("full", "all places are taken: try again in a moment", 5)
        if self._sessions and self._load.refusing:
            return Refusal("load", "the server is busy with others: try again in a moment", 5)
        return None

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
        self._sessions.pop(session.id, None)
        self._tasks.pop(session.id, None)
        for token in [key for key, owner in self._resume_tokens.items() if owner == session.id]:
            del self._resume_tokens[token]
        self._metrics.sessions.set(len(self._sessions))

    def get(self, session_id: str) -> Session:
        """Raises InvalidSession for an unknown, ended or ending session."""
        session = self._sessions.get(session_id)
        if session is None or session.closing:
            raise InvalidSession("there is no such session, or it is over: begin a new one")
        return session

    def issue_resume_token(self, session: Session) -> str:
        """A fresh token; those given before for this session end."""
        for token in [key for key, owner in self._resume_tokens.items() if owner == session.id]:
            del self._resume_tokens[token]
        token = secrets.token_urlsafe(18)
        self._resume_tokens[token] = session.id
        return token

    def resume(self, token: str) -> Session:
        """The session of a resume token. Raises InvalidSession."""
        session_id = self._resume_tokens.get(token)
        if session_id is None:
            raise InvalidSession("this resume token is unknown or used: begin a new session")
        return self.get(session_id)

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
