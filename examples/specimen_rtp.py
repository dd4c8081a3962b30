"""The drawn specimen as RTP (VP8), as ffmpeg would send a camera's picture: for `consumer.mjs`
where there is no camera.

``python -m examples.specimen_rtp 5004``, the port that the consumer waits at. It ends after a
minute, or with Ctrl+C.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
from fractions import Fraction

import av

from models.training.specimen_scene import Phases, SpecimenScene

FPS = 12
SECONDS = 60


def play(port: int, stopped: threading.Event) -> None:
    """Send to this port of 127.0.0.1 in real time, 1280x720, until ``stopped`` or for a minute."""
    scene = SpecimenScene(phases=Phases(empty=0.5, held=SECONDS))
    output = av.open(f"rtp://127.0.0.1:{port}?pkt_size=1200", "w", format="rtp")
    stream = output.add_stream("libvpx", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
    stream.bit_rate = 3_000_000
    stream.options = {"deadline": "realtime", "cpu-used": "8", "g": "12", "lag-in-frames": "0"}
    begun_s = time.monotonic()
    for number in range(FPS * SECONDS):
        if stopped.wait(max(0, begun_s + number / FPS - time.monotonic())):
            break
        picture = scene.frame(min(2 * number, scene.frame_count - 1)).bgr
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        output.mux(stream.encode(frame))
    output.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, nargs="?", default=5004)
    with contextlib.suppress(KeyboardInterrupt):
        play(parser.parse_args().port, threading.Event())


if __name__ == "__main__":
    main()
