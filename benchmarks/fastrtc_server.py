"""FastRTC as a server for ``benchmarks/load.py``; run by an environment of its own that has it.

``python3 -m venv DIR && DIR/bin/pip install fastrtc``, then ``--fastrtc DIR/bin/python``. Its
handlers get a picture and no time stamp, so that messages name frames by their order.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastrtc import Stream
from fastrtc.utils import current_channel

counters: dict[int, Any] = {}


def tell(picture: Any) -> Any:
    """A line of JSON for each picture (H×W×3 uint8 BGR)."""
    channel = current_channel.get()
    if channel is not None and channel.readyState == "open":
        order = next(counters.setdefault(id(channel), itertools.count()))
        size = {"width": picture.shape[1], "height": picture.shape[0]}
        channel.send(json.dumps({"type": "overlay", "frame": {"order": order, **size}}))
    return picture


async def main() -> None:
    stream = Stream(
        handler=tell,
        modality="video",
        mode="send",
        concurrency_limit=1000,
        server_rtc_configuration={"iceServers": []},
    )
    app = FastAPI()

    async def offer(request: Request) -> dict[str, Any]:
        body = await request.json()
        name = secrets.token_hex(8)
        asked = {"sdp": body["sdp"], "type": "offer", "webrtc_id": name}
        answer = await stream.handle_offer(asked, lambda *_: None)
        stream.set_input(name, None)
        return {**answer, "session_id": name, "resume_token": ""}

    app.add_api_route("/api/webrtc/offer", offer, methods=["POST"])
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"FastRTC serves http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve([listening])


if __name__ == "__main__":
    asyncio.run(main())
