"""One file in, its documents out: the same reading, on a lane that leaves live guests theirs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from core.errors import InvalidImage, Overloaded
from core.settings import DoorSettings, EnhanceSettings
from media import reports
from media.events import Captured
from media.messages import ResultMessage
from media.review import new_record
from media.surroundings import Surroundings
from pipeline.types import DocumentStatus, ImageU8, Look
from pipeline.upload import UPLOAD_FORMATS, upload_pages

__all__ = ["UPLOAD_FORMATS", "Paged", "Uploads"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paged:
    """What became of the pages of one file, in their order; ``more``: pages were left out, as
    there were too many, time was over or one could not be decoded."""

    results: list[ResultMessage]
    more: bool


class Uploads:
    """Reads one upload at a time, so that of the threads that read one is always for the guests
    who stand before a camera; a few uploads may wait."""

    def __init__(self, around: Surroundings, limits: DoorSettings) -> None:
        self._around = around
        self._limits = limits
        self._lane = asyncio.Semaphore(1)
        self._waiting = 0
        self.done = 0
        """Files that were worked on so far."""

    async def read(self, data: bytes, filters: EnhanceSettings | None) -> Paged:
        """Read every page of a file. Raises InvalidImage, Overloaded."""
        engine, loop = self._around.engine, asyncio.get_running_loop()

        def read_page(page: ImageU8) -> ResultMessage:
            document = engine.read_image(page, filters)
            self._around.metrics.documents.labels(document.status.value).inc()
            loop.call_soon_threadsafe(self._around.tell, Captured(new_record(), "", document, page))
            return reports.result(document)

        async with self._turn():
            return Paged(*await self._each_page(data, read_page))

    async def look(self, data: bytes) -> tuple[list[Look], bool]:
        """Find the document on every page of a file. Raises InvalidImage, Overloaded."""
        async with self._turn():
            return await self._each_page(data, self._around.engine.look_at_image)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting > self._limits.waiting_uploads:
            raise Overloaded("too many files wait to be read: try again in a moment", 5)
        self._waiting += 1
        try:
            async with self._lane:
                yield
        finally:
            self._waiting -= 1
            self.done += 1

    async def _each_page(self, data: bytes, work: Callable[[ImageU8], T]) -> tuple[list[T], bool]:
        """``work`` on page after page; each is a turn of its own on the reading threads."""
        limits, loop = self._limits, asyncio.get_running_loop()
        deadline_s = time.monotonic() + limits.max_upload_s
        found: list[T] = []
        alone = threading.Lock()

        def next_page() -> bool:
            with alone:
                page = next(pages, None)
                in_time = time.monotonic() <= deadline_s
                if page is not None and in_time and len(found) < limits.max_upload_pages:
                    found.append(work(page))
                return page is not None

        def close() -> None:
            with alone:
                pages.close()

        # One page more than is read tells whether there is one.
        most = limits.max_upload_pages + 1
        pages = upload_pages(data, max_pages=most, timeout_s=limits.max_upload_s)
        executor = self._around.captures
        try:
            while await loop.run_in_executor(executor, next_page):
                if time.monotonic() > deadline_s or len(found) == limits.max_upload_pages:
                    return found, await loop.run_in_executor(executor, next_page)
            return found, False
        except InvalidImage:
            # A page that is damaged, or too much, takes none from those before it.
            if not found:
                raise
            return found, True
        finally:
            # Ending a decoder's process waits for it; and its page may still be on its way.
            await asyncio.shield(loop.run_in_executor(executor, close))

    def best(self, paged: Paged) -> ResultMessage:
        """The page that was read best, the first of equals."""
        order = [DocumentStatus.COMPLETE, DocumentStatus.NEEDS_REVIEW, DocumentStatus.FAILED]
        return min(paged.results, key=lambda result: order.index(DocumentStatus(result.status)))
