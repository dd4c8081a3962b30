"""How long a guest waits, in a real browser.

``python -m benchmarks.latency [--runs 5] [--seconds 12]`` starts the server and Debian's headless
Chromium on this machine. The browser's fake camera plays the specimen scene at 1280x720 and 24
frames a second, with a small code in the picture that numbers its frames.

- *overlay*: from a frame's arrival in the page (MediaStreamTrackProcessor) to that of its overlay,
  of every overlay until the result, after which the page shows a form and sends a black picture;
  and the same from the camera's capture of the frame, which comes first. RTP timestamps (RFC 3550)
  are capture times from another start, rounded to milliseconds, and the camera's own jitter shows
  which start fits. Servers that are compared with read the frame's number in the picture instead:
  an even camera shows no start, and FastRTC tells no time stamp. By phase: of ``small`` pictures;
  of the first large ones (``change``), which begin with a key frame; of ``large`` ones; once the
  picture is ``taken``, while it is read on the same processors.
- *result*: from the capture of the first frame that has the whole document within it, at rest,
  to the arrival of the result.

Both are printed with p50 and p95 and the machine's facts. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.frame_numbers import draw_number
from benchmarks.page_probe import (
    FPS,
    PHASE_NAMES,
    SIZE,
    WATCH,
    Overlay,
    encode_ms,
    in_page_time,
    overlays_of,
    stages,
    wait_for_result,
)
from benchmarks.surroundings import needs
from examples.demo import start_server
from models.training.specimen_scene import Phases, SceneFrame, SpecimenScene, write_y4m

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

PHASES = Phases(empty=1.0, moving_in=1.5, held=8.0, leaving=1.0, empty_after=0.5)


@dataclass(frozen=True, slots=True)
class Run:
    """One visit: its overlays, and the wait for the result, in ms; None if none came."""

    overlays: list[Overlay]
    result_ms: float | None
    status: str
    width_px: int
    stages_ms: dict[str, float]
    first_overlay_ms: float | None = None
    """From the camera's permission to the first overlay."""
    full_size_ms: float | None = None
    """The same to the first overlay of a frame as large as the camera's."""
    encode_ms: float | None = None
    """What the browser's encoder took for a frame until the result, small ones among them."""

    @property
    def overlays_ms(self) -> list[float]:
        """Ages of all overlays."""
        return [overlay.age_ms for overlay in self.overlays]

    @property
    def since_capture_ms(self) -> list[float]:
        """The same since the camera's capture."""
        return [overlay.since_capture_ms for overlay in self.overlays]


class NumberedScene(SpecimenScene):
    """The scene with its frame number as a row of black and white cells at the top-left."""

    def frame(self, index: int) -> SceneFrame:
        drawn = super().frame(index)
        draw_number(drawn.bgr, index)
        return drawn

    def first_whole(self) -> int:
        """The first frame in which the document has come to rest, all of it in view."""
        return round((self.phases.empty + self.phases.moving_in) * self.fps)


async def visit(browser: Browser, url: str, scene: NumberedScene, seconds: float) -> Run:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page: Page = await context.new_page()
    await page.add_init_script(WATCH)
    await page.goto(url)
    for step in ("[data-action=touch]", "#language-buttons [lang=en]", "[data-action=begin]"):
        await page.click(f"{step}:visible")
    await asyncio.sleep(seconds)
    probe = await page.evaluate("window.latencyProbe")
    probe["frames"] = in_page_time(probe["frames"], probe["shown"])
    marks = await page.evaluate("window.lobbylens.stats.marks")
    await context.close()
    overlays, granted_ms = probe["overlays"], marks["cameraGranted"]
    large = [each[1] for each in overlays if each[2] >= SIZE[0]]
    return Run(
        first_overlay_ms=marks["firstOverlay"] - granted_ms if "firstOverlay" in marks else None,
        full_size_ms=large[0] - granted_ms if large else None,
        overlays=overlays_of(probe),
        encode_ms=encode_ms(probe),
        result_ms=wait_for_result(probe, scene.first_whole()),
        status=str(probe["results"][0][1]) if probe["results"] else "none",
        width_px=int(overlays[-1][2]) if overlays else 0,
        stages_ms=stages(probe, scene.first_whole()),
    )


def percentile(values: Sequence[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


def of_phase(runs: Sequence[Run], name: str) -> list[float]:
    """Ages of the overlays of one of PHASE_NAMES, in ms."""
    return [each.age_ms for run in runs for each in run.overlays if each.phase == name]


def report(runs: list[Run]) -> dict[str, object]:
    overlays = [value for run in runs for value in run.overlays_ms]
    since_capture = [value for run in runs for value in run.since_capture_ms]
    phases = {name: of_phase(runs, name) for name in PHASE_NAMES}
    results = [run.result_ms for run in runs if run.result_ms is not None]
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "runs": len(runs),
        "frame_width_px": [run.width_px for run in runs],
        "first_overlay_ms": [round(run.first_overlay_ms or 0) for run in runs],
        "full_size_ms": [round(run.full_size_ms or 0) for run in runs],
        "runs_with_a_clear_clock": sum(bool(run.overlays_ms) for run in runs),
        "encode_ms": [round(run.encode_ms or 0, 1) for run in runs],
        "overlays": len(overlays),
        "overlay_p50_ms": round(percentile(overlays, 50), 1),
        "overlay_p90_ms": round(percentile(overlays, 90), 1),
        "overlay_p95_ms": round(percentile(overlays, 95), 1),
        "since_capture_p50_ms": round(percentile(since_capture, 50), 1),
        "since_capture_p95_ms": round(percentile(since_capture, 95), 1),
        "overlay_phases": {
            name: f"{len(ages)}, p50 {percentile(ages, 50):.0f}, p95 {percentile(ages, 95):.0f} ms"
            for name, ages in phases.items()
        },
        "results": [run.status for run in runs],
        "result_p50_ms": round(statistics.median(results)) if results else None,
        "result_p95_ms": round(percentile(results, 95)) if results else None,
        "first_told_ms": [run.stages_ms for run in runs],
    }


async def visits(url: str, phases: Phases, count: int, seconds: float) -> list[Run]:
    """That many guests one after the other, each with a browser that begins the film anew."""
    from playwright.async_api import async_playwright

    scene = NumberedScene(SIZE, FPS, phases=phases)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "scene.y4m"
        await asyncio.to_thread(write_y4m, film, scene, phases.total)
        runs = []
        async with async_playwright() as playwright:
            for _ in range(count):
                # A fake camera goes on from where it was: a new browser starts the film anew.
                browser = await playwright.chromium.launch(
                    executable_path="/usr/bin/chromium", args=chromium_arguments(film)
                )
                runs.append(await visit(browser, url, scene, seconds))
                await browser.close()
    return runs


async def measure(count: int, seconds: float) -> dict[str, object]:
    process, url = await start_server()
    try:
        return report(await visits(url, PHASES, count, seconds))
    finally:
        process.terminate()
        await process.wait()


def chromium_arguments(film: Path) -> list[str]:
    return [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12)
    arguments = parser.parse_args()
    needs("playwright")
    figures = asyncio.run(measure(arguments.runs, arguments.seconds))
    json.dump(figures, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
