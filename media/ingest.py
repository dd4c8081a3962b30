"""From the track to the slot: always drained, only the newest frame kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeGuard

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.video.reformatter import VideoReformatter

from media.decoding import Shortcut
from pipeline.types import ColourSource, Frame, ImageU8

MAX_PIXELS = 4096 * 4096
"""Greater frames are left out: no camera sends them, and one as BGR may take 800 MB."""

LookHere = Callable[[Callable[[], Frame]], Callable[[], None] | None]
"""Is given what makes the frame; gives what the event loop is to be told, None without a look."""

_PLANAR_LUMA = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "nv12", "gray"})


def luma_view(picture: av.VideoFrame) -> ImageU8:
    """H×W uint8 view of the decoder's own luma plane; copied only from unusual pixel formats."""
    if picture.format.name not in _PLANAR_LUMA:
        return np.asarray(picture.to_ndarray(format="gray"), dtype=np.uint8)
    plane = picture.planes[0]
    rows: ImageU8 = np.frombuffer(memoryview(plane), np.uint8).reshape(
        plane.height, plane.line_size
    )
    return rows[:, : picture.width]


def colour_source(picture: av.VideoFrame) -> ColourSource:
    """Gives ``picture`` as H×W×3 uint8 BGR, scaled to a width where one is asked for."""

    def bgr(width_px: int | None) -> ImageU8:
        width = picture.width if width_px is None else width_px
        height = max(1, round(picture.height * width / picture.width))
        method = "BILINEAR" if width == picture.width else "FAST_BILINEAR"
        converted = _reformatter().reformat(
            picture, width=width, height=height, format="bgr24", interpolation=method, threads=1
        )
        return np.asarray(converted.to_ndarray(), dtype=np.uint8)

    return bgr


_of_thread = threading.local()


def _reformatter() -> VideoReformatter:
    """The calling thread's own: a picture's would be set up for it alone, with a thread for each
    processor, and live as long as the picture."""
    if not hasattr(_of_thread, "reformatter"):
        _of_thread.reformatter = VideoReformatter()
    reformatter: VideoReformatter = _of_thread.reformatter
    return reformatter


def to_frame(picture: av.VideoFrame, index: int, rtp_timestamp: int | None) -> Frame:
    """A Frame that keeps ``picture`` alive and copies nothing."""
    received_ms = time.monotonic() * 1000
    pts_ms = (
        received_ms
        if picture.pts is None or picture.time_base is None
        else picture.pts * 1000 * picture.time_base.numerator / picture.time_base.denominator
    )
    return Frame(
        index=index,
        pts_ms=pts_ms,
        received_ms=received_ms,
        luma=luma_view(picture),
        colour=colour_source(picture),
        rtp_timestamp=rtp_timestamp,
    )


async def drain(
    track: MediaStreamTrack,
    timestamp: Callable[[int | None], int | None],
    put: Callable[[Frame], None],
    next_index: Callable[[], int],
    shortcut: Shortcut | None = None,
    look: LookHere | None = None,
) -> None:
    """Read ``track`` to its end and put each frame.

    It never waits for analysis: aiortc queues without a limit what is not read. Pictures that come
    by ``shortcut`` are put at once, and of the track only its end is waited for. ``look`` is asked
    before, on the decoder's thread: see ``Looks.here``.
    """

    def made(picture: av.VideoFrame) -> Frame:
        return to_frame(picture, next_index(), timestamp(picture.pts))

    def take(picture: object) -> None:
        if _is_sound(picture):
            put(made(picture))

    def take_here(picture: object) -> Callable[[], None] | None:
        return look(lambda: made(picture)) if look and _is_sound(picture) else None

    if shortcut is not None:
        shortcut.take, shortcut.look = take, take_here
    try:
        while True:
            take(await track.recv())
    except MediaStreamError:
        return
    finally:
        if shortcut is not None:
            shortcut.take = shortcut.look = None


def _is_sound(picture: object) -> TypeGuard[av.VideoFrame]:
    return isinstance(picture, av.VideoFrame) and picture.width * picture.height <= MAX_PIXELS
