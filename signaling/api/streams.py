"""What the WebSocket and the HTTP doors do alike with a stream's session."""

from __future__ import annotations

import contextlib
from typing import Any

from aiohttp import web

from core.errors import InvalidMessage, InvalidSession
from media import reports
from media.answers import flat_data
from media.messages import Configure
from media.session import Session
from media.state import CloseReason
from media.stream import Stream, attach
from signaling.api.shelf import SHELF
from signaling.keys import DOORS, MEDIA, REGISTRY, SURROUNDINGS


def open_stream(app: web.Application, language: str, stable_required: int | None) -> Stream:
    """A new session with a stream in a peer's place. Raises Overloaded."""
    session = app[REGISTRY].open(language)
    stream = attach(session, app[SURROUNDINGS], app[DOORS])
    if stable_required is not None:
        with contextlib.suppress(InvalidMessage):
            session.viewing.configure(Configure(type="configure", stable_required=stable_required))
    return stream


def greeting(stream: Stream, app: web.Application) -> dict[str, Any]:
    """What a client is told when it begins; times in seconds, sizes in bytes and pixels."""
    limits, media = app[DOORS], app[MEDIA]
    return {
        "success": True,
        "session_id": stream.session.id,
        "stable_required": stream.session.viewing.stable_required,
        "limits": {
            "max_frame_bytes": limits.max_frame_bytes,
            "max_frame_pixels": limits.max_frame_pixels,
            "max_batch_frames": limits.max_batch_frames,
            "max_batch_bytes": limits.max_batch_bytes,
            "messages_per_s": media.messages_per_s,
            "idle_timeout_s": media.idle_timeout_s,
            "resume_timeout_s": media.resume_timeout_s,
            "total_timeout_s": media.total_timeout_s,
        },
    }


def original_of(session: Session, document_id: str | None = None) -> dict[str, str] | None:
    """The fields of a session's document as read: the one named, or the newest; None without.

    Raises NotFound for an id that the session does not have.
    """
    reviews = session.viewing.reviews
    if document_id is not None:
        document = reviews.get(document_id).document
        return flat_data(reports.result(document)) if document.was_read else None
    read = [review.document for review in reviews.all() if review.document.was_read]
    return flat_data(reports.result(read[-1])) if read else None


async def end_session(app: web.Application, session: Session) -> None:
    """End a session as its client asks; a card may be asked for a little longer."""
    app[SHELF].close(session.id, original_of(session))
    with contextlib.suppress(InvalidSession):
        await app[REGISTRY].close(session.id, CloseReason.CLIENT)
