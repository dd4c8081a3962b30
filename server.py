"""Builds the house and locks up: settings, logging, engine, application.

``python server.py --host 127.0.0.1 --port 8080``; ``--help`` explains every setting.
``python server.py template check FILE`` looks at a card's form instead, ``access …`` makes
credentials and ``store …`` looks after stored files.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ipaddress
import json
import os
import signal
import socket
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from core.errors import LobbyLensError
from core.http import (
    BODIES,
    FRAME_ANCESTORS,
    HOSTS,
    LABEL_KEY,
    METRICS,
    SERVER_OPTIONS,
    TRUSTED_PROXIES,
    BodyRoom,
    HostRule,
    add_security_headers,
    errors,
    forget_answers,
    hosts,
)
from core.log import Log, setup_logging
from core.metrics import Metrics
from core.settings import Settings
from media.lanes import Spots, captures_lane, frames_lane, second_looks_lane, take_short_turns
from media.load import LoadProbe
from media.memory import (
    FreedMemory,
    glibc_trim,
    glibc_used,
    keep_what_is_loaded,
    leave_no_core,
    python_blocks,
    tune_heaps,
)
from media.session import Session
from media.surroundings import Reading, Surroundings
from media.uploads import Uploads
from pipeline.card.check import main as template_check
from pipeline.engine import Engine
from signaling import commands, pages, tls
from signaling.access.door import door
from signaling.access.origins import preflights
from signaling.addresses import keep_no_addresses
from signaling.api.shelf import SHELF, Shelf
from signaling.assignment import Assignment, Post, receive
from signaling.board import Board
from signaling.colleagues import COLLEAGUES, Colleagues, socket_path, to_owner
from signaling.guarding import LISTENERS, guard
from signaling.keeping.deletions import Deletions
from signaling.keys import DOORS, MEDIA, REGISTRY, SIGNALING, SURROUNDINGS, UPLOADS
from signaling.misspelt import load_or_explain, warn_of_misspelt
from signaling.property import PROPERTY, load_property
from signaling.routes import add_routes, card_link, image_link, largest_body
from signaling.sessions import SessionRegistry
from signaling.shards import Shard
from signaling.supervisor import announce, binding, worker_count

_log = Log("server")
_REQUESTS_END_S = 3
_BEAT_S = 0.2
_BEAT_ALONE_S = 1.0
"""Where no other worker chooses by what is told."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a worker is reached: sockets that listen already, and the pipe that ends it."""

    listening: tuple[socket.socket, ...]
    colleagues: Path
    lifeline: int


def load_texts() -> dict[str, dict[str, str]]:
    """Guidance by language and code, from the page's own language files."""
    texts = {}
    for path in sorted((pages.STATIC / "lang").glob("*.json")):
        texts[path.stem] = dict(json.loads(path.read_text("utf-8"))["guidance"])
    return texts


def make_app(settings: Settings, engine: Reading, post: Post | None = None) -> web.Application:
    """The application around an engine; its clean-up ends every session and thread.

    ``post``: its place among several workers, None for a server of one process.
    """
    app = web.Application(
        middlewares=[forget_answers, errors, hosts, preflights, door, to_owner],
        client_max_size=settings.signaling.max_body_bytes,
    )
    metrics = Metrics()
    metrics.python_blocks.set_function(python_blocks)
    if (used := glibc_used()) is not None:
        metrics.heap_used.set_function(used)
    app[METRICS] = metrics
    app[HOSTS] = HostRule(own_names(settings))
    longest = largest_body(settings)
    app[BODIES] = BodyRoom(max(settings.signaling.max_bodies_bytes, 2 * longest))
    app[TRUSTED_PROXIES] = tuple(
        ipaddress.ip_network(each) for each in settings.signaling.trusted_proxies
    )
    app[SIGNALING] = settings.signaling
    app[MEDIA] = settings.media
    app[DOORS] = settings.doors
    texts = load_texts()
    app[PROPERTY] = load_property(settings.page, sorted(texts), settings.keeping.hours)
    app[FRAME_ANCESTORS] = app[PROPERTY].frame_ancestors

    alone = post is None
    post = post or Post(0, Board(-1, 1), None)
    app[LABEL_KEY] = post.label_key
    board, shard = post.board, Shard(settings.signaling.machine, post.worker)
    app[SHELF] = Shelf(settings.doors, shard.new_secret)
    app[COLLEAGUES] = Colleagues(shard, board, post.folder, longest)
    load = LoadProbe(settings.load, metrics, lambda: board.cores_beside(post.worker))

    async def share_board(app: web.Application) -> AsyncIterator[None]:
        yield
        if alone:
            board.close()

    async def watch_load(app: web.Application) -> AsyncIterator[None]:
        memory = FreedMemory(
            settings.media.give_back_memory_s,
            lambda: app[REGISTRY].ended + app[UPLOADS].done,
            glibc_trim(),
        )
        work = (load.run(), tell_colleagues(), memory.run(), app[SHELF].run())
        tasks = [asyncio.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def tell_colleagues() -> None:
        while True:
            accepting = app[REGISTRY].accepting
            board.beat(post.worker, accepting=accepting, level=load.level, cores=load.cores)
            await asyncio.sleep(_BEAT_S if board.workers > 1 else _BEAT_ALONE_S)

    async def sessions(app: web.Application) -> AsyncIterator[None]:
        with (
            frames_lane(settings.media.analysis_threads) as frames,
            captures_lane() as captures,
            second_looks_lane() as second_looks,
        ):
            around = Surroundings(
                settings=settings.media,
                engine=engine,
                frames=frames,
                on_the_spot=Spots(settings.media.analysis_threads),
                captures=captures,
                second_looks=second_looks,
                metrics=metrics,
                load=load,
                texts=texts,
                card_link=card_link,
                image_link=image_link,
                listeners=app[LISTENERS],
            )
            app[SURROUNDINGS] = around
            app[UPLOADS] = Uploads(around, settings.doors)
            app[REGISTRY] = SessionRegistry(
                settings.signaling,
                metrics,
                load,
                lambda session_id, label, language: Session(session_id, label, around, language),
                board,
                shard,
            )
            yield
            await app[REGISTRY].drain()
            app[SHELF].clear()
            # Waiting for a reading to end would hold the loop; nothing new is handed in now.
            await asyncio.to_thread(frames.shutdown)
            await asyncio.to_thread(captures.shutdown)
            await asyncio.to_thread(second_looks.shutdown, cancel_futures=True)

    async def end_streams(app: web.Application) -> None:
        # Before connections are closed: a stream is told the reason, a capture is still read.
        await app[REGISTRY].drain()

    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(add_security_headers)
    app.cleanup_ctx.append(share_board)
    app.cleanup_ctx.append(app[COLLEAGUES].running)
    guard(app, settings, post)
    app.cleanup_ctx.append(sessions)
    app.cleanup_ctx.append(watch_load)
    app.on_startup.append(pages.remember_start)
    add_routes(app)
    return app


def own_names(settings: Settings) -> list[str]:
    """The names to answer for: this machine's, also as multicast DNS (RFC 6762) tells it, those
    in the certificate, and what the operator adds."""
    name = socket.gethostname()
    short = name.split(".")[0]
    certified = (
        tls.certificate_names(settings.tls_cert)
        if settings.tls == "files" and settings.tls_cert
        else []
    )
    return [
        *(settings.host, name, short, f"{short}.local"),
        *certified,
        *settings.signaling.allowed_hosts,
    ]


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


async def serve(
    settings: Settings, app: web.Application, context: ssl.SSLContext | None, doors: Doors | None
) -> None:
    """Serve until SIGTERM, SIGINT or the end of the lifeline, then drain and close."""
    keep_what_is_loaded()
    tune_heaps()
    keep_no_addresses()
    # Requests under way get a moment to end, and one that never ends holds nothing up.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_REQUESTS_END_S, **SERVER_OPTIONS)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_stray_error)
    await runner.setup()
    told, orphaned = asyncio.Event(), asyncio.Event()

    def supervisor_gone() -> None:
        orphaned.set()
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    try:
        if doors is None:
            with binding(settings.host, settings.port):
                await web.TCPSite(runner, settings.host, settings.port, ssl_context=context).start()
            host, port = runner.addresses[0][:2]
            await asyncio.to_thread(announce, "https" if context else "http", host, port)
        else:
            await web.UnixSite(runner, doors.colleagues).start()
            for listening in doors.listening:
                await web.SockSite(runner, listening, ssl_context=context, backlog=1024).start()
            loop.add_reader(doors.lifeline, supervisor_gone)
        await told.wait()
        if doors is not None:
            loop.remove_reader(doors.lifeline)
        _log.info("shutting down")
        # Until all is drained whoever comes is told to try again, rather than that nobody is here.
        await app[REGISTRY].drain()
    finally:
        await runner.cleanup()
        if doors is not None and orphaned.is_set():
            await asyncio.to_thread(leave_no_folder, doors.colleagues)


def leave_no_folder(own: Path) -> None:
    """Remove a worker's socket, and the folder with the last one: the supervisor cannot."""
    own.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        own.parent.rmdir()


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


def run(settings: Settings, assignment: Assignment | None) -> int:
    """Serve, alone or as the worker that ``assignment`` describes; the exit status."""
    context, post, doors = None, None, None
    try:
        if assignment is not None:
            board = Board(assignment.board, assignment.workers)
            deletions = Deletions(assignment.deletions)
            post = Post(
                assignment.worker,
                board,
                assignment.folder,
                deletions,
                assignment.label_key,
                assignment.again,
            )
            doors = Doors(
                tuple(socket.socket(fileno=each) for each in assignment.listening),
                socket_path(assignment.folder, assignment.worker),
                assignment.lifeline,
            )
        if assignment is not None and assignment.certificate is not None:
            context = tls.from_pem(assignment.certificate)
        else:
            context = tls_context(settings)
        engine = Engine(settings.pipeline)
    except LobbyLensError as error:
        print(f"lobbylens: {error.message}", file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(settings, make_app(settings, engine, post), context, doors))
    except (LobbyLensError, OSError) as error:
        reason = error.message if isinstance(error, LobbyLensError) else error.strerror
        print(f"lobbylens: cannot serve: {reason}", file=sys.stderr)
        return 2
    finally:
        engine.close()
    return 0


def supervise(arguments: list[str]) -> None:
    """Become the supervisor, a program that holds nothing of what the workers need."""
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent)}
    program = [sys.executable, "-P", "-m", "signaling.supervisor", *arguments]
    os.execve(sys.executable, program, place)


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 2 when the configuration or the installation is wrong."""
    leave_no_core()
    # OpenCV, OpenMP and tesseract would each take every core for one guest's frame.
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")
    take_short_turns()
    if arguments[:2] == ["template", "check"]:
        return template_check(arguments[2:])
    if arguments[:1] and arguments[0] in commands.COMMANDS:
        return commands.main(arguments)
    if arguments[:1] == ["worker"]:
        assignment = receive(int(arguments[1]))
        settings = assignment.settings
        setup_logging(settings.log_level, settings.log_format, str(assignment.worker))
        return run(settings, assignment)
    try:
        settings = load_or_explain(arguments)
    except LobbyLensError as error:
        print(f"lobbylens: {error.message}", file=sys.stderr)
        return 2
    if settings.health:
        return health(settings.host, settings.port)
    if worker_count(settings) > 1:
        supervise(arguments)
    setup_logging(settings.log_level, settings.log_format)
    warn_of_misspelt()
    return run(settings, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
