"""Streams by HTTP: a session, frames one by one, in batches or as video, and the capture."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web

from core.errors import CaptureFailed, InvalidImage, InvalidSession, LobbyLensError, TooLarge
from core.http import METRICS, public
from media.answers import FrameAnswer
from media.stream import Arrived, Stream, arrived, stream_of
from media.video import interval_ms, video_frame
from signaling.api.bodies import Form, checked, file_of, from_base64, read_form
from signaling.api.models import (
    BatchAnswer,
    BatchRequest,
    CaptureRequest,
    CaptureResult,
    ClosedAnswer,
    FailedFrame,
    FrameRequest,
    SessionAnswer,
    SessionRequest,
    VideoRequest,
)
from signaling.api.owners import as_sent, at_owner
from signaling.api.streams import end_session, greeting, open_stream
from signaling.colleagues import COLLEAGUES
from signaling.keys import DOORS, REGISTRY, SURROUNDINGS

_SMALL_BYTES = 16_384


def answer(body: Any) -> web.Response:
    """A model as a JSON answer."""
    return web.Response(text=body.model_dump_json(), content_type="application/json")


async def begin(request: web.Request) -> web.StreamResponse:
    """Begin a stream session."""
    form = await read_form(request, _SMALL_BYTES) if request.can_read_body else Form(body=b"")
    wanted = checked(SessionRequest, form.values)

    async def here() -> web.Response:
        stream = open_stream(request.app, wanted.language, wanted.stable_required)
        return answer(SessionAnswer(**greeting(stream, request.app)))

    return await request.app[COLLEAGUES].at_the_least_busy(request, as_sent(request, form), here)


@public
async def end(request: web.Request) -> web.Response:
    """End a stream session; the id is the secret."""
    session = request.app[REGISTRY].get(request.match_info["session_id"])
    await end_session(request.app, session)
    return answer(ClosedAnswer(session_id=session.id))


def _stream(request: web.Request, session_id: str) -> Stream:
    """Raises InvalidSession."""
    app = request.app
    return stream_of(app[REGISTRY].get(session_id), app[SURROUNDINGS], app[DOORS])


@public
async def frame(request: web.Request) -> web.StreamResponse:
    """Look at one frame; of several that wait, at the newest."""
    limit = request.app[DOORS].max_frame_bytes
    form = await read_form(request, limit)
    wanted = checked(FrameRequest, form.values)
    if (told := await at_owner(request, form, wanted.session_id)) is not None:
        return told
    stream = _stream(request, wanted.session_id)
    data = await file_of(form, wanted.image, limit)
    return answer(await stream.newest(arrived(data)))


@public
async def capture(request: web.Request) -> web.StreamResponse:
    """Read the document of the best frames."""
    form = await read_form(request, _SMALL_BYTES)
    wanted = checked(CaptureRequest, form.values)
    if (told := await at_owner(request, form, wanted.session_id)) is not None:
        return told
    stream = _stream(request, wanted.session_id)
    read = await stream.capture(wanted.enhance)
    return answer(CaptureResult(session_id=stream.session.id, **dict(read)))


@public
async def batch(request: web.Request) -> web.StreamResponse:
    """Look at several frames, in order."""
    limits = request.app[DOORS]
    form = await read_form(request, limits.max_batch_bytes)
    wanted = checked(BatchRequest, form.values)
    if (told := await at_owner(request, form, wanted.session_id)) is not None:
        return told
    stream = _stream(request, wanted.session_id)
    with stream.batch() as resets:
        frames: list[bytes | str] = [*form.files, *(frame.image for frame in wanted.frames)]
        if not frames:
            raise InvalidImage("no frame was sent", "frames")
        if len(frames) > limits.max_batch_frames:
            raise TooLarge(f"a batch may have {limits.max_batch_frames} frames at most")
        deadline_s = time.monotonic() + limits.max_batch_s
        results: list[FrameAnswer | FailedFrame] = []
        times = stream.next_times(len(frames), 1000 / wanted.fps)
        for data, pts_ms in zip(frames, times, strict=True):
            if time.monotonic() > deadline_s:
                break
            results.append(await _one(request, stream, data, pts_ms, resets))
    return answer(_together(stream, len(frames), results))


async def _one(
    request: web.Request, stream: Stream, data: bytes | str, pts_ms: float, resets: int
) -> FrameAnswer | FailedFrame:
    """One frame of a batch; what cannot be used does not stop the others."""
    limit = request.app[DOORS].max_frame_bytes
    try:
        picture = await from_base64(data, limit) if isinstance(data, str) else data
        if len(picture) > limit:
            raise TooLarge(f"a frame may have {limit} bytes at most")
        frame = Arrived(picture, time.monotonic() * 1000, pts_ms)
        return await stream.look(frame, resets)
    except (InvalidSession, CaptureFailed):
        raise
    except LobbyLensError as error:
        request.app[METRICS].errors.labels(error.code).inc()
        number = stream.next_index - 1
        return FailedFrame(frame=max(0, number), error=error.message, error_code=error.code)


def _together(
    stream: Stream, received: int, results: list[FrameAnswer | FailedFrame]
) -> BatchAnswer:
    """Raises InvalidImage when no frame could be used."""
    seen = [result for result in results if isinstance(result, FrameAnswer)]
    if not seen:
        raise InvalidImage("none of the frames could be decoded")
    last = seen[-1]
    return BatchAnswer(
        session_id=stream.session.id,
        frames_received=received,
        frames_processed=len(seen),
        truncated=len(results) < received,
        detected=last.detected,
        stable_count=last.stable_count,
        stable_required=last.stable_required,
        ready_for_capture=last.ready_for_capture,
        results=results,
    )


@public
async def video(request: web.Request) -> web.StreamResponse:
    """Look at the pictures of a video chunk, in order."""
    limits, around = request.app[DOORS], request.app[SURROUNDINGS]
    form = await read_form(request, limits.max_batch_bytes)
    wanted = checked(VideoRequest, form.values)
    if (told := await at_owner(request, form, wanted.session_id)) is not None:
        return told
    stream = _stream(request, wanted.session_id)
    with stream.batch() as resets:
        chunk = await file_of(form, wanted.video, limits.max_batch_bytes)
        deadline_s = time.monotonic() + limits.max_batch_s
        pictures = await asyncio.get_running_loop().run_in_executor(
            around.frames, stream.video.decode, chunk, limits.max_batch_frames, deadline_s
        )
        if not pictures:
            raise InvalidImage("the chunk has no picture that can be decoded without those before")
        results: list[FrameAnswer | FailedFrame] = []
        times = stream.next_times(len(pictures), interval_ms(pictures))
        for picture, pts_ms in zip(pictures, times, strict=True):
            if time.monotonic() > deadline_s:
                break
            shown = video_frame(picture, stream.next_index, pts_ms)
            results.append(await stream.look_at(shown, resets))
        return answer(_together(stream, len(pictures), results))
