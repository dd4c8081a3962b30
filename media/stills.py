"""The full-resolution stills of one session: which picture awaits one, and what came of it.

A still belongs to one picture, which its client names; of one that names none, to that during which
it was sent. One that is late must never lead the next one's, which may be of the other side or of
somebody else's document: what it shows is read, and stored, as that one's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from core.errors import InvalidImage, RateLimited
from media.surroundings import Surroundings
from pipeline.types import Capture

_UPLOADS = 2
"""Stills on their way at once: a guest with a slow link may have begun another picture."""


class AwaitedStill:
    """One picture's still: to come, here, or not awaited any more. Belongs to the event loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.picture = secrets.token_hex(4)
        """Names the picture; of no use to whoever does not know the session's address."""
        self._came: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self.uploading = False
        self.over: Callable[[], object] = lambda: None
        """Called when it is not awaited any more."""
        self.handed_over = False
        """Whether its picture went to be read, or to be looked at again."""

    @property
    def open(self) -> bool:
        """Whether it would be taken if it came now."""
        return not self._came.done()

    def put(self, jpeg: bytes) -> bool:
        """False if it is not awaited any more."""
        if not self.open:
            return False
        self._came.set_result(jpeg)
        return True

    def give_up(self) -> None:
        """Wait no longer; what has come is forgotten."""
        if self.open:
            self._came.set_result(None)
        self._came = asyncio.get_running_loop().create_future()
        self._came.set_result(None)
        self.over()

    async def lead(self, capture: Capture, since_s: float) -> Capture:
        """The capture led by the still, if that is there and decoded in time, and the better one.

        Else the capture as it is: nothing is refused for want of a still. ``since_s`` (the loop's
        time) begins the ``media.still-wait-ms``. Raises what ``Engine.with_still`` does but for
        InvalidImage.
        """
        loop, best = asyncio.get_running_loop(), capture
        try:
            async with asyncio.timeout_at(since_s + self._around.settings.still_wait_ms / 1000):
                jpeg = await self._came
                if jpeg is None:
                    return capture
                # Cancelled, the work goes on for its few milliseconds and is forgotten.
                best = await loop.run_in_executor(
                    self._around.captures, self._around.engine.with_still, capture, jpeg
                )
            outcome = "no_better" if best is capture else "used"
        except TimeoutError:
            outcome = "late"
        except InvalidImage:
            outcome = "invalid"
        finally:
            self.give_up()
        self._around.metrics.stills.labels(outcome).inc()
        return best


class StillDoor:
    """Takes a session's stills in. Belongs to the event loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._now: AwaitedStill | None = None
        self._uploads = 0
        self.sends = False
        """Whether this client sends stills, so that a picture waits for one."""

    @property
    def picture(self) -> str | None:
        """The name of the picture whose still is awaited, or was; None where none is."""
        return None if self._now is None else self._now.picture

    def begin(self) -> None:
        """Another picture is being taken."""
        self.end()
        self._now = AwaitedStill(self._around) if self.sends else None

    def end(self) -> None:
        """What was taken is forgotten, and what has come."""
        if self._now is not None:
            self._now.give_up()
        self._now = None

    def leave(self) -> None:
        """No picture is being taken any more; one that was handed over still has its time."""
        if self._now is not None and not self._now.handed_over:
            self.end()

    def hand_over(self) -> AwaitedStill | None:
        """That of the picture being taken; None where this client sends none."""
        if self._now is not None:
            self._now.handed_over = True
        return self._now

    async def receive(
        self,
        upload: Callable[[], Awaitable[bytes]],
        picture: str | None = None,
        over: Callable[[], object] = lambda: None,
    ) -> bool:
        """Take a still for the picture under way; ``upload`` is called when it may come, ``over``
        when nobody waits for it any more.

        False when none awaits one, or not any more, or another than that named ``picture`` does.
        Raises RateLimited while another still is on its way, and what ``upload`` raises.
        """
        awaited = self._now
        if awaited is None or not awaited.open or picture not in (None, awaited.picture):
            return False
        if awaited.uploading or self._uploads >= _UPLOADS:
            raise RateLimited("another still is on its way")
        awaited.uploading = True
        awaited.over = over
        self._uploads += 1
        try:
            jpeg = await upload()
        finally:
            awaited.uploading = False
            self._uploads -= 1
        return awaited.put(jpeg)
