"""What the service is, how it is, and all of its addresses."""

from __future__ import annotations

import time

from aiohttp import hdrs, web

from core.http import public
from media.messages import PROTOCOL_VERSION
from media.uploads import UPLOAD_FORMATS
from signaling.access.table import Asks, rule_of
from signaling.api.access import first_line
from signaling.api.models import Endpoint, StatusAnswer
from signaling.api.stream_http import answer
from signaling.colleagues import COLLEAGUES
from signaling.keys import DOORS, REGISTRY, SIGNALING, STARTED_S, SURROUNDINGS

VERSION = "0.1.0"
_ASKING = (Asks.SCOPE, Asks.SECRET_OR_SCOPE)


def endpoints(app: web.Application) -> list[Endpoint]:
    """Every address that the server answers, with the first line of what it says of itself."""
    found = []
    for route in app.router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if route.method in (hdrs.METH_HEAD, hdrs.METH_OPTIONS) or path.startswith("/static"):
            continue
        found.append(
            Endpoint(
                method=route.method,
                path=path,
                description=first_line(route.handler),
                token=rule_of(route.method, path).asks in _ASKING,
            )
        )
    return sorted(found, key=lambda endpoint: (endpoint.path, endpoint.method))


@public
async def status(request: web.Request) -> web.Response:
    """Models, transports, sessions, limits and every address."""
    app = request.app
    board, own = app[COLLEAGUES].board, app[COLLEAGUES].shard.worker
    elsewhere = [worker for worker in board.by_load() if worker != own]
    return answer(
        StatusAnswer(
            service="LobbyLens",
            version=VERSION,
            protocol=PROTOCOL_VERSION,
            uptime_s=round(time.monotonic() - app[STARTED_S], 1),
            models=dict(app[SURROUNDINGS].engine.models),
            transports={
                "webrtc": "/api/webrtc/offer",
                "whip": "/whip",
                "websocket": "/api/stream/ws",
                "http": "/api/stream/frame",
            },
            sessions={
                "active": board.sessions,
                "max": app[SIGNALING].max_sessions,
                "accepting": app[REGISTRY].accepting or bool(elsewhere),
            },
            formats={
                "frame": ["JPEG", "WebP", "PNG"],
                "upload": list(UPLOAD_FORMATS),
                "video": ["WebM", "MP4"],
            },
            limits=app[DOORS].model_dump(),
            endpoints=endpoints(app),
        )
    )
