"""Listens to what becomes of documents and stores what the settings ask for; sweeps."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiohttp import web
from PIL import Image

from core.auth import KeepingSettings
from core.errors import StoredFileError
from core.log import Log
from media import reports
from media.events import BetterPage, Captured, Event, OtherSide, Picture
from signaling.access.audit import Audit
from signaling.keeping.deletions import Deletions
from signaling.keeping.envelope import KeyRing
from signaling.keeping.store import Store, Swept

T = TypeVar("T")
_log = Log("keeping")
_MOST_WAITING = 100
_JPEG_QUALITY = 92


def jpeg(page: Picture) -> bytes:
    """A picture of H×W×3 uint8 BGR as a JPEG file, which holds pixels and nothing else."""
    file = io.BytesIO()
    Image.fromarray(page[:, :, ::-1]).save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def contents(event: Event) -> dict[str, Callable[[], bytes]]:
    """What could be stored of an event, by kind, made when it is asked for."""
    if isinstance(event, BetterPage):
        return {"other" if event.other else "image": lambda: jpeg(event.page)}
    if isinstance(event, OtherSide):
        # What was read is stored already, and perhaps confirmed since.
        return {"other": lambda: jpeg(event.page)}
    read = reports.result(event.document).model_dump()
    if isinstance(event, Captured):
        return {
            "image": lambda: jpeg(event.page),
            "json": lambda: _json({"read": read, "confirmed": None}),
        }
    confirmed = {
        "fields": dict(event.fields),
        "edited": list(event.edited),
        "actor": event.actor,
    }
    return {
        "json": lambda: _json({"read": read, "confirmed": confirmed}),
        "pdf": lambda: event.card,
    }


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


class Keeper:
    """One thread writes; what waits for it is bounded."""

    def __init__(self, settings: KeepingSettings, audit: Audit, deletions: Deletions) -> None:
        assert settings.folder is not None
        self._settings = settings
        self._audit = audit
        self._store = Store(
            settings.folder, KeyRing(settings.parsed_keys), settings.hours, deletions=deletions
        )
        self._thread = ThreadPoolExecutor(1, "keeping")
        self._waiting: set[asyncio.Future[None]] = set()

    async def open(self) -> None:
        """Raises SettingsError for a folder that cannot be used."""
        await asyncio.to_thread(self._store.open)

    def listen(self, event: Event) -> None:
        """Store what the settings ask for. A failure is logged and keeps no guest waiting."""
        handed_in = self._store.deletions.count
        put = self._store.replace if isinstance(event, BetterPage) else self._store.put
        for kind, made in contents(event).items():
            if kind not in self._settings.hours:
                continue
            if len(self._waiting) >= _MOST_WAITING:
                _log.error("not stored: too many files wait", kind=kind)
                continue
            work = asyncio.get_running_loop().run_in_executor(
                self._thread, self._put, put, event.record, kind, made, handed_in
            )
            self._waiting.add(work)
            work.add_done_callback(self._waiting.discard)

    def _put(
        self,
        put: Callable[[str, str, bytes, int], bool],
        record: str,
        kind: str,
        made: Callable[[], bytes],
        handed_in: int,
    ) -> None:
        try:
            if not put(record, kind, made(), handed_in):
                _log.info("not stored: its record is gone", kind=kind)
        except OSError as error:
            _log.error("not stored", kind=kind, errno=error.errno)

    async def do(self, work: Callable[[Store], T]) -> T:
        """Something with the store, after what was to be written before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, self._store)

    async def sweep(self) -> Swept:
        """Sweep once, and say so."""
        done = await self.do(Store.sweep)
        if sum(done.deleted.values()) or done.failed or done.unfinished:
            self._audit.note("retention", "sweep", **dataclasses.asdict(done))
        if done.failed:
            _log.error("files could not be deleted or told", failed=done.failed)
        return done

    async def run(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            try:
                await self.sweep()
            except (OSError, StoredFileError) as error:
                _log.crash("the sweep failed", error)
            await asyncio.sleep(self._settings.sweep_every_s)

    async def close(self) -> None:
        """Write what waits."""
        await asyncio.to_thread(self._thread.shutdown)


KEEPER: web.AppKey[Keeper | None] = web.AppKey("keeper")
