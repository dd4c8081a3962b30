"""Stored documents by HTTP: listed and read by readers, deleted and swept by operators."""

from __future__ import annotations

import dataclasses

from aiohttp import hdrs, web

from core.errors import NotFound
from signaling.api.told import StoredDeleted, StoredRecords, StoredSwept
from signaling.keeping.keeper import KEEPER, Keeper

_TYPES = {
    "image": "image/jpeg",
    "other": "image/jpeg",
    "json": "application/json",
    "pdf": "application/pdf",
}


def _keeper(request: web.Request) -> Keeper:
    keeper = request.app[KEEPER]
    if keeper is None:
        raise NotFound("this server stores nothing")
    return keeper


async def listed(request: web.Request) -> web.Response:
    """``GET /api/stored``: records with the kinds stored of each and the times of their end."""
    records = await _keeper(request).do(lambda store: store.records())
    answer = StoredRecords.model_validate({"records": records})
    return web.json_response(answer.model_dump())


async def read(request: web.Request) -> web.Response:
    """``GET /api/stored/{record}/{kind}``: a stored picture, data or card, decrypted."""
    record, kind = request.match_info["record"], request.match_info["kind"]
    data = await _keeper(request).do(lambda store: store.get(record, kind))
    return web.Response(
        body=data,
        content_type=_TYPES[kind],
        headers={hdrs.CONTENT_DISPOSITION: "attachment"},
    )


async def delete(request: web.Request) -> web.Response:
    """``DELETE /api/stored/{record}``: all that is stored of a record."""
    record = request.match_info["record"]
    count = await _keeper(request).do(lambda store: store.delete(record))
    return web.json_response(StoredDeleted(deleted=count).model_dump())


async def sweep(request: web.Request) -> web.Response:
    """``POST /api/stored/sweep``: delete now what is over; tells what was."""
    done = await _keeper(request).sweep()
    return web.json_response(StoredSwept(**dataclasses.asdict(done)).model_dump())


def add_stored_routes(app: web.Application) -> None:
    app.router.add_get("/api/stored", listed)
    app.router.add_get("/api/stored/{record}/{kind}", read)
    app.router.add_delete("/api/stored/{record}", delete)
    app.router.add_post("/api/stored/sweep", sweep)
