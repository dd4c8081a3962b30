"""The page, its files, health and metrics."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from aiohttp import web

from core.http import METRICS, is_internal, public
from core.metrics import merge
from media.messages import PROTOCOL_VERSION
from signaling.colleagues import COLLEAGUES
from signaling.keys import REGISTRY, SIGNALING, STARTED_S, SURROUNDINGS

STATIC = Path(__file__).resolve().parent.parent / "static"


@public
async def index(request: web.Request) -> web.FileResponse:
    """``GET /``: the guest's page."""
    return web.FileResponse(STATIC / "index.html")


@public
async def health(request: web.Request) -> web.Response:
    """``GET /health``: 200 while the server lives; ``accepting``: it takes sessions."""
    app = request.app
    board, own = app[COLLEAGUES].board, app[COLLEAGUES].shard.worker
    elsewhere = [worker for worker in board.by_load() if worker != own]
    return web.json_response(
        {
            "status": "ok",
            "sessions": board.sessions,
            "accepting": app[REGISTRY].accepting or bool(elsewhere),
            "workers": sum(bool(row.pid) for row in board.rows()),
            "max_sessions": app[SIGNALING].max_sessions,
            "uptime_s": round(time.monotonic() - app[STARTED_S], 1),
            "protocol": PROTOCOL_VERSION,
            "models": dict(app[SURROUNDINGS].engine.models),
            "websocket": True,
            "active_sessions": board.sessions,
        }
    )


async def metrics(request: web.Request) -> web.Response:
    """``GET /metrics``: Prometheus text; asks for the token where one is set."""
    colleagues, own = request.app[COLLEAGUES], request.app[METRICS]
    own.restarts.set(colleagues.board.row(colleagues.shard.worker).restarts)
    # The process's own figures are read from files.
    text = await asyncio.to_thread(own.render)
    if colleagues.board.workers > 1 and not is_internal(request):
        texts = {colleagues.shard.worker: text, **await colleagues.everywhere(request)}
        by_worker = {str(worker): texts[worker] for worker in sorted(texts)}
        text = await asyncio.to_thread(merge, by_worker)
    return web.Response(
        body=text,
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def remember_start(app: web.Application) -> None:
    app[STARTED_S] = time.monotonic()
