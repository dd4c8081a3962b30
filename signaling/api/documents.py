"""From reviewed data to a card: ``/api/mrz/update``, preview and PDF."""

from __future__ import annotations

import asyncio
import html
import string
from collections.abc import Collection, Mapping

from aiohttp import hdrs, web

from core.errors import DocumentFillingError, InvalidSession
from core.http import METRICS, public
from media.cards import card_order
from media.messages import Confirm
from media.reports import FLAT_NAMES
from media.review import Review, Reviews, clean_fields
from signaling.api.access import require_token
from signaling.api.bodies import checked, read_form
from signaling.api.models import PreviewAnswer, PreviewRequest, UpdateAnswer, UpdateRequest
from signaling.api.owners import at_owner
from signaling.api.shelf import SHELF
from signaling.api.stream_http import answer
from signaling.api.streams import original_of
from signaling.keys import REGISTRY, SIGNALING, SURROUNDINGS
from signaling.pages import STATIC

_ICAO_NAMES = {short: name for name, short in FLAT_NAMES.items()}
_EDITED = ' class="edited"'
_PREVIEW = STATIC.parent / "templates" / "preview.html"
_PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"


def icao_fields(data: Mapping[str, str]) -> dict[str, str]:
    """Guest data by ICAO names, whichever of the two each was given by.

    Raises InvalidMessage for a name that is no snake_case word.
    """
    return clean_fields({_ICAO_NAMES.get(name, name): value for name, value in data.items()})


def _flat(data: Mapping[str, str]) -> dict[str, str]:
    return {FLAT_NAMES.get(name, name): value for name, value in data.items()}


def edited_names(original: Mapping[str, str] | None, data: Mapping[str, str]) -> list[str]:
    """Names whose value is not the one read; all that say something when nothing was read."""
    read = original or {}
    return sorted(
        name
        for name, value in data.items()
        if value != read.get(name, "") and (name in read or original is None)
    )


def allowed(
    fields: Mapping[str, str], forbidden: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """The fields that a card may have, and the flat names of those that it must not.

    Clients of this door send back all that was read, and know no card's rules.
    """
    kept = {name: value for name, value in fields.items() if name not in forbidden}
    return kept, sorted(_flat({name: fields[name] for name in fields.keys() - kept.keys()}))


@public
async def update(request: web.Request) -> web.StreamResponse:
    """Accept reviewed data and fill the card; what was read stays beside it."""
    form = await read_form(request, request.app[SIGNALING].max_body_bytes)
    wanted = checked(UpdateRequest, form.values)
    if (passed_on := await at_owner(request, form, wanted.session_id)) is not None:
        return passed_on
    fields = icao_fields(wanted.guest_data)
    shelf = request.app[SHELF]
    try:
        if wanted.session_id is None:
            await require_token(request)
            told = await _by_hand(request, wanted, fields)
        elif shelf.was_closed(wanted.session_id):
            told = await _by_hand(request, wanted, fields)
        else:
            told = await _in_session(request, wanted.session_id, wanted, fields)
    except DocumentFillingError as error:
        # One code for all of its kinds here; the sentence and the field say which.
        raise DocumentFillingError(error.message, error.field) from None
    return answer(told)


async def _in_session(
    request: web.Request, session_id: str, wanted: UpdateRequest, fields: dict[str, str]
) -> UpdateAnswer:
    session = request.app[REGISTRY].get(session_id)
    original = original_of(session, wanted.document_id)
    document_id = wanted.document_id or _newest(session.viewing.reviews.all())
    form = await session.cards.form(wanted.card)
    kept, left_out = allowed(fields, form.forbidden)
    confirmed = await session.confirm(_confirm(wanted, document_id, kept))
    card_id = request.app[SHELF].put(session.card(confirmed.document_id))
    data = _flat(fields)
    edited = edited_names(original, data)
    return UpdateAnswer(
        session_id=session_id,
        document_id=confirmed.document_id,
        filled_document=card_address(card_id),
        is_edited=bool(edited),
        edited=edited,
        left_out=left_out,
        data=data,
        original=original,
    )


def _confirm(wanted: UpdateRequest, document_id: str | None, fields: dict[str, str]) -> Confirm:
    """The request as the message that means the same."""
    return Confirm(
        type="confirm",
        document_id=document_id,
        fields=fields,
        actor=wanted.actor,
        card=wanted.card,
        variant=wanted.variant,
        archival=wanted.archival,
        signature=wanted.signature,
    )


def _newest(reviews: list[Review]) -> str | None:
    """The newest document that was read, or entered by hand if none was."""
    read = [review for review in reviews if review.document.was_read]
    return (read or reviews)[-1].document.id if reviews else None


async def _by_hand(
    request: web.Request, wanted: UpdateRequest, fields: dict[str, str]
) -> UpdateAnswer:
    """A card without a session, or for one that its client has closed: from these data alone."""
    around, shelf = request.app[SURROUNDINGS], request.app[SHELF]
    session_id, order = wanted.session_id, card_order(_confirm(wanted, None, fields), None)
    review, loop = Reviews().get(None), asyncio.get_running_loop()
    form = await loop.run_in_executor(around.captures, around.engine.card_form, order.card)
    kept, left_out = allowed(fields, form.forbidden)
    pdf = await loop.run_in_executor(
        around.captures, around.engine.fill_card, review.document, kept, order
    )
    review.confirm(kept, None, pdf)
    around.tell(review.as_confirmed(""))
    request.app[METRICS].cards.inc()
    data, card_id = _flat(fields), shelf.put(pdf)
    as_read = session_id is not None and shelf.is_as_read(session_id, data)
    return UpdateAnswer(
        session_id=session_id,
        document_id=card_id,
        filled_document=card_address(card_id),
        is_edited=not as_read,
        edited=[] if as_read else edited_names(None, data),
        left_out=left_out,
        data=data,
        original=None,
    )


def card_address(card_id: str) -> str:
    return f"/api/document/pdf/{card_id}"


@public
async def pdf(request: web.Request) -> web.StreamResponse:
    """The filled card as PDF; the id is the secret, and names its worker as a session's does."""
    card_id = request.match_info["document_id"]
    if (passed_on := await at_owner(request, None, card_id)) is not None:
        return passed_on
    return web.Response(
        body=request.app[SHELF].card(card_id),
        content_type="application/pdf",
        headers={hdrs.CONTENT_DISPOSITION: 'inline; filename="registration-card.pdf"'},
    )


@public
async def preview(request: web.Request) -> web.StreamResponse:
    """The reviewed data as a page to look at; nothing is kept."""
    form = await read_form(request, request.app[SIGNALING].max_body_bytes)
    wanted = checked(PreviewRequest, form.values)
    if (passed_on := await at_owner(request, form, wanted.session_id)) is not None:
        return passed_on
    original: dict[str, str] | None = None
    if wanted.session_id is None or request.app[SHELF].was_closed(wanted.session_id):
        if wanted.session_id is None:
            await require_token(request)
    else:
        session = request.app[REGISTRY].get(wanted.session_id)
        original = original_of(session, wanted.document_id)
        if original is None and not wanted.guest_data:
            raise InvalidSession("nothing was read in this session: send guest_data")
    data = {**(original or {}), **_flat(icao_fields(wanted.guest_data))}
    page = await asyncio.to_thread(preview_page, data, edited_names(original, data))
    if "application/json" in request.headers.get(hdrs.ACCEPT, ""):
        return answer(PreviewAnswer(html=page))
    return web.Response(
        text=page,
        content_type="text/html",
        headers={"Content-Security-Policy": _PREVIEW_POLICY},
    )


def preview_page(data: Mapping[str, str], edited: list[str]) -> str:
    """HTML with every value escaped; edited ones are marked."""
    rows = "\n".join(
        f'<tr{_EDITED if name in edited else ""}><th scope="row">'
        f"{html.escape(name.replace('_', ' ').capitalize())}</th>"
        f"<td>{html.escape(value) or '&mdash;'}</td></tr>"
        for name, value in data.items()
    )
    frame = string.Template(_PREVIEW.read_text("utf-8"))
    return frame.substitute(rows=rows)
