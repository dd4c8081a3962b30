"""The least that a consumer of the JSON needs, in Python: a camera in, one JSON line a message out.

``python -m examples.consumer --url http://127.0.0.1:8080 --camera /dev/video0``, or ``--specimen``
instead of a camera. Overlays come for every frame and are left out unless ``--overlays`` is given.
It ends after the first document that was read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from aiohttp import ClientConnectionError
from aiortc import MediaStreamTrack
from aiortc.contrib.media import MediaPlayer
from av.error import FFmpegError

from examples.client import CaptureClient, Refused
from examples.scene_track import SceneTrack
from models.training.specimen_scene import Phases, SpecimenScene


def camera(path: str) -> MediaStreamTrack:
    """A Linux camera as a track. Raises FFmpegError when it cannot be opened."""
    player = MediaPlayer(path, format="v4l2", options={"video_size": "1280x720"})
    assert player.video is not None
    return player.video


async def consume(url: str, track: MediaStreamTrack, *, overlays: bool) -> None:
    client = CaptureClient(url, track, token=os.environ.get("LOBBYLENS_API_TOKEN"))
    try:
        await client.open(language="en")
        async for message in client.messages():
            if overlays or message["type"] != "overlay":
                print(json.dumps(message), flush=True)
            if message["type"] == "result":
                client.send({"type": "close"})
                return
    finally:
        await client.close()


async def run(chosen: argparse.Namespace) -> None:
    if chosen.specimen:
        track: MediaStreamTrack = SceneTrack(SpecimenScene(phases=Phases(empty=0.5, held=60)))
    else:
        track = camera(chosen.camera)
    await consume(chosen.url, track, overlays=chosen.overlays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--camera", default="/dev/video0")
    source.add_argument("--specimen", action="store_true", help="the drawn specimen for a camera")
    parser.add_argument("--overlays", action="store_true", help="print overlays too")
    chosen = parser.parse_args()
    try:
        asyncio.run(run(chosen))
    except FFmpegError as error:
        sys.exit(f"{error}: name another camera with --camera, or do without one by --specimen")
    except ClientConnectionError as error:
        sys.exit(f"{error}: start a server with `make run`, or name it with --url")
    except Refused as error:
        sys.exit(f"{error}: a token is taken from LOBBYLENS_API_TOKEN")


if __name__ == "__main__":
    main()
