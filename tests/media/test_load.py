"""Load: the ladder by a table, the probe, and what a server does that is overloaded."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from pathlib import Path

import aiohttp
import pytest

from benchmarks.films import FilmTrack, Shape, read_film, write_film
from core.metrics import Metrics
from core.settings import LoadSettings
from examples.client import CaptureClient, Refused
from media.layers import ALL_LAYERS
from media.load import Load, LoadLadder, LoadLevel, LoadProbe, percentile_95
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

pytestmark = pytest.mark.quiet

SETTINGS = LoadSettings(max_lag_ms=20, max_cpu_share=0.7, hold_s=4)
CALM, BETWEEN = Load(0.001, 0.1, 0.2), Load(0.017, 0.3, 0.6)
LATE, HOT = Load(0.025, 0.3, 0.6), Load(0.001, 0.75, 1.5)
OTHERS = Load(0.5, 0.1, 0.2)
"""Another program takes the machine."""


@pytest.mark.parametrize(
    ("phases", "level"),
    [
        ([(CALM, 60)], LoadLevel.NORMAL),
        ([(BETWEEN, 60)], LoadLevel.NORMAL),
        ([(OTHERS, 60)], LoadLevel.NORMAL),
        ([(LATE, 3.8)], LoadLevel.NORMAL),
        ([(LATE, 4.2)], LoadLevel.HALF),
        ([(HOT, 4.2)], LoadLevel.HALF),
        ([(LATE, 2), (HOT, 2.2)], LoadLevel.HALF),
        ([(LATE, 8.2)], LoadLevel.THIRD),
        ([(LATE, 12.2)], LoadLevel.THINNED),
        ([(LATE, 16.2)], LoadLevel.REFUSING),
        ([(LATE, 60)], LoadLevel.REFUSING),
        ([(LATE, 3.8), (CALM, 0.2), (LATE, 3.8)], LoadLevel.NORMAL),
        ([(LATE, 3.8), (BETWEEN, 0.2), (LATE, 3.8)], LoadLevel.NORMAL),
        ([(LATE, 60), (BETWEEN, 60)], LoadLevel.REFUSING),
        ([(LATE, 60), (CALM, 7.8)], LoadLevel.REFUSING),
        ([(LATE, 60), (CALM, 8.2)], LoadLevel.THINNED),
        ([(LATE, 60), (CALM, 16.6)], LoadLevel.THIRD),
        ([(LATE, 60), (CALM, 24.9)], LoadLevel.HALF),
        ([(LATE, 60), (CALM, 33.2)], LoadLevel.NORMAL),
        ([(LATE, 60), (CALM, 8.2), (LATE, 4.2)], LoadLevel.REFUSING),
    ],
)
def test_the_ladder(phases: list[tuple[Load, float]], level: LoadLevel) -> None:
    ladder, now_s = LoadLadder(SETTINGS), 1000.0
    levels = [ladder.level]
    for load, seconds in phases:
        for _ in range(round(seconds * 10)):
            levels.append(ladder.update(load, now_s))
            now_s += 0.1
    assert levels[-1] is level
    assert all(abs(b - a) <= 1 for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [([], 0.0), ([3.0], 3.0), ([1.0] * 19 + [9.0], 1.0), ([1.0] * 18 + [9.0] * 2, 9.0)],
)
def test_the_percentile(samples: list[float], expected: float) -> None:
    assert percentile_95(deque(samples)) == expected


def test_the_share_is_of_all_processors_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.load.usable_processors", lambda: 4)
    metrics = Metrics()
    probe = LoadProbe(SETTINGS, metrics)
    for step in range(100):
        # Two seconds of processor time a second: half of four processors.
        probe.judge(10 + step * 0.1, 5 + step * 0.2)
    assert metrics.registry.get_sample_value("lobbylens_cpu_share") == pytest.approx(0.5)
    assert probe.level is LoadLevel.NORMAL and probe.analyse_every == 1


def test_half_a_processor_is_fully_used_by_half_of_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("media.load.usable_processors", lambda: 0.5)
    metrics = Metrics()
    probe = LoadProbe(SETTINGS, metrics)
    for step in range(400):
        probe.judge(10 + step * 0.1, 5 + step * 0.05)
    assert metrics.registry.get_sample_value("lobbylens_cpu_share") == pytest.approx(1)
    assert probe.refusing


def test_the_share_is_of_all_workers_and_lag_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.load.usable_processors", lambda: 4)
    metrics = Metrics()
    probe = LoadProbe(SETTINGS, metrics, lambda: 2.5)
    for step in range(400):
        probe.judge(10 + step * 0.1, 5 + step * 0.05)
    assert metrics.registry.get_sample_value("lobbylens_cpu_share") == pytest.approx(0.75)
    assert probe.cores == pytest.approx(0.5) and probe.refusing


def test_each_level_takes_its_share_from_frames_and_then_from_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("media.load.usable_processors", lambda: 1)
    probe = LoadProbe(SETTINGS, Metrics())
    told = {}
    for step in range(200):
        probe.judge(10 + step * 0.1, 5 + step * 0.1)
        told[probe.level] = (probe.analyse_every, probe.layers, probe.thinning, probe.refusing)
    assert told == {
        LoadLevel.NORMAL: (1, ALL_LAYERS, False, False),
        LoadLevel.HALF: (2, ALL_LAYERS, False, False),
        LoadLevel.THIRD: (3, ALL_LAYERS, False, False),
        LoadLevel.THINNED: (3, 2, True, False),
        LoadLevel.REFUSING: (3, 2, True, True),
    }


OVERLOADED = ("--load.max-cpu-share", "0.000001", "--load.hold-s", "0.5")


async def asked_fps(client: CaptureClient, fps: int) -> None:
    """Wait until so many frames are asked for."""
    async with asyncio.timeout(10):
        while (await client.wait_for("profile"))["max_fps"] != fps:
            pass


async def test_a_stream_without_layers_is_asked_for_half_as_many_frames(serve: Serve) -> None:
    server = await serve(FakeEngine(sees_document=False), *OVERLOADED)
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await asked_fps(client, 12)
    await asked_fps(client, 6)
    assert server.metric("lobbylens_load_level") >= LoadLevel.THINNED
    assert server.metric("lobbylens_streams_slowed_total") == 1
    await client.close()


async def test_of_a_stream_in_layers_one_is_left_out(serve: Serve, tmp_path: Path) -> None:
    shape = Shape(320, 180, 24, 200)
    await asyncio.to_thread(write_film, tmp_path / "film", shape, "VP8", "empty")
    film = FilmTrack(await asyncio.to_thread(read_film, tmp_path / "film"), shape.fps)
    server = await serve(FakeEngine(sees_document=False), *OVERLOADED, "--no-media.rest")
    client = CaptureClient(server.url, film, codec="VP8")
    film.heeds(client.pc.getSenders()[0])
    await client.open()
    async with asyncio.timeout(10):
        while server.metric("lobbylens_frames_thinned_total") == 0:
            assert server.metric("lobbylens_load_level") <= LoadLevel.THINNED
            await client.wait_for("overlay")
        before = server.metric("lobbylens_frames_thinned_total")
        while server.metric("lobbylens_frames_thinned_total") < before + 36:
            await client.wait_for("overlay")
    assert server.metric("lobbylens_streams_slowed_total") == 0
    await client.close()


async def test_a_loop_that_is_held_up_is_measured() -> None:
    metrics = Metrics()
    probe = await asyncio.to_thread(LoadProbe, SETTINGS, metrics)
    task = asyncio.create_task(probe.run())
    for _ in range(8):
        await asyncio.sleep(0.1)
        # Hold the loop without a call that the guard of the tests would see.
        until_s = time.perf_counter() + 0.15
        while time.perf_counter() < until_s:
            pass
    task.cancel()
    await asyncio.wait([task])
    assert (metrics.registry.get_sample_value("lobbylens_loop_lag_seconds") or 0) > 0.04
    assert metrics.registry.get_sample_value("lobbylens_tasks") == 2, "the probe's, and this test"


async def test_an_overloaded_server_sheds_frames_then_refuses_and_serves_who_is_there(
    serve: Serve,
) -> None:
    server = await serve(FakeEngine(), "--load.max-cpu-share", "0.000001", "--load.hold-s", "0.5")
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    async with asyncio.timeout(10):
        while server.metric("lobbylens_load_level") < LoadLevel.REFUSING:
            await asyncio.sleep(0.05)
    for level in ("half", "third", "thinned", "refusing"):
        assert server.metric("lobbylens_load_decisions_total", level=level) == 1
    second = CaptureClient(server.url, DrawnTrack())
    with pytest.raises(Refused, match="503 OVERLOADED"):
        await second.open()
    asked = {"sdp": await second.offer(), "type": "offer"}
    async with aiohttp.ClientSession() as http:
        again = await http.post(f"{server.url}/api/webrtc/offer", json=asked)
        assert (again.status, int(again.headers["Retry-After"]) > 0) == (503, True)
    await second.close()
    assert server.metric("lobbylens_sessions_refused_total", reason="load") == 2
    received = server.metric("lobbylens_frames_received_total")
    async with aiohttp.ClientSession() as http:
        health = await (await http.get(f"{server.url}/health")).json()
    assert (health["status"], health["accepting"]) == ("ok", False)
    indices: list[int] = []
    while len(indices) < 5:
        index = (await client.wait_for("overlay"))["frame"]["index"]
        if index > received:
            indices.append(index)
    assert all(b - a >= 3 for a, b in itertools.pairwise(indices))
    assert server.metric("lobbylens_frames_shed_total") > 10
    client.send({"type": "close"})
    await client.close()
    await server.settle()
    # Nobody is left to suffer: the next guest is let in, however the measure stands.
    third = CaptureClient(server.url, DrawnTrack())
    await third.open()
    await third.wait_for("overlay")
    await third.close()
