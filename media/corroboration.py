"""After a result was told: what its page prints for people is read and compared, what the page
looks like is measured, and what comes of both is told as a second ``result`` of the same document.
Nobody waits for it, so that it may be late or left out: of two pictures the newer is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.errors import LobbyLensError
from core.log import Log
from media import reports
from media.channels import Channels
from media.events import Picture
from media.messages import ResultMessage
from media.review import OTHER_PAGE, PAGE, PORTRAIT, Review, Reviews
from media.slot import LatestSlot
from media.stills import AwaitedStill
from media.surroundings import Surroundings
from pipeline.types import Capture, Document, PageWarning
from pipeline.visual.words import Print

_log = Log("session")


@dataclass(frozen=True, slots=True)
class LateStill:
    """A still that the reading did not wait for; ``better`` is called with the page where that is
    of the still, H×W×3 uint8 BGR."""

    still: AwaitedStill
    better: Callable[[Picture], None]


@dataclass(frozen=True, slots=True)
class _Told:
    """A capture, the document read of it, and the id of the document that was told."""

    capture: Capture
    read: Document
    document_id: str
    late: LateStill | None


class Corroboration:
    """One session's second looks, in memory only. Belongs to the event loop."""

    def __init__(self, around: Surroundings, channels: Channels, reviews: Reviews) -> None:
        self._around = around
        self._channels = channels
        self._reviews = reviews
        self._slot: LatestSlot[_Told] = LatestSlot()
        self._prints: list[Print] = []
        self._warnings: tuple[PageWarning, ...] = ()
        self._images: dict[str, bytes] = {}
        self._pages: dict[bool, bytes] = {}
        """JPEG files of a document's sides: whether it is the one that was read."""
        self._prints_of: str | None = None

    def put(
        self, capture: Capture, read: Document, told: Document, late: LateStill | None = None
    ) -> None:
        """Look at a capture when there is time; ``told`` is the document joined of its sides.

        ``late`` leads it where it comes in time.
        """
        self._slot.put(_Told(capture, read, told.id, late))

    def clear(self) -> None:
        """Forget all pages."""
        self._slot.clear()
        self._prints, self._warnings, self._prints_of = [], (), None
        self._images, self._pages = {}, {}

    async def run(self) -> None:
        """Look at pages until cancelled."""
        while True:
            # No name is kept here: a page that was looked at leaves the memory.
            await self._look_at(await self._slot.get())

    async def _look_at(self, told: _Told) -> None:
        try:
            await self._look(told)
        except LobbyLensError as error:
            # Not told to the guest, who has a result; only shutting down comes here.
            _log.info("a page was not compared with its zone", reason=error.code)

    async def _look(self, told: _Told) -> None:
        loop, around = asyncio.get_running_loop(), self._around
        self._begin(told.document_id)
        if told.late is not None:
            capture = await told.late.still.lead(told.capture, loop.time())
            if self._prints_of != told.document_id:
                return  # a reset: all of it is forgotten
            if capture is not told.capture:
                told.late.better(capture.page)
            told = replace(told, capture=capture)
        seen = await loop.run_in_executor(
            around.second_looks, around.engine.read_print, told.capture, told.read
        )
        warnings = await loop.run_in_executor(
            around.second_looks, around.engine.warnings, told.capture, told.read
        )
        await self._make_images(told, seen)
        if self._prints_of != told.document_id:
            return
        if seen is not None:
            self._prints.append(seen)
        self._warnings = tuple(dict.fromkeys((*self._warnings, *warnings)))
        review = self._reviews.find(told.document_id)
        if review is None:
            return
        pictured = self._give_images(review)
        before = review.document
        after = before
        if self._prints:
            after = await loop.run_in_executor(
                around.second_looks, around.engine.corroborate, before, tuple(self._prints)
            )
        if after.warnings != self._warnings:
            after = replace(after, warnings=self._warnings)
        # Meanwhile the guest may have begun anew, shown the other side or confirmed.
        same = self._reviews.find(told.document_id) is review and review.document is before
        if len(before.sides) != 1:  # there is no other side to come
            self._prints = []
        news = after is not before or pictured
        if same and review.card is None and news:
            review.document = after
            self._channels.send_event(self.report(review, revised=True))

    async def _make_images(self, told: _Told, seen: Print | None) -> None:
        """Those of a card's front, shown first, wait for the document to be known."""
        if told.capture.next_side is None and self._reviews.find(told.document_id) is None:
            return
        engine = self._around.engine

        def made() -> tuple[bytes | None, bytes | None]:
            portrait = engine.portrait(told.capture, told.read, seen)
            return portrait, engine.page_picture(told.capture, told.read)

        loop = asyncio.get_running_loop()
        portrait, page = await loop.run_in_executor(self._around.second_looks, made)
        if self._prints_of != told.document_id:
            return
        if portrait is not None:
            self._images[PORTRAIT] = portrait
        if page is not None:
            self._pages[told.read.was_read] = page

    def _give_images(self, review: Review) -> bool:
        """Whether the document has pictures. ``page`` is of the side that was read, of an
        unreadable document of the one there is."""
        other = OTHER_PAGE if review.document.was_read else PAGE
        named = {PAGE if read else other: jpeg for read, jpeg in self._pages.items()}
        review.images |= self._images | named
        return bool(review.images)

    def report(self, review: Review, *, revised: bool = False) -> ResultMessage:
        """The result of a document, with the addresses of the pictures of it that are kept."""
        session_id, document = self._channels.session_id, review.document
        link = self._around.image_link
        images = {name: link(session_id, document.id, name) for name in review.images}
        return reports.result(document, revised=revised, images=images)

    def _begin(self, document_id: str) -> None:
        """Pages of another document are forgotten; those of its other side are kept."""
        if self._prints_of != document_id:
            self._prints, self._warnings, self._prints_of = [], (), document_id
            self._images, self._pages = {}, {}
