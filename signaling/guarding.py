"""Puts together what guards guest data: access, limits, audit, storing, webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from core.http import METRICS
from core.settings import Settings
from media.events import BetterPage, Captured, Confirmed, Event, Listener
from signaling.access.audit import AUDIT, Audit
from signaling.access.credentials import Credentials
from signaling.access.door import AUTHENTICATOR, ENDING, remember_status
from signaling.access.limits import LIMITS, Limits, add_quota
from signaling.access.origins import ORIGINS, Origins, add_origin_headers
from signaling.access.session_tokens import SESSION_TOKENS, SessionTokens
from signaling.assignment import Post
from signaling.colleagues import COLLEAGUES
from signaling.keeping.envelope import KeyRing
from signaling.keeping.keeper import KEEPER, Keeper
from signaling.keeping.spool import Spool, SpoolFolder
from signaling.webhooks import Webhooks

LISTENERS: web.AppKey[tuple[Listener, ...]] = web.AppKey("listeners", tuple)


def spool_of(app: web.Application, settings: Settings) -> Spool | None:
    """Where this worker's webhooks wait for a restart, if anywhere."""
    told, colleagues = settings.webhooks, app[COLLEAGUES]
    if told.spool is None:
        return None
    folder = SpoolFolder(
        told.spool,
        KeyRing(settings.keeping.parsed_keys),
        hours=told.spool_hours,
        max_bytes=told.spool_max_bytes,
        worker=colleagues.shard.worker,
        workers=colleagues.board.workers,
    )
    return Spool(folder)


def guard(app: web.Application, settings: Settings, post: Post) -> None:
    """Must come after the signal that adds security headers and after the colleagues, and before
    sessions are made.

    Raises SettingsError for keys that cannot be used.
    """
    audit = Audit(settings.access)
    tokens = SessionTokens(
        settings.access.session_token_ttl_s, new_secret=app[COLLEAGUES].shard.new_secret
    )
    app[AUDIT] = audit
    app[SESSION_TOKENS] = tokens
    app[AUTHENTICATOR] = Credentials(settings.access, settings.api_token, tokens)
    app[LIMITS] = Limits(settings.access)
    app[ORIGINS] = Origins(settings.access)
    app.on_response_prepare.append(add_origin_headers)
    app.on_response_prepare.append(add_quota)
    app.on_response_prepare.append(remember_status)
    app[ENDING] = ending = asyncio.Event()

    async def begin_to_end(app: web.Application) -> None:
        ending.set()

    app.on_shutdown.append(begin_to_end)
    keeper = Keeper(settings.keeping, audit, post.deletions) if settings.keeping.folder else None
    app[KEEPER] = keeper
    webhooks = None
    if settings.webhooks.urls or settings.webhooks.spool:
        webhooks = Webhooks(settings.webhooks, app[METRICS], spool_of(app, settings))

    def note(event: Event) -> None:
        if isinstance(event, BetterPage):
            return  # the document was told
        if isinstance(event, Confirmed):
            audit.note(
                event.actor or "api",
                "document.confirmed",
                session=event.session,
                record=event.record,
                edited=len(event.edited),
            )
            return
        audit.note(
            "session" if event.session else "api",
            "document.captured" if isinstance(event, Captured) else "document.joined",
            session=event.session,
            record=event.record,
        )

    listeners: list[Listener] = [note]
    if keeper is not None:
        listeners.append(keeper.listen)
    if webhooks is not None:
        listeners.append(webhooks.listen)
    app[LISTENERS] = tuple(listeners)

    async def run(app: web.Application) -> AsyncIterator[None]:
        # What could be written when the house opened may be so again: guests go on meanwhile.
        if not post.again:
            await audit.open()
            if keeper is not None:
                await keeper.open()
        if webhooks is not None:
            await webhooks.start()
        tasks = [asyncio.create_task(each) for each in (audit.run(), app[LIMITS].run())]
        if keeper is not None:
            tasks.append(asyncio.create_task(keeper.run()))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if webhooks is not None:
            await webhooks.close()
        if keeper is not None:
            await keeper.close()
        await audit.close()

    app.cleanup_ctx.append(run)
