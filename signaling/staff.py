"""The front desk's doors: live sessions without guest data, one over server-sent events, help.

All ask for the operator's token. A session is named by its label, which opens nothing elsewhere;
its secret id never comes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Annotated

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InvalidMessage, PreconditionFailed, UnsupportedMediaType
from core.http import is_internal, public, read_text
from core.log import Log
from media.desk import Notice
from media.inbound import Inbound
from media.messages import Confirm
from media.session import Session
from signaling.api import told
from signaling.colleagues import COLLEAGUES
from signaling.documents import ConfirmBody
from signaling.events import begin_stream
from signaling.keys import REGISTRY, SIGNALING
from signaling.pages import STATIC
from signaling.presence import while_there

_log = Log("staff")
_KEEP_ALIVE_S = 15
_BODY_BYTES = 4096


class Hint(Inbound):
    """Either a guidance code, which the guest's page words in the guest's language, or a text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: Annotated[str, Field(pattern=r"^[A-Z_]{3,40}$")] | None = None
    text: Annotated[str, Field(max_length=200)] = ""


class Nothing(BaseModel):
    """An empty JSON object, for what needs no more than to be asked for."""


@public
async def page(request: web.Request) -> web.FileResponse:
    """``GET /staff``: the page itself holds nothing; it asks for the token."""
    return web.FileResponse(STATIC / "staff.html")


def _session(request: web.Request) -> Session:
    return request.app[REGISTRY].labelled(request.match_info["label"])


def _needs_json(request: web.Request) -> None:
    # A page of elsewhere cannot send this type without a preflight, which nothing here answers.
    if request.content_type != "application/json":
        raise UnsupportedMediaType("send application/json")


async def sessions(request: web.Request) -> web.Response:
    """``GET /api/staff/sessions``: what is going on, in every worker, oldest first."""
    found = [
        told.StaffSession(label=session.label, **session.desk.overview())
        for session in request.app[REGISTRY]
    ]
    if not is_internal(request):
        for text in (await request.app[COLLEAGUES].everywhere(request)).values():
            found += told.StaffSessions.model_validate_json(text).sessions
        found.sort(key=lambda session: -session.age_s)
    return web.json_response(told.StaffSessions(sessions=found).model_dump())


async def events(request: web.Request) -> web.StreamResponse:
    """``GET /api/staff/sessions/{label}/events``: masked messages as server-sent events."""
    session = _session(request)
    if request.method == hdrs.METH_HEAD:
        return await begin_stream(request)
    # A clerk who looks at another session, or closes the page, is nothing to tell of.
    with session.desk.watch() as queue, contextlib.suppress(ConnectionError):
        answer = await begin_stream(request)
        async with while_there(request):
            await _pour(answer, queue)
    return answer


async def _pour(answer: web.StreamResponse, queue: asyncio.Queue[Notice | None]) -> None:
    while True:
        try:
            async with asyncio.timeout(_KEEP_ALIVE_S):
                notice = await queue.get()
        except TimeoutError:
            await answer.write(b": still here\n\n")
            continue
        if notice is None:
            break
        await answer.write(f"data: {json.dumps(notice)}\n\n".encode())
    await answer.write(b"event: end\ndata: {}\n\n")


async def hint(request: web.Request) -> web.Response:
    """``POST /api/staff/sessions/{label}/hint``: shows the guest a hint, a code or a text."""
    _needs_json(request)
    session = _session(request)
    text = await read_text(request, _BODY_BYTES)
    try:
        said = Hint.model_validate_json(text)
    except ValidationError:
        raise InvalidMessage("a hint has a guidance code or a text of 200 characters") from None
    if said.code is None and not said.text.strip():
        raise InvalidMessage("a hint needs a code or a text", "text")
    session.desk.hint(said.code, said.text.strip())
    return web.Response(status=204)


async def picture(request: web.Request) -> web.Response:
    """``POST /api/staff/sessions/{label}/picture``: the shutter, pressed at the desk."""
    _needs_json(request)
    _session(request).desk.take_picture()
    return web.Response(status=204)


async def form(request: web.Request) -> web.Response:
    """``POST /api/staff/sessions/{label}/form``: take over the form; the guest is told."""
    _needs_json(request)
    card_form = told.CardFormAnswer.model_validate(
        (await _session(request).cards.form()).model_dump()
    )
    session = _session(request)  # It may have ended meanwhile.
    document_id, fields = session.desk.take_form()
    _log.info("form taken over", session=session.label)
    taken = told.TakenForm(document_id=document_id, fields=fields, card_form=card_form)
    return web.json_response(taken.model_dump())


async def give_back(request: web.Request) -> web.Response:
    """``DELETE /api/staff/sessions/{label}/form``: the guest fills in the form again."""
    _session(request).desk.give_back_form()
    return web.Response(status=204)


async def confirm(request: web.Request) -> web.Response:
    """``POST /api/staff/sessions/{label}/confirm``: takes the fields from the clerk's form."""
    _needs_json(request)
    session = _session(request)
    text = await read_text(request, request.app[SIGNALING].max_body_bytes)
    try:
        body = ConfirmBody.model_validate_json(text)
    except ValidationError:
        raise InvalidMessage("send document_id and fields, name to text", "fields") from None
    if session.desk.taken_back:
        raise PreconditionFailed("the guest has taken the form back: take it over once more")
    message: Confirm = body.model_copy(update={"actor": "clerk"})
    confirmed = await session.confirm(message)
    session.desk.say_confirmed(confirmed)
    kept = told.StaffConfirmed(document_id=confirmed.document_id, edited=confirmed.edited)
    return web.json_response(kept.model_dump())
