"""A still that comes over a data channel: one message announces it, binary ones bring it.

The events channel keeps order and loses nothing (RFC 8831, section 6.4), so what follows an
announcement is the file from its beginning, until as much has come as was announced. One comes at a
time: another announcement says that the rest of the one before will not come.
"""

from __future__ import annotations

import asyncio
import enum
import math

from core.errors import BadRequest, InvalidMessage

MIN_CHUNK_BYTES = 1024
"""Of each chunk but the last: less would be a way to send messages without end."""
_WITHIN_S = 30.0
"""As long as a request's body may take."""
_MOST_STILLS = 4
"""As much as so many stills may have falls of one that is too long."""


class StillGivenUp(Exception):
    """The rest of a still will not come; nobody need be told."""


class Fit(enum.Enum):
    """What a binary message is."""

    PART = enum.auto()
    """Of what was announced."""
    SMALL = enum.auto()
    """The same, of a still that is let fall, and so small that it counts as a message."""
    WRONG = enum.auto()
    """None of it; a still that it would have been of is let fall."""


class StillChunks:
    """Puts one still of a session together. Belongs to the event loop."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = 0
        """Bytes of what was announced that are still to come."""
        self._body = bytearray()
        self._whole: asyncio.Future[bytes] | None = None
        """Of the still that comes; None where it is let fall."""

    def cost(self, size_bytes: int) -> int:
        """How many stills a file so long counts for: no more of it than of those is let fall."""
        return min(math.ceil(size_bytes / self._max_bytes), _MOST_STILLS)

    def announce(self, size_bytes: int) -> asyncio.Future[bytes]:
        """From now on binary messages are chunks of a file so long; the future is for `whole`.

        Cancelled, it says that nobody wants the file, whose chunks are let fall then. Raises
        InvalidMessage for one that is too long: its sender may have sent it by then, so that falls
        as well, up to a few times what a still may have.
        """
        self.forget()
        self._left = min(size_bytes, _MOST_STILLS * self._max_bytes)
        if size_bytes > self._max_bytes:
            raise InvalidMessage(f"a still may have {self._max_bytes} bytes at most", "size_bytes")
        self._whole = asyncio.get_running_loop().create_future()
        self._whole.add_done_callback(self._ended)
        return self._whole

    def take(self, chunk: bytes) -> Fit:
        """Put a chunk to those before it, or let it fall.

        One that does not fit spoils its still, of which the rest falls: that is told once.
        """
        size, left = len(chunk), self._left
        self._left = max(0, left - size)
        small = size < min(MIN_CHUNK_BYTES, left)
        if self._whole is None or self._whole.done():
            self._let_fall()
            if size > left or not size:
                return Fit.WRONG
            return Fit.SMALL if small else Fit.PART
        if small or size > left:
            self._let_fall()
            return Fit.WRONG
        self._body += chunk
        if not self._left:
            self._whole.set_result(bytes(self._body))
            self._let_fall()
        return Fit.PART

    def forget(self) -> None:
        """The rest of what was announced will not come; what has come is forgotten."""
        self._let_fall()
        self._left = 0

    def _ended(self, whole: asyncio.Future[bytes]) -> None:
        if whole is self._whole:
            self._let_fall()

    def _let_fall(self) -> None:
        if self._whole is not None:
            self._whole.cancel()  # nothing happens where it is done
        self._whole, self._body = None, bytearray()


async def whole(coming: asyncio.Future[bytes]) -> bytes:
    """The file that was announced. Raises StillGivenUp, and BadRequest where it takes too long."""
    done, _ = await asyncio.wait((coming,), timeout=_WITHIN_S)
    if not done:
        raise BadRequest("the still did not come in time")
    if coming.cancelled():
        raise StillGivenUp("the still was given up")
    return coming.result()
