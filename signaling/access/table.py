"""What every door asks for. A door that is not in this table asks for an operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.auth import Scope, SessionUse
from signaling.access.limits import Rate


class Asks(StrEnum):
    """What a door asks for."""

    NOTHING = "nothing"
    SECRET = "secret"
    """The secret id of a session or a card, in the address or the body."""
    SECRET_OR_SCOPE = "secret or scope"
    """Such an id, and without one the scope: the door asks for it itself."""
    SCOPE = "scope"


@dataclass(frozen=True, slots=True)
class Rule:
    """``use``: what a session token of an embedded page is good for. ``audit``: the name under
    which the audit log notes it, "" for what it leaves out."""

    asks: Asks
    scope: Scope = Scope.OPERATOR
    rate: Rate = Rate.REQUESTS
    audit: str = ""
    use: SessionUse = SessionUse.NO


def _open() -> Rule:
    return Rule(Asks.NOTHING)


def _secret(audit: str = "", rate: Rate = Rate.REQUESTS) -> Rule:
    return Rule(Asks.SECRET, audit=audit, rate=rate)


def _opening(audit: str, use: SessionUse = SessionUse.SPEND) -> Rule:
    return Rule(Asks.SCOPE, Scope.KIOSK, Rate.OPENINGS, audit, use)


_SESSION = "/api/sessions/{session_id}"
_STAFF = "/api/staff/sessions/{label}"
_DOCUMENT = f"{_SESSION}/documents/{{document_id}}"
_CAPTURE = f"{_SESSION}/captures/{{document_id}}"

RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/"): _open(),
    ("GET", "/health"): _open(),
    ("GET", "/api/status"): _open(),
    ("GET", "/api/docs"): _open(),
    ("GET", "/api/openapi.json"): _open(),
    ("GET", "/static"): _open(),
    ("GET", "/page.json"): _open(),
    ("GET", "/theme.css"): _open(),
    ("GET", "/logo"): _open(),
    ("GET", "/staff"): _open(),
    ("GET", "/api/staff/sessions"): Rule(Asks.SCOPE),
    ("GET", f"{_STAFF}/events"): Rule(Asks.SCOPE, audit="staff.watch"),
    ("POST", f"{_STAFF}/hint"): Rule(Asks.SCOPE, audit="staff.hint"),
    ("POST", f"{_STAFF}/picture"): Rule(Asks.SCOPE, audit="staff.picture"),
    ("POST", f"{_STAFF}/form"): Rule(Asks.SCOPE, audit="staff.form"),
    ("DELETE", f"{_STAFF}/form"): Rule(Asks.SCOPE, audit="staff.form_back"),
    ("POST", f"{_STAFF}/confirm"): Rule(Asks.SCOPE, audit="staff.confirm"),
    ("GET", "/metrics"): Rule(Asks.SCOPE, Scope.READER),
    ("POST", "/api/session-tokens"): Rule(
        Asks.SCOPE, Scope.KIOSK, Rate.OPENINGS, "session-token.issue"
    ),
    ("POST", "/api/webrtc/offer"): _opening("session.open"),
    ("GET", "/api/webrtc/config"): Rule(Asks.SCOPE, Scope.KIOSK, use=SessionUse.PEEK),
    # It asks for the session's resume token itself: a page's own token is used up by then.
    ("POST", f"{_SESSION}/offer"): _secret("session.resume", Rate.OPENINGS),
    # By the session's label instead of its id: with the scope.
    ("GET", f"{_SESSION}/events"): Rule(Asks.SECRET_OR_SCOPE, Scope.READER, audit="session.watch"),
    ("GET", f"{_SESSION}/card-form"): _secret(),
    ("DELETE", _SESSION): _secret("session.close"),
    ("POST", f"{_SESSION}/close"): _secret("session.close"),
    ("POST", f"{_SESSION}/still"): _secret(rate=Rate.FRAMES),
    ("POST", f"{_DOCUMENT}/confirm"): _secret("document.confirm"),
    ("GET", f"{_DOCUMENT}/card.pdf"): _secret("card.read"),
    ("GET", f"{_DOCUMENT}/portrait.jpg"): _secret("portrait.read"),
    ("GET", f"{_CAPTURE}/page.jpg"): _secret("picture.read"),
    ("GET", f"{_CAPTURE}/other_page.jpg"): _secret("picture.read"),
    ("POST", "/whip"): _opening("session.open"),
    ("OPTIONS", "/whip"): _open(),
    ("PATCH", "/whip/{session_id}"): _secret(),
    ("DELETE", "/whip/{session_id}"): _secret("session.close"),
    # Each session that is begun on it counts as an opening: it counts them itself.
    ("GET", "/api/stream/ws"): Rule(
        Asks.SECRET_OR_SCOPE, Scope.KIOSK, audit="session.open", use=SessionUse.SPEND
    ),
    ("POST", "/api/stream/session"): _opening("session.open"),
    ("DELETE", "/api/stream/session/{session_id}"): _secret("session.close"),
    ("POST", "/api/stream/frame"): _secret(rate=Rate.FRAMES),
    ("POST", "/api/stream/capture"): _secret("document.capture"),
    ("POST", "/api/stream/video"): _secret(rate=Rate.FRAMES),
    ("POST", "/api/stream/video/frames"): _secret(rate=Rate.FRAMES),
    ("POST", "/api/extract"): _opening("document.extract", SessionUse.NO),
    ("POST", "/api/detect"): _opening("document.detect", SessionUse.NO),
    ("POST", "/api/mrz/update"): Rule(Asks.SECRET_OR_SCOPE, Scope.KIOSK, audit="document.confirm"),
    ("POST", "/api/document/preview"): Rule(
        Asks.SECRET_OR_SCOPE, Scope.KIOSK, audit="document.preview"
    ),
    ("GET", "/api/document/pdf/{document_id}"): _secret("card.read"),
    ("GET", "/api/stored"): Rule(Asks.SCOPE, Scope.READER, audit="stored.list"),
    ("GET", "/api/stored/{record}/{kind}"): Rule(Asks.SCOPE, Scope.READER, audit="stored.read"),
    ("DELETE", "/api/stored/{record}"): Rule(Asks.SCOPE, audit="stored.delete"),
    ("POST", "/api/stored/sweep"): Rule(Asks.SCOPE, audit="stored.sweep"),
}

CLOSED = Rule(Asks.SCOPE)


def rule_of(method: str, path: str) -> Rule:
    """``path``: as the route has it. HEAD is a GET."""
    return RULES.get(("GET" if method == "HEAD" else method, path), CLOSED)
