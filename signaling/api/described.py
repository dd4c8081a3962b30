"""Operations whose routes others add: offers, WHIP, sessions, the front desk, stored documents."""

from __future__ import annotations

from core.errors import (
    DocumentFillingError,
    Forbidden,
    InvalidMessage,
    InvalidSdp,
    InvalidSession,
    MissingGlyph,
    NotAcceptable,
    NotFound,
    Overloaded,
    PreconditionFailed,
    StoredFileError,
    TooLarge,
    UnsupportedMediaType,
)
from signaling import documents, events, offer, pages, staff, whip
from signaling.access import session_tokens
from signaling.api import told
from signaling.api.operation import Errors, Operation, Parameter
from signaling.keeping import doors as stored

_SESSION = "/api/sessions/{session_id}"
_DOCUMENT = f"{_SESSION}/documents/{{document_id}}"
_CAPTURE = f"{_SESSION}/captures/{{document_id}}"
_STAFF = "/api/staff/sessions/{label}"
_JSON: Errors = (InvalidMessage, TooLarge, UnsupportedMediaType, Overloaded)
_SDP: Errors = (InvalidSdp, NotAcceptable, TooLarge, UnsupportedMediaType, Overloaded)
_FILLING: Errors = (*_JSON, NotFound, DocumentFillingError, MissingGlyph)
_STREAM = ("text/event-stream",)

DESCRIBED: tuple[Operation, ...] = (
    Operation(
        "GET", "/metrics", "Service", pages.metrics, result_types=("text/plain",)
    ),
    Operation(
        "GET", "/api/webrtc/config", "Session", offer.config, told.ConfigAnswer,
        errors=(Forbidden,),
    ),
    Operation(
        "POST", "/api/webrtc/offer", "Session", offer.offer, told.OfferAnswer, offer.Offer,
        errors=(*_JSON, *_SDP, InvalidSession, Forbidden, PreconditionFailed),
    ),
    Operation(
        "POST", f"{_SESSION}/offer", "Session", offer.resume, told.OfferAnswer, offer.Offer,
        errors=(*_JSON, *_SDP, InvalidSession, Forbidden, PreconditionFailed),
    ),
    Operation(
        "DELETE", _SESSION, "Session", offer.close, errors=(InvalidSession,), success=204
    ),
    Operation(
        "POST", f"{_SESSION}/close", "Session", offer.close, errors=(InvalidSession,), success=204,
        summary_in_place="The same for navigator.sendBeacon, which cannot delete.",
    ),
    Operation(
        "GET", f"{_SESSION}/events", "Session", events.events, result_types=_STREAM,
        errors=(InvalidMessage, InvalidSession, Overloaded),
        parameters=(
            Parameter("overlay", "query", "0 leaves the overlays out.", ("0", "1")),
            Parameter("Last-Event-ID", "header", "The last event seen: go on after it."),
        ),
    ),
    Operation(
        "POST", f"{_SESSION}/still", "Session", documents.still, told.StillAnswer,
        file_types=("image/jpeg",),
        errors=(InvalidSession, TooLarge, UnsupportedMediaType, Overloaded),
        parameters=(Parameter("picture", "query", "The picture, as `state` names it."),),
    ),
    Operation(
        "GET", f"{_SESSION}/card-form", "Document", documents.card_form, told.CardFormAnswer,
        errors=(InvalidSession, DocumentFillingError),
        parameters=(Parameter("card", "query", "Another card than the session's."),),
    ),
    Operation(
        "POST", f"{_DOCUMENT}/confirm", "Document", documents.confirm, told.ConfirmAnswer,
        documents.ConfirmBody, errors=(*_FILLING, InvalidSession),
    ),
    Operation(
        "GET", f"{_DOCUMENT}/card.pdf", "Document", documents.card,
        result_types=("application/pdf",), errors=(InvalidSession, NotFound),
    ),
    Operation(
        "GET", f"{_DOCUMENT}/portrait.jpg", "Document", documents.portrait,
        result_types=("image/jpeg",), errors=(InvalidSession, NotFound),
    ),
    Operation(
        "GET", f"{_CAPTURE}/page.jpg", "Document", documents.page,
        result_types=("image/jpeg",), errors=(InvalidSession, NotFound),
    ),
    Operation(
        "GET", f"{_CAPTURE}/other_page.jpg", "Document", documents.other_page,
        result_types=("image/jpeg",), errors=(InvalidSession, NotFound),
    ),
    Operation(
        "POST", "/whip", "WHIP", whip.publish, result_types=(whip.SDP,), file_types=(whip.SDP,),
        errors=_SDP, success=201,
        headers=("Location", "ETag", "Link", "Accept-Patch"),
    ),
    Operation(
        "PATCH", "/whip/{session_id}", "WHIP", whip.trickle, file_types=(whip.FRAGMENT,),
        errors=(InvalidSession, InvalidSdp, NotFound, PreconditionFailed, TooLarge,
                UnsupportedMediaType, Overloaded),
        success=204, parameters=(Parameter("If-Match", "header", "The entity tag."),),
    ),
    Operation(
        "DELETE", "/whip/{session_id}", "WHIP", whip.end, errors=(InvalidSession,),
        result_types=(),
    ),
    Operation(
        "OPTIONS", "/whip", "WHIP", whip.options, result_types=(), headers=("Accept-Post",)
    ),
    Operation(
        "POST", "/api/session-tokens", "Access", session_tokens.issue, told.SessionTokenAnswer,
        told.SessionTokenRequest, errors=_JSON,
    ),
    Operation("GET", "/api/staff/sessions", "Staff", staff.sessions, told.StaffSessions),
    Operation(
        "GET", f"{_STAFF}/events", "Staff", staff.events, result_types=_STREAM,
        errors=(InvalidSession, Overloaded),
    ),
    Operation(
        "POST", f"{_STAFF}/hint", "Staff", staff.hint, None, staff.Hint,
        errors=(*_JSON, InvalidSession), success=204,
    ),
    Operation(
        "POST", f"{_STAFF}/picture", "Staff", staff.picture, None, staff.Nothing,
        errors=(*_JSON, InvalidSession), success=204,
    ),
    Operation(
        "POST", f"{_STAFF}/form", "Staff", staff.form, told.TakenForm, staff.Nothing,
        errors=(*_JSON, InvalidSession),
    ),
    Operation(
        "DELETE", f"{_STAFF}/form", "Staff", staff.give_back, None, result_types=(),
        errors=(InvalidSession,), success=204,
    ),
    Operation(
        "POST", f"{_STAFF}/confirm", "Staff", staff.confirm, told.StaffConfirmed,
        documents.ConfirmBody, errors=(*_FILLING, InvalidSession, PreconditionFailed),
    ),
    Operation("GET", "/api/stored", "Stored", stored.listed, told.StoredRecords,
              errors=(NotFound,)),
    Operation(
        "GET", "/api/stored/{record}/{kind}", "Stored", stored.read,
        result_types=("image/jpeg", "application/json", "application/pdf"),
        errors=(NotFound, StoredFileError),
    ),
    Operation("DELETE", "/api/stored/{record}", "Stored", stored.delete, told.StoredDeleted,
              errors=(NotFound,)),
    Operation("POST", "/api/stored/sweep", "Stored", stored.sweep, told.StoredSwept,
              errors=(NotFound,)),
)  # fmt: skip

FOR_BROWSERS = frozenset(
    {
        "/",  # the guest's page, and what it is made of
        "/page.json",
        "/theme.css",
        "/logo",
        "/static",
        "/staff",  # the front desk's page
        "/api/docs",  # the page that shows the description
        "/api/openapi.json",  # the description itself
    }
)
"""Addresses that the description leaves out: files and pages, of which a client has no use."""
