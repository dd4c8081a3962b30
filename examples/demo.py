"""No screen at hand: start the server, hold the specimen before it, print what it says.

``make demo``. Each message is one JSON line, as it comes. The filled card is written to
``out/registration-card.pdf``, which is said on standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from examples.client import CaptureClient
from examples.scene_track import SceneTrack
from models.training.specimen_scene import Phases, SpecimenScene

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = ROOT / "docs"
"""A folder without an operator's `.env`, which is read from the current one."""
CARD = ROOT / "out" / "registration-card.pdf"
GUEST = {
    "address": "12 Harbour Street, 1000 Zenith, Utopia",
    "email": "anna.maria@example.org",
    "arrival_date": "2026-05-01",
    "departure_date": "2026-05-04",
    "room": "204",
}
_PATIENCE_S = 60
_TAKEN_OVER = ("LOBBYLENS_LOAD__", "LOBBYLENS_MEDIA__", "LOBBYLENS_PIPELINE__")
_QUIETER = (
    "The specimen is drawn, encoded and read here in real time: where other programs keep the "
    "machine busy, run this again when it is quieter."
)


def own_environment() -> dict[str, str]:
    """What a server that is started for a trial takes over: nothing that an operator has set for
    a real one, as tokens, doors, stored files and webhooks. What only says how frames are taken
    and documents read stays, so that a measurement can be told other values.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("LOBBYLENS_") or name.upper().startswith(_TAKEN_OVER)
    }


async def start_server() -> tuple[asyncio.subprocess.Process, str]:
    """A server on a free port, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "server.py"),
        "--port",
        "0",
        "--log-level",
        "warning",
        stdout=asyncio.subprocess.PIPE,
        cwd=ELSEWHERE,
        env=own_environment(),
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    if "http" not in line:
        raise SystemExit("the server did not start; what it said is above")
    return process, line.split()[-1]


async def capture(client: CaptureClient) -> bytes:
    """Follow the session until its card is there. Raises SystemExit when the server refuses
    something, or the connection ends."""
    forbidden: list[str] = []
    async for message in client.messages():
        print(json.dumps(message), flush=True)
        if message["type"] == "card_form":
            forbidden = message["forbidden"]
        elif message["type"] == "result":
            read = {
                name: field["value"] or ""
                for name, field in message["fields"].items()
                if name not in forbidden
            }
            client.send(
                {
                    "type": "confirm",
                    "document_id": message["document_id"],
                    "fields": {**read, **GUEST},
                }
            )
        elif message["type"] == "confirmed":
            return await client.fetch(message["card"])
        elif message["type"] == "error":
            raise SystemExit(f"the server says {message['code']}: {message['message']}")
    raise SystemExit(f"the connection ended before the card was there. {_QUIETER}")


async def in_time(client: CaptureClient, patience_s: float) -> bytes:
    """The card. Raises SystemExit, also when it takes longer than that."""
    try:
        async with asyncio.timeout(patience_s):
            return await capture(client)
    except TimeoutError:
        raise SystemExit(f"no card within {patience_s:.0f} s. {_QUIETER}") from None


async def main() -> None:
    process, url = await start_server()
    scene = SpecimenScene(phases=Phases(empty=0.5, held=_PATIENCE_S))
    client = CaptureClient(url, SceneTrack(scene))
    try:
        await client.open(language="en")
        card = await in_time(client, _PATIENCE_S)
        CARD.parent.mkdir(exist_ok=True)
        await asyncio.to_thread(CARD.write_bytes, card)
        print(f"card: {CARD.relative_to(ROOT)} ({len(card)} bytes)", file=sys.stderr)
    finally:
        await client.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit("stopped")
