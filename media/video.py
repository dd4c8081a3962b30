"""Chunks of a recorded video, WebM or MP4, into pictures.

A browser's MediaRecorder cuts its stream where it likes: only the first chunk has the header, and
a later one builds on pictures of the chunk before. So a stream keeps the header, puts it before
each chunk for the demuxer, and keeps one decoder. Bounded by pixels, pictures and time; formats
and codecs are named, and nothing outside the chunk is ever opened.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import av
from av.video.codeccontext import VideoCodecContext

from core.errors import InvalidImage, TooLarge
from media.ingest import colour_source, luma_view
from pipeline.types import Frame

_EBML = b"\x1a\x45\xdf\xa3"
_CLUSTER = b"\x1f\x43\xb6\x75"
_OPEN_CLUSTER = _CLUSTER + b"\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x81\x00"
"""A cluster of unknown size at time 0 (RFC 8794, 6.2; RFC 9559): for a chunk cut within one."""
_CODECS = "vp8,vp9,av1,h264,hevc,libdav1d,libvpx-vp9"
_MAX_HEADER_BYTES = 65_536
_MAX_KEPT_PIXELS = 130_000_000
"""Of all pictures of a chunk together, at a byte and a half each."""
_MIN_MS, _MAX_MS = 10.0, 200.0


class VideoDecoder:
    """One client's video, chunk after chunk; blocks, on one thread at a time."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._header = b""
        self._format = ""
        self._codec: VideoCodecContext | None = None

    def decode(self, chunk: bytes, most: int, deadline_s: float) -> list[av.VideoFrame]:
        """The pictures of a chunk, ``most`` at most, evenly chosen of all it has.

        ``deadline_s`` on the monotonic clock: what is not decoded by then is left out. Raises
        InvalidImage for what is no WebM or MP4 with a picture, TooLarge for too many pixels.
        """
        whole = self._whole(chunk)
        try:
            with av.open(
                io.BytesIO(whole),
                "r",
                format=self._format,
                options={"codec_whitelist": _CODECS, "enable_drefs": "0"},
            ) as container:
                return self._thinned(container, most, deadline_s)
        except (av.FFmpegError, ValueError, OSError, MemoryError, StopIteration):
            raise InvalidImage(
                "the video cannot be decoded: send WebM or MP4, the first chunk first"
            ) from None

    def _whole(self, chunk: bytes) -> bytes:
        """The chunk as a file of its own; notes the header of a new video."""
        if chunk.startswith(_EBML):
            end = chunk.find(_CLUSTER)
            self._begin("matroska", chunk[: end if end >= 0 else len(chunk)])
            return chunk
        if chunk[4:8] == b"ftyp":
            self._begin("mp4", chunk[: _fragments_at(chunk)])
            return chunk
        if not self._header:
            raise InvalidImage("send the video from its beginning, as WebM or MP4")
        if self._format == "matroska" and not chunk.startswith(_CLUSTER):
            return self._header + _OPEN_CLUSTER + chunk
        return self._header + chunk

    def _begin(self, kind: str, header: bytes) -> None:
        self._format, self._codec = kind, None
        self._header = header if len(header) <= _MAX_HEADER_BYTES else b""

    def _thinned(
        self, container: av.container.InputContainer, most: int, deadline_s: float
    ) -> list[av.VideoFrame]:
        """Keeps every n-th picture, with n doubled whenever there are too many."""
        kept: list[av.VideoFrame] = []
        every = 1
        for number, picture in enumerate(self._pictures(container)):
            most = min(most, max(1, _MAX_KEPT_PIXELS // (picture.width * picture.height)))
            if number % every == 0:
                kept.append(picture)
            if len(kept) > most:
                kept, every = kept[::2], every * 2
            if time.monotonic() > deadline_s:
                break
        return kept[:most]

    def _pictures(self, container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
        if not container.streams.video:
            raise InvalidImage("the video has no picture")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.width * context.height > self._max_pixels:
            raise TooLarge("the video has too many pixels a frame: send a smaller one")
        if self._codec is None:
            # One decoder goes through all chunks; this one lives as long as its container only.
            own = VideoCodecContext.create(context.name, "r")
            assert isinstance(own, VideoCodecContext)
            own.extradata, own.thread_count = context.extradata, 1
            self._codec = own
        codec = self._codec
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            try:
                pictures = codec.decode(packet)
            except av.error.InvalidDataError:
                continue  # after a lost chunk, until the next key frame
            for picture in pictures:
                if picture.width * picture.height > self._max_pixels:
                    raise TooLarge("the video has too many pixels a frame: send a smaller one")
                yield picture


def interval_ms(pictures: list[av.VideoFrame]) -> float:
    """Mean time from picture to picture, within what a camera does."""
    times = [picture.time for picture in pictures if picture.time is not None]
    if len(times) < 2:
        return 1000 / 24
    return min(max((times[-1] - times[0]) * 1000 / (len(times) - 1), _MIN_MS), _MAX_MS)


def video_frame(picture: av.VideoFrame, index: int, pts_ms: float) -> Frame:
    """A picture as a frame that came now; nothing is copied."""
    now_ms = time.monotonic() * 1000
    return Frame(index, pts_ms, now_ms, luma_view(picture), colour_source(picture))


def _fragments_at(chunk: bytes) -> int:
    """Where an MP4 file's first fragment begins; 0 where it has none, and so no chunk follows."""
    at = 0
    while at + 8 <= len(chunk):
        size, kind = int.from_bytes(chunk[at : at + 4], "big"), chunk[at + 4 : at + 8]
        if kind == b"moof":
            return at
        if size < 8:
            return 0
        at += size
    # A header alone, with its fragments to come.
    return at if at == len(chunk) and b"mvex" in chunk else 0
