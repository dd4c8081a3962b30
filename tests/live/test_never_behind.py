"""A decoder, and a reader, that cannot keep up: the age of what a guest is told, what is held."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.load_peers import Sent
from examples.client import CaptureClient
from media.decoding import Decoder
from pipeline.types import Frame
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

pytestmark = pytest.mark.quiet

DECODE_S = 0.1
SEE_S = 0.08
FPS = 24
SECONDS = 5.0


async def test_overlays_tell_of_the_present_when_decoding_takes_twice_as_long_as_frames(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = Decoder.decode

    def slowly(decoder: Decoder, frame: Any) -> Sequence[Any]:
        time.sleep(DECODE_S)
        return decode(decoder, frame)

    monkeypatch.setattr(Decoder, "decode", slowly)
    server = await serve(FakeEngine())
    client = CaptureClient(server.url, DrawnTrack((160, 120), FPS), codec="VP8")
    sent = Sent(client)
    await client.open()
    await client.wait_for("overlay")
    ages_s: list[float] = []
    until_s = time.monotonic() + SECONDS
    async with asyncio.timeout(2 * SECONDS):
        async for message in client.messages():
            now_s = time.monotonic()
            if now_s > until_s:
                break
            if message["type"] == "overlay":
                ages_s.append(now_s - sent.times_s[message["frame"]["rtp_timestamp"]])
    await client.close()
    ages_s.sort()
    # Had each frame been decoded, the last ones would be 2.9 s old.
    assert ages_s[int(0.9 * len(ages_s))] < 0.7, ages_s
    assert len(ages_s) > 0.4 * SECONDS / DECODE_S
    assert server.metric("lobbylens_frames_outdated_total") > 10
    assert server.metric("lobbylens_frame_age_seconds_count") >= len(ages_s)


async def test_one_frame_is_held_while_another_is_looked_at(serve: Serve) -> None:
    alive: list[int] = []
    began_ms = time.monotonic() * 1000

    def look(frame: Frame) -> None:
        time.sleep(SEE_S)
        if frame.index > FPS:
            frames = [each for each in gc.get_objects() if type(each) is Frame]
            # Other tests may have left theirs to the collector.
            alive.append(sum(each.received_ms > began_ms for each in frames))

    server = await serve(FakeEngine(on_see=look))
    client = CaptureClient(server.url, DrawnTrack((160, 120), FPS), codec="VP8")
    await client.open()
    for _ in range(3 * FPS):
        await client.wait_for("overlay")
        if len(alive) >= 20:
            break
    await client.close()
    # A picture that is handed over just then is there beside the one that it replaces.
    assert len(alive) >= 20 and sorted(alive)[len(alive) // 2] == 2 and max(alive) <= 3, alive
    assert server.metric("lobbylens_frames_dropped_total") > 10
