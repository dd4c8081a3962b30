"""Many peers that send one coded film, in a process of their own; see ``benchmarks/load.py``.

``python -m benchmarks.load_peers URL FILM SESSIONS SECONDS CODEC FPS`` says ``steady`` when all
are connected and warm, and one line of JSON at the end: latencies in ms, and who was refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

from aiortc.exceptions import InvalidStateError
from aiortc.rtp import is_rtcp

from benchmarks.films import FilmTrack, read_film
from examples.client import CaptureClient, Refused

WARM_UP_S = 4.0
_CONNECTED_WITHIN_S = 30.0
_MOST_REMEMBERED = 400
_FULL = 503


class Sent:
    """When the last packet of each frame was handed to the network, by its RTP timestamp."""

    def __init__(self, client: CaptureClient) -> None:
        self.times_s: dict[int, float] = {}
        self.stamps: list[int] = []
        """RTP timestamps in the order sent."""
        dtls = client.pc.getSenders()[0].transport
        self._pass_on = dtls._send_rtp
        setattr(dtls, "_send_rtp", self._send_rtp)  # noqa: B010

    async def _send_rtp(self, data: bytes) -> None:
        await self._pass_on(data)
        if not is_rtcp(data) and data[1] & 0x80:
            timestamp = int.from_bytes(data[4:8], "big")
            self.stamps.append(timestamp)
            self.times_s[timestamp] = time.monotonic()
            if len(self.times_s) > _MOST_REMEMBERED:
                del self.times_s[next(iter(self.times_s))]


class Caller:
    """One peer and what it sees."""

    def __init__(self, url: str, frames: list[bytes], codec: str, fps: float, lead_s: float):
        film = FilmTrack(frames, fps, lead_s)
        self._client = CaptureClient(url, film, codec=codec)
        film.heeds(self._client.pc.getSenders()[0])
        self._sent = Sent(self._client)
        self.latencies_ms: list[float] = []
        self.measuring = False
        self.served = asyncio.Event()

    async def open(self) -> None:
        """Raises Refused."""
        await self._client.open()

    async def listen(self) -> None:
        async for message in self._client.messages():
            if message["type"] != "overlay":
                continue
            self.served.set()
            if not self.measuring:
                continue
            stamp = self._stamp(message["frame"])
            sent_s = None if stamp is None else self._sent.times_s.get(stamp)
            if sent_s is not None:
                self.latencies_ms.append((time.monotonic() - sent_s) * 1000)

    def _stamp(self, frame: dict[str, int]) -> int | None:
        """The RTP timestamp of a frame that is named by it, from the first one, or by order."""
        stamps = self._sent.stamps
        if "order" in frame:
            return stamps[frame["order"]] if frame["order"] < len(stamps) else None
        if "pts" in frame:
            return (stamps[0] + frame["pts"]) & 0xFFFFFFFF if stamps else None
        return frame["rtp_timestamp"]

    async def close(self) -> None:
        with contextlib.suppress(ConnectionError, InvalidStateError):
            self._client.send({"type": "close"})
        await self._client.close()


async def main(url: str, film: Path, sessions: int, seconds: float, codec: str, fps: float) -> None:
    frames = await asyncio.to_thread(read_film, film)
    callers: list[Caller] = []
    refused = 0
    for number in range(sessions):
        # Cameras do not tick together.
        caller = Caller(url, frames, codec, fps, number / sessions / fps)
        try:
            await caller.open()
        except Refused as error:
            await caller.close()
            if error.status != _FULL:
                raise SystemExit(f"the server refuses a session: {error}") from None
            refused += 1
        else:
            callers.append(caller)
    listening = [asyncio.create_task(caller.listen()) for caller in callers]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CONNECTED_WITHIN_S):
            for caller in callers:
                await caller.served.wait()
    await asyncio.sleep(WARM_UP_S)
    for caller in callers:
        caller.measuring = True
    print("steady", flush=True)
    used_s = time.process_time()
    await asyncio.sleep(seconds)
    own_cores = (time.process_time() - used_s) / seconds
    told = {
        "refused": refused,
        "peers_cores": own_cores,
        "silent": sum(not caller.latencies_ms for caller in callers),
        "latencies_ms": [round(ms, 2) for caller in callers for ms in caller.latencies_ms],
    }
    print(json.dumps(told), flush=True)
    for caller in callers:
        await caller.close()
    for task in listening:
        task.cancel()


if __name__ == "__main__":
    _, url, film, sessions, seconds, codec, fps = sys.argv
    asyncio.run(main(url, Path(film), int(sessions), float(seconds), codec, float(fps)))
