"""Review and card by HTTP: what the events channel does, for whoever has only the address."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import ValidationError

from core.errors import InvalidMessage, UnsupportedMediaType
from core.http import public, read_body, read_text
from media.messages import Confirm
from media.misfits import first_misfit, misfit
from media.review import OTHER_PAGE, PAGE, PORTRAIT
from signaling.api.told import CardFormAnswer, ConfirmAnswer, StillAnswer
from signaling.keys import MEDIA, REGISTRY, SIGNALING


class ConfirmBody(Confirm):
    """The message, whose type the address tells already."""

    type: Literal["confirm"] = "confirm"


@public
async def confirm(request: web.Request) -> web.Response:
    """``POST /api/sessions/{id}/documents/{document_id}/confirm``: fills the card.

    With the fields as they were reviewed; the id is the secret.
    """
    session = request.app[REGISTRY].get(request.match_info["session_id"])
    text = await read_text(request, request.app[SIGNALING].max_body_bytes)
    try:
        message = ConfirmBody.model_validate_json(text)
    except ValidationError as error:
        first = first_misfit(error)
        field = str(first["loc"][0]) if first["loc"] else "body"
        raise InvalidMessage(misfit(field, first), field) from None
    document_id = request.match_info["document_id"]
    confirmed = await session.confirm(message.model_copy(update={"document_id": document_id}))
    session.desk.note(confirmed)
    answer = ConfirmAnswer.model_validate(confirmed.model_dump())
    return web.json_response(answer.model_dump())


@public
async def card_form(request: web.Request) -> web.Response:
    """``GET /api/sessions/{id}/card-form``: what the session's card asks for, or ``?card=…``."""
    session = request.app[REGISTRY].get(request.match_info["session_id"])
    form = await session.cards.form(request.query.get("card"))
    answer = CardFormAnswer.model_validate(form.model_dump())
    return web.json_response(answer.model_dump())


@public
async def still(request: web.Request) -> web.Response:
    """``POST /api/sessions/{id}/still``: a JPEG for the picture being taken; the id is the secret.

    ``?picture=…`` names the picture as ``state`` did.
    """
    session = request.app[REGISTRY].get(request.match_info["session_id"])
    if request.content_type != "image/jpeg":
        raise UnsupportedMediaType("send the still as image/jpeg")
    limit = request.app[MEDIA].max_still_bytes
    picture = request.query.get("picture")
    taken = await session.receive_still(lambda: read_body(request, limit), picture)
    # Too late is no fault of the page, whose browser would complain of an error's status.
    return web.json_response(StillAnswer(taken=taken).model_dump())


@public
async def card(request: web.Request) -> web.Response:
    """``GET /api/sessions/{id}/documents/{document_id}/card.pdf``: the filled card, a PDF."""
    session = request.app[REGISTRY].get(request.match_info["session_id"])
    pdf = session.card(request.match_info["document_id"])
    return web.Response(
        body=pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": 'inline; filename="registration-card.pdf"'},
    )


@public
async def portrait(request: web.Request) -> web.Response:
    """``GET /api/sessions/{id}/documents/{document_id}/portrait.jpg``: it, if it is kept."""
    return _image(request, PORTRAIT)


@public
async def page(request: web.Request) -> web.Response:
    """``GET /api/sessions/{id}/captures/{document_id}/page.jpg``: the page, if it is kept."""
    return _image(request, PAGE)


@public
async def other_page(request: web.Request) -> web.Response:
    """``GET /api/sessions/{id}/captures/{document_id}/other_page.jpg``: a card's other side."""
    return _image(request, OTHER_PAGE)


def _image(request: web.Request, name: str) -> web.Response:
    session = request.app[REGISTRY].get(request.match_info["session_id"])
    jpeg = session.viewing.reviews.get(request.match_info["document_id"]).image(name)
    session.touch()
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})
