"""Builds the house and locks up: settings, logging, engine, application.

``python server.py --host 127.0.0.1 --port 8080``; ``--help`` explains every setting.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from core.errors import LobbyLensError
from core.http import METRICS, SERVER_OPTIONS, add_security_headers, errors
from core.log import Log, setup_logging
from core.metrics import Metrics
from core.settings import Settings, load_settings
from media.load import LoadProbe
from media.session import Session
from media.surroundings import Reading, Surroundings
from media.uploads import Uploads
from pipeline.engine import Engine
from signaling import commands, pages, tls
from signaling.access.door import door
from signaling.access.origins import preflights
from signaling.api.shelf import SHELF, Shelf
from signaling.guarding import LISTENERS, guard
from signaling.keys import DOORS, MEDIA, REGISTRY, SIGNALING, SURROUNDINGS, UPLOADS
from signaling.routes import add_routes, card_link
from signaling.sessions import SessionRegistry

_log = Log("server")
_READING_THREADS = 2
_REQUESTS_END_S = 3


def load_texts() -> dict[str, dict[str, str]]:
    """Guidance by language and code, from the page's own language files."""
    texts = {}
    for path in sorted((pages.STATIC / "lang").glob("*.json")):
        texts[path.stem] = dict(json.loads(path.read_text("utf-8"))["guidance"])
    return texts


def make_app(settings: Settings, engine: Reading) -> web.Application:
    """The application around an engine; its clean-up ends every session and thread."""
    app = web.Application(
        middlewares=[errors, preflights, door], client_max_size=settings.signaling.max_body_bytes
    )
    metrics = Metrics()
    app[METRICS] = metrics
    app[SIGNALING] = settings.signaling
    app[MEDIA] = settings.media
    app[DOORS] = settings.doors
    app[SHELF] = Shelf(settings.doors)
    texts = load_texts()

    load = LoadProbe(settings.load, metrics)

    async def watch_load(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(load.run())
        yield
        task.cancel()
        await asyncio.wait([task])

    async def sessions(app: web.Application) -> AsyncIterator[None]:
        with (
            ThreadPoolExecutor(settings.media.analysis_threads, "frames") as frames,
            ThreadPoolExecutor(_READING_THREADS, "captures") as captures,
        ):
            around = Surroundings(
                settings=settings.media,
                engine=engine,
                frames=frames,
                captures=captures,
                metrics=metrics,
                load=load,
                texts=texts,
                card_link=card_link,
                listeners=app[LISTENERS],
            )
            app[SURROUNDINGS] = around
            app[UPLOADS] = Uploads(around, settings.doors)
            app[REGISTRY] = SessionRegistry(
                settings.signaling,
                metrics,
                load,
                lambda session_id, label, language: Session(session_id, label, around, language),
            )
            yield
            await app[REGISTRY].drain()
            app[SHELF].clear()
            # Waiting for a reading to end would hold the loop; nothing new is handed in now.
            await asyncio.to_thread(frames.shutdown)
            await asyncio.to_thread(captures.shutdown)

    async def end_streams(app: web.Application) -> None:
        # Before connections are closed: a stream is told the reason, a capture is still read.
        await app[REGISTRY].drain()

    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(add_security_headers)
    guard(app, settings)
    app.cleanup_ctx.append(watch_load)
    app.cleanup_ctx.append(sessions)
    app.on_startup.append(pages.remember_start)
    add_routes(app)
    return app


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Raises SettingsError for files that cannot be used."""
    if settings.tls == "files":
        assert settings.tls_cert is not None and settings.tls_key is not None
        return tls.from_files(settings.tls_cert, settings.tls_key)
    return tls.self_signed(settings.host) if settings.tls == "self-signed" else None


def log_stray_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody awaited, mostly from below: told without its text, which may hold data."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        _log.crash("x stray error", error)
    else:
        _log.warning("x stray error", told=str(context.get("message")).split(":")[0])


async def serve(settings: Settings, app: web.Application, context: ssl.SSLContext | None) -> None:
    """Serve until SIGTERM or SIGINT, then drain and close."""
    # Requests under way get a moment to end, and one that never ends holds nothing up.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_REQUESTS_END_S, **SERVER_OPTIONS)
    asyncio.get_running_loop().set_exception_handler(log_stray_error)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=context)
        await site.start()
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        host, port = runner.addresses[0][:2]
        scheme = "https" if context else "http"
        for name in await asyncio.to_thread(tls.reachable_hosts, host):
            named = f"[{name}]" if ":" in name else name
            print(f"LobbyLens serves {scheme}://{named}:{port}/", flush=True)
        await told.wait()
        _log.info("shutting down")
        await site.stop()
    finally:
        await runner.cleanup()


def health(host: str, port: int) -> int:
    """Ask the server on this machine; 0 when it is well. TLS or not is found by trying."""
    asked = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    # The answer comes from this machine, so there is nothing that a certificate would prove.
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    # Nor is this machine reached by way of a proxy that the environment names.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting)
    )
    for scheme in ("http", "https"):
        url = f"{scheme}://{asked}:{port}/health"
        with (
            contextlib.suppress(OSError, ValueError, http.client.HTTPException),
            opener.open(url, timeout=2) as answer,
        ):
            print(answer.read().decode())
            return 0
    print(f"lobbylens: no server answers on port {port}", file=sys.stderr)
    return 1


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 2 when the configuration or the installation is wrong."""
    # OpenCV, OpenMP and tesseract would each take every core for one guest's frame.
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")
    try:
        if arguments[:1] and arguments[0] in commands.COMMANDS:
            print(commands.run(arguments))
            return 0
        settings = load_settings(arguments)
        if settings.health:
            return health(settings.host, settings.port)
        setup_logging(settings.log_level, settings.log_format)
        engine = Engine(settings.pipeline)
    except LobbyLensError as error:
        print(f"lobbylens: {error.message}", file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(settings, make_app(settings, engine), tls_context(settings)))
    except (LobbyLensError, OSError) as error:
        reason = error.message if isinstance(error, LobbyLensError) else error.strerror
        print(f"lobbylens: cannot serve: {reason}", file=sys.stderr)
        return 2
    finally:
        engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
