"""What a bad network does to the overlays that a guest sees; real peers, reading is a fake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import cv2
import numpy as np
import pytest
from aiortc.codecs import vpx

from benchmarks.impairment import Impairment, Swallower, Watch
from examples.client import CaptureClient
from media.state import SessionState
from pipeline.types import ImageU8
from tests.conftest import RunningServer, Serve
from tests.peer import DrawnTrack

pytestmark = pytest.mark.quiet

FPS = 24
LEAST_A_SECOND = 8
"""Overlays: a third of the frames, as a slow machine has time for fewer."""
FREEZE_S = 0.3
SCHEDULING_S = 0.15
"""Allowed on top, and whatever the loop itself stood still: all runs in one busy process."""


class TexturedTrack(DrawnTrack):
    """Moving texture: several packets a frame, as from a camera."""

    def __init__(self) -> None:
        super().__init__((640, 360), FPS)
        noise = np.random.default_rng(1).integers(60, 190, (45, 80, 3), np.uint8)
        self._texture = np.asarray(cv2.resize(noise, (640, 360)), np.uint8)

    def draw(self, number: int) -> ImageU8:
        return np.roll(self._texture, 3 * number, axis=1)


def assert_no_freeze(watch: Watch) -> None:
    allowed_s, longest_s = FREEZE_S + SCHEDULING_S + watch.stall_s, max(watch.gaps_s)
    assert longest_s <= allowed_s, f"{longest_s:.3f} s, {watch.stall_s=:.3f}"
    assert len(watch.times_s) > LEAST_A_SECOND * sum(watch.gaps_s)


class Counted:
    """Calls on, and counts."""

    def __init__(self, original: Callable[[int], Awaitable[None]]) -> None:
        self._original = original
        self.count = 0

    async def __call__(self, number: int) -> None:
        self.count += 1
        await self._original(number)


class KeyFramesAsked:
    """Counts how often a peer is asked for a key frame (PLI)."""

    def __init__(self, client: CaptureClient, monkeypatch: pytest.MonkeyPatch) -> None:
        sender = client.pc.getSenders()[0]
        self._original = sender._send_keyframe
        self.count = 0
        monkeypatch.setattr(sender, "_send_keyframe", self)

    def __call__(self) -> None:
        self.count += 1
        self._original()


@contextlib.asynccontextmanager
async def connected(server: RunningServer) -> AsyncIterator[CaptureClient]:
    """A client that sees overlays already."""
    client = CaptureClient(server.url, TexturedTrack(), codec="VP8")
    await client.open()
    for _ in range(12):
        await client.wait_for("overlay")
    yield client
    await client.close()


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[CaptureClient]:
    async with connected(await serve()) as made:
        yield made


async def test_a_packet_that_never_comes_freezes_nothing_for_long(serve: Serve) -> None:
    server = await serve()
    async with connected(server) as client:
        swallower, watch = Swallower(client.pc), Watch(client)
        watching = asyncio.create_task(watch.run(6))
        for _ in range(5):
            await asyncio.sleep(1)
            swallower.swallow_next()
        await watching
    assert swallower.swallowed > 5, "asked for again, in vain"
    assert_no_freeze(watch)
    # An operator sees what the network does.
    assert server.metric("lobbylens_packets_asked_total") >= swallower.swallowed - 5
    assert 0 < server.metric("lobbylens_gaps_given_up_total") <= 5
    assert server.metric("lobbylens_key_frames_asked_total") > 0


async def test_a_frame_that_no_decoder_takes_is_told(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, bad = vpx.Vp8Encoder.encode, list[bool]()

    def spoilt(encoder: vpx.Vp8Encoder, *arguments: Any, **options: Any) -> Any:
        payloads, timestamp = encode(encoder, *arguments, **options)
        # The descriptor of a frame's first packet, and a key frame that says nothing.
        return ([b"\x10\x10\x00\x00"] if bad and bad.pop() else payloads, timestamp)

    monkeypatch.setattr(vpx.Vp8Encoder, "encode", spoilt)
    server = await serve()
    async with connected(server) as client:
        (session,) = server.registry
        bad.append(True)
        async with asyncio.timeout(5):
            while not server.metric("lobbylens_key_frames_asked_total"):
                await asyncio.sleep(0.02)
        first = (await client.wait_for("overlay"))["frame"]
        last = (await client.wait_for("overlay"))["frame"]
        assert last["index"] > first["index"]
        assert session.state is SessionState.CONNECTED
    assert server.metric("lobbylens_frames_undecodable_total") == 1
    assert server.metric("lobbylens_gaps_given_up_total") == 0
    assert server.metric("lobbylens_packets_asked_total") == 0


async def test_random_loss_freezes_nothing_for_long(client: CaptureClient) -> None:
    network, watch = Impairment(client.pc, loss=0.03), Watch(client)
    network.begin()
    await watch.run(8)
    await network.end()
    assert network.lost > 10
    assert_no_freeze(watch)


async def test_packets_that_overtake_one_another_lose_no_frame(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than by default, as a slow machine makes a late packet later still.
    server = await serve(None, "--media.loss-wait-ms", "250")
    async with connected(server) as client:
        asked = KeyFramesAsked(client, monkeypatch)
        network, watch = Impairment(client.pc, delay_s=0.02, jitter_s=0.03), Watch(client)
        network.begin()
        await watch.run(6)
        await network.end()
    assert network.overtaken > 50
    assert_no_freeze(watch)
    # A machine that stands still loses frames by itself: they wait for too long.
    if watch.stall_s < SCHEDULING_S and not server.metric("lobbylens_frames_outdated_total"):
        assert watch.lost(FPS) == 0
        assert asked.count == 0, "what comes late is no loss"
        assert server.metric("lobbylens_gaps_given_up_total") == 0


async def test_a_link_too_narrow_for_the_stream_recovers(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The peer begins with three times what the link carries.
    monkeypatch.setattr(vpx, "DEFAULT_BITRATE", 1_500_000)
    async with connected(await serve()) as client:
        sender = client.pc.getSenders()[0]
        repeated = Counted(sender._retransmit)
        monkeypatch.setattr(sender, "_retransmit", repeated)
        network, watch = Impairment(client.pc, rate_kbps=500, delay_s=0.03), Watch(client)
        network.begin()
        await watch.run(3)
        assert network.lost > 5, "the link was full"
        late = Watch(client)
        await late.run(5)
        await network.end()
    # Asking without measure takes the whole link: 2400 repetitions and a freeze of 3 s.
    assert repeated.count < 150
    assert max(watch.gaps_s) < 2
    assert_no_freeze(late)
