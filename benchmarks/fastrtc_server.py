"""FastRTC as a server to compare with; run by an environment of its own that has it.

``python3 -m venv DIR && DIR/bin/pip install fastrtc``, then ``--fastrtc DIR/bin/python`` for
``benchmarks.load`` or ``benchmarks.media_table``. Its handlers get a picture and no time stamp, so
that messages name frames by their order. An argument tells the kind:

- ``fastrtc``: a line of JSON for each frame.
- ``fastrtc-slow``: the same after 80 ms of work, in the handler, as its documentation shows.
- ``fastrtc-numbered``: the same with the number that each picture of ``benchmarks.latency`` bears.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import socket
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastrtc import Stream
from fastrtc.utils import current_channel

from benchmarks.frame_numbers import read_number

PAGE = Path(__file__).with_name("stock_page.html").read_text()
SLOW_S = 0.08
KIND = sys.argv[1]
counters: dict[int, Any] = {}


def tell(picture: Any) -> Any:
    """A line of JSON for each picture (H×W×3 uint8 BGR)."""
    if KIND == "fastrtc-slow":
        time.sleep(SLOW_S)
    channel = current_channel.get()
    if channel is not None and channel.readyState == "open":
        order = next(counters.setdefault(id(channel), itertools.count()))
        stamp = {"order": order, "width": picture.shape[1], "height": picture.shape[0]}
        if KIND == "fastrtc-numbered":
            stamp["number"] = read_number(picture[..., 1])
        channel.send(json.dumps({"type": "overlay", "frame": stamp}))
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

    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE)

    app.add_api_route("/", page)
    app.add_api_route("/api/webrtc/offer", offer, methods=["POST"])
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"FastRTC serves http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve([listening])


if __name__ == "__main__":
    asyncio.run(main())
