"""Clients written for other backends of this kind, with their own libraries, and no file written.

The server runs as it is shipped, in a process that may write no byte to any file.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import websockets

from tests.pipeline.test_upload import pdf
from tests.signaling.pictures import base64_of, several_pages, specimen_frames
from tests.signaling.test_stream_http import recorded

ROOT = Path(__file__).resolve().parents[2]

_TRACED = """
import os, runpy, sys
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def told(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        path, mode, flags = args
        if (set(mode or "") & set("wax+") or (flags or 0) & WRITES) and path != os.devnull:
            os.write(2, f"WROTE {path} {mode} {flags}\\n".encode())
    elif event in ("os.mkdir", "os.rename", "tempfile.mkstemp", "tempfile.mkdtemp", "os.link"):
        os.write(2, f"WROTE {event} {args}\\n".encode())
sys.addaudithook(told)
sys.argv = ["server.py", *sys.argv[1:]]
sys.path.insert(0, os.getcwd())
runpy.run_path("server.py", run_name="__main__")
"""


@dataclass(frozen=True)
class Served:
    """A server's address, where its temporary files would be, and all it said at its end."""

    url: str
    temporary: Path


def _no_writing() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Fails at its end when any file was opened for writing."""
    temporary = tmp_path_factory.mktemp("temporary")
    before = _files()
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", _TRACED, "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "HOME": str(temporary)},
        preexec_fn=_no_writing,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Served(process.stdout.readline().split()[-1].rstrip("/"), temporary)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert "WROTE" not in said, said
    assert not list(temporary.iterdir()) and _files() == before
    assert "ERIKSSON" not in said and "L898902C3" not in said


def _files() -> set[str]:
    """What lies in the folders that the server knows."""
    folders = ("core", "media", "models", "pipeline", "signaling", "static", "templates")
    found = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return {str(path) for path in found if "__pycache__" not in path.parts}


async def _websocket_client(address: str, frames: tuple[bytes, ...]) -> tuple[str, Any]:
    """Init, frames in lockstep at 24 a second until ready, capture, close."""
    async with websockets.connect(address.replace("http", "ws") + "/api/stream/ws") as socket:
        await socket.send(json.dumps({"action": "init"}))
        session_id = json.loads(await socket.recv())["session_id"]
        for frame in frames:
            await socket.send(frame)
            seen = json.loads(await socket.recv())
            assert isinstance(seen["detected"], bool) and seen.get("stable_count", 0) >= 0
            if seen.get("ready_for_capture"):
                break
            await asyncio.sleep(1 / 24)
        await socket.send(json.dumps({"action": "capture"}))
        captured = json.loads(await socket.recv())
        await socket.send(json.dumps({"action": "close"}))
        return session_id, captured


def test_a_websocket_client(server: Served) -> None:
    session_id, captured = asyncio.run(_websocket_client(server.url, specimen_frames(24)))
    assert captured["action"] == "capture_result"
    assert captured["data"]["document_number"] == "L898902C3"
    # Closed, and yet the guest reviews: the card is made of what the client has.
    body = {"session_id": session_id, "guest_data": captured["data"]}
    told = requests.post(f"{server.url}/api/mrz/update", json=body, timeout=20).json()
    assert told["success"] and told["is_edited"] is False
    card = requests.get(server.url + told["filled_document"], timeout=20)
    assert card.headers["Content-Type"] == "application/pdf" and card.content[:5] == b"%PDF-"


def test_an_http_client(server: Served) -> None:
    session = requests.post(f"{server.url}/api/stream/session", timeout=20).json()
    session_id = session["session_id"]
    ready = False
    for frame in specimen_frames(24):
        body = {"session_id": session_id, "image": base64.b64encode(frame).decode()}
        seen = requests.post(f"{server.url}/api/stream/frame", json=body, timeout=20).json()
        assert seen["stable_count"] <= 24 and seen["stable_required"] == 8
        if seen.get("ready_for_capture"):
            ready = True
            break
    assert ready and seen["detected"]
    body = {"session_id": session_id}
    captured = requests.post(f"{server.url}/api/stream/capture", json=body, timeout=30).json()
    assert captured["success"] and captured["quality"]["score"] > 50
    update = {"session_id": session_id, "guest_data": captured["data"]}
    for edited in (False, True):
        if edited:
            update["guest_data"] = {**captured["data"], "surname": "ERIKSEN"}
        told = requests.post(f"{server.url}/api/mrz/update", json=update, timeout=20).json()
        assert told["is_edited"] is edited and told["filled_document"]
    closed = requests.delete(f"{server.url}/api/stream/session/{session_id}", timeout=20)
    assert closed.status_code == 200
    gone = requests.post(f"{server.url}/api/stream/capture", json=body, timeout=20)
    assert (gone.status_code, gone.json()["error_code"]) == (404, "INVALID_SESSION")


def test_one_still_frame_is_no_ready_capture_but_can_be_taken(server: Served) -> None:
    session_id = requests.post(f"{server.url}/api/stream/session", timeout=20).json()["session_id"]
    body = {"session_id": session_id, "image": base64_of(specimen_frames(1)[0])}
    seen = requests.post(f"{server.url}/api/stream/frame", json=body, timeout=20).json()
    assert seen["detected"] and not seen["ready_for_capture"]
    body = {"session_id": session_id}
    captured = requests.post(f"{server.url}/api/stream/capture", json=body, timeout=30).json()
    assert captured["data"]["surname"] == "ERIKSSON"


def test_every_other_door(server: Served) -> None:
    session_id = requests.post(f"{server.url}/api/stream/session", timeout=20).json()["session_id"]
    frames = [base64_of(frame, "image/jpeg") for frame in specimen_frames(12)]
    body: dict[str, Any] = {"session_id": session_id, "frames": frames}
    told = requests.post(f"{server.url}/api/stream/video/frames", json=body, timeout=60).json()
    assert told["frames_processed"] == 12 and told["ready_for_capture"]
    video = {"video": ("chunk.webm", recorded("webm"), "video/webm")}
    form = {"session_id": session_id}
    told = requests.post(
        f"{server.url}/api/stream/video", data=form, files=video, timeout=60
    ).json()
    assert told["success"] and told["frames_processed"] == 24
    scan = several_pages(*specimen_frames(2))
    for name, data, status in (("a.tif", scan, 200), ("b.pdf", pdf(1), 422)):
        answer = requests.post(
            f"{server.url}/api/extract", files={"image": (name, data)}, timeout=60
        )
        assert answer.status_code == status, answer.text
