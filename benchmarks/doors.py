"""How long each door takes to answer, beside what the work itself takes.

    python -m benchmarks.doors [--seconds 5] [--fps 24] [--cores 1]

Starts the server on this machine, on so many cores, and asks each door with 1280x720 JPEG frames of
the specimen. *work* is the same step called in this process, without a door: the baseline that
every door is compared with. The WebSocket is asked as a camera asks, at a steady rate, whether
answers are there or not; *dropped* are frames left out since newer ones had come. Run it on a
quiet machine.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import base64
import io
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from fractions import Fraction
from typing import Any

import aiohttp
import av
import cv2

from core.settings import PipelineSettings
from examples.demo import start_server
from media.review import Reviews
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.engine import Engine
from pipeline.picture import decode_frame
from pipeline.types import ImageU8
from signaling.api.documents import allowed, icao_fields

Ask = Callable[[], Awaitable[None]]
Post = Callable[..., Awaitable[Any]]
_MAX_PIXELS = 3840 * 2160


def pictures(count: int) -> list[ImageU8]:
    """The specimen held before a camera, H×W×3 uint8 BGR."""
    held = Phases(empty=0, moving_in=0, held=count / 24 + 1, leaving=0, empty_after=0)
    scene = SpecimenScene(phases=held)
    return [scene.frame(number).bgr for number in range(count)]


def line(name: str, took_ms: list[float], unit_ms: float, more: str = "") -> None:
    """One line of the report."""
    ordered = sorted(took_ms)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    middle = statistics.median(ordered)
    times = f"p50 {middle:7.1f} ms  p95 {p95:7.1f} ms  {middle / unit_ms:5.2f} × work"
    print(f"{name:34} {times}  {more}", flush=True)


def frame_work(files: list[bytes]) -> list[float]:
    """Decode and look at each frame, here."""
    engine = Engine(PipelineSettings())
    reader = engine.live_reader()
    took = []
    for number, data in enumerate(files):
        now_ms = number * 1000 / 24
        began = time.perf_counter()
        seen = reader.see(decode_frame(data, number, now_ms, now_ms, _MAX_PIXELS))
        took.append((time.perf_counter() - began) * 1000)
        if seen.capture is not None:
            reader.reset()
    engine.close()
    return took


def reading_work(picture: ImageU8, times: int) -> list[float]:
    engine = Engine(PipelineSettings())
    took = []
    for _ in range(times):
        began = time.perf_counter()
        engine.read_image(picture)
        took.append((time.perf_counter() - began) * 1000)
    engine.close()
    return took


def card_work(guest: Mapping[str, Any], times: int) -> list[float]:
    """Fill the card with the guest's data, here."""
    engine = Engine(PipelineSettings())
    forbidden = engine.card_form().forbidden
    took = []
    for number in range(times):
        data = {name: value for name, value in edited(guest, number).items() if value}
        fields, _ = allowed(icao_fields(data), forbidden)
        began = time.perf_counter()
        engine.fill_card(Reviews().get(None).document, fields)
        took.append((time.perf_counter() - began) * 1000)
    engine.close()
    return took


def edited(guest: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The guest's data, each time others: what comes again gets the card that is there."""
    return {**guest, "room": str(number)}


async def timed(ask: Ask, times: int) -> list[float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    return took


async def timed_cards(post: Post, own: Mapping[str, str], guest: Mapping[str, Any],
                      times: int) -> list[float]:  # fmt: skip
    """A card of a session's document, filled anew each time."""
    turn = iter(range(times))

    async def card() -> None:
        await post("/api/mrz/update", json={**own, "guest_data": edited(guest, next(turn))})

    return await timed(card, times)


async def websocket(http: aiohttp.ClientSession, url: str, files: list[bytes], fps: float,
                    unit_ms: float) -> None:  # fmt: skip
    """Frames at a steady rate; each answer is timed from the sending of its own frame."""
    sent: dict[int, float] = {}
    took: list[float] = []
    dropped = 0
    async with http.ws_connect(f"{url}/api/stream/ws") as socket:
        await socket.send_json({"action": "init"})
        await socket.receive_json()

        async def hear() -> None:
            nonlocal dropped
            async for message in socket:
                told = message.json()
                if "frame" in told:
                    took.append((time.perf_counter() - sent[told["frame"]]) * 1000)
                    dropped += told["dropped"]

        hearing = asyncio.create_task(hear())
        start = time.perf_counter()
        for number, data in enumerate(files):
            await asyncio.sleep(max(0.0, start + number / fps - time.perf_counter()))
            sent[number] = time.perf_counter()
            await socket.send_bytes(data)
        await asyncio.sleep(0.5)
        hearing.cancel()
        await asyncio.wait([hearing])
        line(f"WebSocket, {fps:g} frames/s", took, unit_ms, f"dropped {dropped} of {len(files)}")
        began = time.perf_counter()
        await socket.send_json({"action": "capture"})
        while (await socket.receive_json()).get("action") != "capture_result":
            pass
        line("  capture, once still", [(time.perf_counter() - began) * 1000], unit_ms)


def video_of(shown: list[ImageU8]) -> bytes:
    """The pictures as a WebM file, VP8 as a browser's recorder writes it."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_500_000
        stream.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        for number, picture in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


async def doors(url: str, shown: list[ImageU8], files: list[bytes], options: Any) -> None:
    frame_ms, reading_ms = frame_work(files[:60]), reading_work(shown[0], 5)
    unit, reading = statistics.median(frame_ms), statistics.median(reading_ms)
    line("work: one frame", frame_ms, unit)
    one = files[0]
    encoded = [base64.b64encode(data).decode() for data in files]
    video = video_of(shown[:24])
    async with aiohttp.ClientSession() as http:

        async def post(path: str, **how: Any) -> dict[str, Any]:
            async with http.post(f"{url}{path}", **how) as answer:
                told: dict[str, Any] = await answer.json()
                if answer.status != 200:
                    raise SystemExit(f"{path} answered {answer.status}: {told['error']}")
                return told

        await websocket(http, url, files, options.fps, unit)
        session_id = (await post("/api/stream/session"))["session_id"]
        own = {"session_id": session_id}
        turn = iter(range(10**6))

        async def frame_json() -> None:
            image = encoded[next(turn) % len(encoded)]
            await post("/api/stream/frame", json={**own, "image": image})

        async def frame_bare() -> None:
            await post("/api/stream/frame", data=one, params=own,
                       headers={"Content-Type": "image/jpeg"})  # fmt: skip

        async def batch() -> None:
            await post("/api/stream/video/frames", json={**own, "frames": encoded[:12]})

        async def chunk() -> None:
            await post("/api/stream/video", data=video, params=own,
                       headers={"Content-Type": "video/webm"})  # fmt: skip

        line("HTTP frame, base64 in JSON", await timed(frame_json, 40), unit)
        line("HTTP frame, the bare file", await timed(frame_bare, 40), unit)
        line("HTTP batch of 12 frames", await timed(batch, 4), unit * 12)
        line("HTTP video chunk, 24 pictures", await timed(chunk, 3), unit * 24)
        line("work: reading one image", reading_ms, reading)

        async def upload(path: str) -> None:
            await post(path, data=one, headers={"Content-Type": "image/jpeg"})

        line("extract", await timed(lambda: upload("/api/extract"), 5), reading)
        line("detect", await timed(lambda: upload("/api/detect"), 10), unit)
        guest = (await post("/api/stream/capture", json=own))["data"]

        # The first one opens the form and its font.
        filling_ms = await asyncio.to_thread(card_work, guest, 6)
        filling = statistics.median(filling_ms[1:])
        line("work: filling its card", filling_ms[1:], filling)
        line("mrz/update, with its card", await timed_cards(post, own, guest, 5), filling)


async def run(options: Any) -> None:
    shown = pictures(int(options.seconds * options.fps))
    as_cameras_do = [cv2.IMWRITE_JPEG_QUALITY, 80]
    files = [cv2.imencode(".jpg", picture, as_cameras_do)[1].tobytes() for picture in shown]
    cores = sorted(os.sched_getaffinity(0))
    process, url = await start_server()
    os.sched_setaffinity(process.pid, cores[: options.cores])
    print(f"{platform.machine()}, {len(cores)} cores, the server on {options.cores}; "
          f"{len(files)} frames of {len(files[0]) // 1000} kB")  # fmt: skip
    try:
        await doors(url.rstrip("/"), shown, files, options)
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of frames by WebSocket")
    parser.add_argument("--fps", type=float, default=24)
    parser.add_argument("--cores", type=int, default=1, help="that the server may use")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
