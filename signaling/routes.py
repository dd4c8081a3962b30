"""The table of URLs."""

from __future__ import annotations

from aiohttp import web

from core.settings import Settings
from media.review import PORTRAIT
from signaling import documents, events, offer, pages, property, staff, whip
from signaling.access import session_tokens
from signaling.api.bodies import longest_json
from signaling.api.openapi import add_api_routes
from signaling.keeping.doors import add_stored_routes


def card_link(session_id: str, document_id: str) -> str:
    """Where the card of a confirmed document is."""
    return f"/api/sessions/{session_id}/documents/{document_id}/card.pdf"


def image_link(session_id: str, document_id: str, name: str) -> str:
    """Where a picture of a document is."""
    kind = "documents" if name == PORTRAIT else "captures"
    return f"/api/sessions/{session_id}/{kind}/{document_id}/{name}.jpg"


def largest_body(settings: Settings) -> int:
    """Bytes of the longest body that any door takes."""
    offer_bytes = offer.longest_body(settings.signaling)
    doors = settings.doors
    files = max(doors.max_frame_bytes, doors.max_batch_bytes, doors.max_upload_bytes)
    return max(
        *(offer_bytes, settings.signaling.max_body_bytes, settings.media.max_still_bytes),
        longest_json(files),
    )


def add_routes(app: web.Application) -> None:
    document = "/api/sessions/{session_id}/documents/{document_id}"
    capture = "/api/sessions/{session_id}/captures/{document_id}"
    app.router.add_get("/", pages.index)
    app.router.add_get("/page.json", property.page_json)
    app.router.add_get("/theme.css", property.theme)
    app.router.add_get("/logo", property.logo)
    app.router.add_get("/staff", staff.page)
    app.router.add_get("/api/staff/sessions", staff.sessions)
    app.router.add_get("/api/staff/sessions/{label}/events", staff.events)
    app.router.add_post("/api/staff/sessions/{label}/hint", staff.hint)
    app.router.add_post("/api/staff/sessions/{label}/picture", staff.picture)
    app.router.add_post("/api/staff/sessions/{label}/form", staff.form)
    app.router.add_delete("/api/staff/sessions/{label}/form", staff.give_back)
    app.router.add_post("/api/staff/sessions/{label}/confirm", staff.confirm)
    app.router.add_get("/health", pages.health)
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_post("/api/webrtc/offer", offer.offer)
    app.router.add_get("/api/webrtc/config", offer.config)
    app.router.add_delete("/api/sessions/{session_id}", offer.close)
    app.router.add_post("/api/sessions/{session_id}/offer", offer.resume)
    app.router.add_post("/api/sessions/{session_id}/close", offer.close)
    app.router.add_get("/api/sessions/{session_id}/events", events.events)
    app.router.add_post("/api/sessions/{session_id}/still", documents.still)
    app.router.add_get("/api/sessions/{session_id}/card-form", documents.card_form)
    app.router.add_post(f"{document}/confirm", documents.confirm)
    app.router.add_get(f"{document}/card.pdf", documents.card)
    app.router.add_get(f"{document}/portrait.jpg", documents.portrait)
    app.router.add_get(f"{capture}/page.jpg", documents.page)
    app.router.add_get(f"{capture}/other_page.jpg", documents.other_page)
    add_api_routes(app)
    app.router.add_post("/whip", whip.publish)
    app.router.add_route("OPTIONS", "/whip", whip.options)
    app.router.add_patch("/whip/{session_id}", whip.trickle)
    app.router.add_delete("/whip/{session_id}", whip.end)
    app.router.add_post("/api/session-tokens", session_tokens.issue)
    add_stored_routes(app)
    app.router.add_static("/static", pages.STATIC)
