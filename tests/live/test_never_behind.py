"""A decoder that cannot keep up, and the age of what its guest is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.load_peers import Sent
from examples.client import CaptureClient
from media.decoding import Decoder
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

DECODE_S = 0.1
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
