"""The load generator against a real server, small; and the figures it and the soak work out."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import av
import pytest
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket

from benchmarks.films import SECONDS, FilmTrack, Shape, read_film, write_film
from benchmarks.load import Figures, plot
from benchmarks.load_peers import Caller
from benchmarks.process_usage import usage
from benchmarks.soak import Sample, growth_per_hour
from examples.client import CaptureClient
from tests.conftest import Serve

pytestmark = pytest.mark.quiet

TINY = Shape(320, 180, 12, 200)


@pytest.fixture(scope="module", params=["VP8", "H264"])
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / str(request.param)
    write_film(path, TINY, str(request.param), "empty")
    return path


async def test_coded_films_are_seen_and_timed(serve: Serve, film: Path) -> None:
    frames = await asyncio.to_thread(read_film, film)
    assert len(frames) == SECONDS * TINY.fps
    server = await serve()
    caller = Caller(server.url, frames, film.name, TINY.fps, 0.0)
    await caller.open()
    listening = asyncio.create_task(caller.listen())
    async with asyncio.timeout(15):
        await caller.served.wait()
        caller.measuring = True
        while len(caller.latencies_ms) < 10:
            await asyncio.sleep(0.05)
    # Sent and answered on one machine; what is matched wrongly would be whole frames off or none.
    assert min(caller.latencies_ms) < 60
    await caller.close()
    await asyncio.wait([listening])
    await server.settle()


async def test_a_film_keeps_its_time_and_begins_anew() -> None:
    track = FilmTrack([b"one", b"two"], fps=100)
    packets = [await track.recv() for _ in range(3)]
    assert [bytes(packet) for packet in packets] == [b"one", b"two", b"one"]
    assert [packet.pts for packet in packets] == [0, 900, 1800]
    assert isinstance(packets[0], av.Packet)


async def test_a_film_begins_anew_when_a_key_frame_is_asked_for() -> None:
    client = CaptureClient("http://unused", FilmTrack([b"key", b"two", b"three"], fps=1000))
    sender = client.pc.getSenders()[0]
    track = sender.track
    assert isinstance(track, FilmTrack)
    track.heeds(sender)
    before = [bytes(await track.recv()) for _ in range(2)]
    await sender._handle_rtcp_packet(RtcpPsfbPacket(RTCP_PSFB_PLI, ssrc=1, media_ssrc=sender._ssrc))
    after = [await track.recv() for _ in range(2)]
    assert (before, [bytes(packet) for packet in after]) == ([b"key", b"two"], [b"key", b"two"])
    assert [packet.pts for packet in after] == [180, 270], "time goes on"
    await client.close()


def test_what_this_process_takes() -> None:
    before = usage(os.getpid())
    sum(number * number for number in range(2_000_000))
    after = usage(os.getpid())
    assert after.cpu_s > before.cpu_s and after.machine_s > before.machine_s
    assert after.rss_mb > 20 and after.threads >= 1


@pytest.mark.parametrize(("rise_mb", "expected"), [(0.0, 0.0), (0.5, 30.0)])
def test_growth_is_told_by_the_hour_and_not_by_the_guests_of_the_moment(
    rise_mb: float, expected: float
) -> None:
    samples = [
        Sample(60.0 * n, 300 + rise_mb * n + (25 if n % 4 == 0 else 0), 20, 10, 30, 6, 100, 600)
        for n in range(60)
    ]
    assert growth_per_hour(samples, "rss_mb") == pytest.approx(expected, abs=0.8)
    assert growth_per_hour(samples, "threads") == 0


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    rows = [
        Figures(kind, n, 0, 10.0 * n, 20.0 * n, 12.0, 0.02, 0.5, 0.1, 200, 5)
        for kind in ("lobbylens", "stock")
        for n in (1, 10)
    ]
    plot(rows, "a title", tmp_path / "load")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "load.svg").read_text()
