"""What a certain reading of a document that is still held saves.

    python -m benchmarks.early_completion [--scenes 12] [--kbits 2000] [--fps 24]

Drawn specimens of every format are held before a camera with a tremor, motion blur and noise, coded
as VP8 and decoded again; the corner network finds them, and the same frames go twice through the
live reader, with reading ahead and without. Time is the film's own: a reading takes the processor
time that it took, and is told of at the frame that comes after it. From the first frame of the
picture's still run to the result: frames, milliseconds, and processor time spent on reading.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2

from benchmarks.mrz_video import coded, take
from core.settings import PipelineSettings
from pipeline.document import is_sure
from pipeline.engine import Engine, load_parts
from pipeline.still import still_frame
from pipeline.types import Document, Exposure, ImageU8


@dataclass(frozen=True, slots=True)
class Visit:
    """``frames``, ``result_ms``: from the first frame of the still run; ``cpu_ms``: of reading."""

    early: bool
    frames: int
    result_ms: float
    cpu_ms: float
    sure: bool


def _timed(read: Document | None, began_s: float) -> tuple[Document | None, float]:
    return read, (time.thread_time() - began_s) * 1000


def visit(engine: Engine, film: Sequence[ImageU8], fps: float) -> Visit | None:
    """One document held; None where no picture was taken of the film."""
    live = engine.live_reader()
    began_ms = cpu_ms = 0.0
    first = 0
    pending: tuple[float, Exposure, Document | None] | None = None
    for index, bgr in enumerate(film):
        now_ms = 1000.0 + index * 1000 / fps
        if pending is not None and now_ms >= pending[0]:
            live.read_ahead(pending[1].id, pending[2])
            pending = None
        frame = replace(still_frame(bgr), index=index, pts_ms=now_ms, received_ms=now_ms)
        seen = live.see(frame)
        if seen.stability.stable_count <= 1:
            first, began_ms = index, now_ms
        if seen.ahead is not None:
            since_s = time.thread_time()
            read, took_ms = _timed(engine.read_ahead(seen.ahead.develop()), since_s)
            cpu_ms += took_ms
            pending = (now_ms + took_ms, seen.ahead, read)
        if seen.capture is not None:
            since_s = time.thread_time()
            capture, known = seen.capture.develop(), seen.capture.known
            document, took_ms = _timed(known or engine.read(capture), since_s)
            sure = document is not None and document.mrz is not None and is_sure(document.mrz)
            end_ms = now_ms + took_ms
            frames = index - first + 1
            return Visit(known is not None, frames, end_ms - began_ms, cpu_ms + took_ms, sure)
    return None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--kbits", type=int, default=2000)
    parser.add_argument("--fps", type=float, default=24)
    options = parser.parse_args()
    settings = PipelineSettings()
    parts = load_parts(settings)
    capture = settings.capture.model_copy(update={"read_ahead": False})
    engines = {
        "burst filled": Engine(settings.model_copy(update={"capture": capture}), parts),
        "read ahead": Engine(settings, parts),
    }
    cv2.setNumThreads(1)
    visits: dict[str, list[Visit]] = {name: [] for name in engines}
    for seed in range(options.scenes):
        film = coded([frame.bgr for frame in take(seed, 8).shown], options.kbits)
        pair = {name: visit(engine, film, options.fps) for name, engine in engines.items()}
        for name, seen in pair.items():
            if seen is not None and None not in pair.values():
                visits[name].append(seen)
        print(f"\r{seed + 1} of {options.scenes} scenes", end="", flush=True)
    print(
        f"\n{'':>14}{'pictures':>10}{'early':>7}{'sure':>6}{'frames':>8}{'to result':>11}{'CPU':>9}"
    )
    for name, seen_all in visits.items():
        frames = statistics.median(one.frames for one in seen_all)
        result_ms = statistics.median(one.result_ms for one in seen_all)
        cpu_ms = statistics.mean(one.cpu_ms for one in seen_all)
        early, sure = sum(one.early for one in seen_all), sum(one.sure for one in seen_all)
        counts = f"{len(seen_all):>10}{early:>7}{sure:>6}{frames:>8g}"
        print(f"{name:>14}{counts}{result_ms:>8.0f} ms{cpu_ms:>6.0f} ms")


if __name__ == "__main__":
    main()
