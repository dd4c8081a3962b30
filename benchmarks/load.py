"""How many guests one server can take, beside aiortc as it comes.

``python -m benchmarks.load --sessions 1,10,20 --seconds 20 --profile tracking --codec VP8``
starts each server as a process and lets peers of another process send a film that was coded
beforehand. It prints a table and writes a plot as PNG and SVG into ``out/``.

- *overlay*: from the last packet of a frame to the arrival of its message, at the peer, in ms.
- *CPU*: the server's processor seconds for each second of one stream.
- *busy*: processors in use by everybody on the machine, the peers too.
- *MB*: memory of the server before the first session, and what each one adds.

``blind`` sees nothing: media alone, each frame decoded; ``resting`` is the same with every other
frame decoded, as the server does while no document is in view. ``--scene``: an ``empty`` desk, of
which hardly a frame is searched; something ``moving`` over it, so that each that is decoded is; or
a document ``held``, which is measured and read. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.films import SCENES, SHAPES, write_film
from benchmarks.process_usage import usage
from benchmarks.surroundings import needs
from examples.demo import ELSEWHERE, own_environment

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("lobbylens", "blind", "stock")
COUNTING = ("slow", "stock-slow")
"""They print at their end how many frames they have held."""
_HEADER = (
    f"{'server':10} {'sessions':>8} {'refused':>8} {'p50 ms':>7} {'p95 ms':>7} {'per s':>6} "
    f"{'CPU':>7} {'busy':>5} {'peers':>6} {'MB':>5} {'MB each':>8}"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of the table."""

    kind: str
    sessions: int
    refused: int
    overlay_p50_ms: float
    overlay_p95_ms: float
    overlays_per_s: float
    cpu_per_stream_s: float
    busy_cores: float
    peers_cores: float
    base_mb: float
    session_mb: float
    silent: int = 0
    """Sessions that got no overlay at all."""
    held: int | None = None
    """Frames held at most beside the one that was worked on, where the server counts them."""

    def row(self) -> str:
        return (
            f"{self.kind:10} {self.sessions:8d} {self.refused:8d} {self.overlay_p50_ms:7.1f} "
            f"{self.overlay_p95_ms:7.1f} {self.overlays_per_s:6.1f} {self.cpu_per_stream_s:7.4f} "
            f"{self.busy_cores:5.2f} {self.peers_cores:6.2f} {self.base_mb:5.0f} "
            f"{self.session_mb:8.1f}"
        )


def program(python: str) -> str:
    """An interpreter wherever it is started from; a link to it is a virtual environment's."""
    return str(Path(shutil.which(python) or python).absolute())


async def start(
    *module_and_arguments: str, python: str = sys.executable
) -> asyncio.subprocess.Process:
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return await asyncio.create_subprocess_exec(
        program(python),
        "-m",
        *module_and_arguments,
        stdout=asyncio.subprocess.PIPE,
        cwd=ELSEWHERE,
        env={**own_environment(), "PYTHONPATH": os.pathsep.join(path)},
        limit=64 << 20,
    )


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().strip()
    if not line:
        raise SystemExit("a process of the benchmark has ended: what it said is above")
    return line


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()


async def start_server(kind: str, fastrtc: str) -> asyncio.subprocess.Process:
    """A kind of ``load_servers``, or of ``fastrtc_server`` by the interpreter ``fastrtc``."""
    if kind.startswith("fastrtc"):
        return await start("benchmarks.fastrtc_server", kind, python=fastrtc)
    return await start("benchmarks.load_servers", kind)


async def measure(
    kind: str,
    sessions: int,
    seconds: float,
    film: Path,
    codec: str,
    fps: int,
    fastrtc: str = "",
) -> Figures:
    """One server and its peers, from start to end."""
    running = await start_server(kind, fastrtc)
    try:
        url = (await line_of(running)).split()[-1]
        before = usage(running.pid)
        peers = await start(
            "benchmarks.load_peers", url, str(film), str(sessions), str(seconds), codec, str(fps)
        )
        try:
            await line_of(peers)
            began = usage(running.pid)
            told = json.loads(await line_of(peers))
            ended = usage(running.pid)
        finally:
            await end(peers)
    finally:
        await end(running)
    assert running.stdout is not None
    held = (await running.stdout.read()).split() if kind in COUNTING else []
    served = max(1, sessions - told["refused"])
    latencies = told["latencies_ms"] or [float("nan")]
    if told["silent"]:
        print(f"  {told['silent']} of {served} sessions got no overlay", file=sys.stderr)
    return Figures(
        kind=kind,
        sessions=sessions,
        refused=told["refused"],
        overlay_p50_ms=float(np.percentile(latencies, 50)),
        overlay_p95_ms=float(np.percentile(latencies, 95)),
        overlays_per_s=len(latencies) / seconds / served,
        cpu_per_stream_s=(ended.cpu_s - began.cpu_s) / seconds / served,
        busy_cores=(ended.machine_s - began.machine_s) / seconds,
        peers_cores=told["peers_cores"],
        base_mb=before.rss_mb,
        session_mb=(ended.rss_mb - before.rss_mb) / served,
        silent=told["silent"],
        held=int(held[-1]) if held else None,
    )


def plot(rows: Sequence[Figures], title: str, target: Path) -> None:
    """Latency and processors against sessions: ``target`` with .png and .svg."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2))
    for kind in dict.fromkeys(row.kind for row in rows):
        own = [row for row in rows if row.kind == kind]
        count = [row.sessions for row in own]
        (line,) = left.plot(count, [row.overlay_p95_ms for row in own], "o-", label=f"{kind} p95")
        median = [row.overlay_p50_ms for row in own]
        left.plot(count, median, "o--", color=line.get_color(), label=f"{kind} p50", alpha=0.6)
        cores = [row.cpu_per_stream_s * (row.sessions - row.refused) for row in own]
        right.plot(count, cores, "o-", label=kind)
    left.set(title="frame sent to overlay", xlabel="sessions", ylabel="ms", ylim=(0, None))
    right.set(title="server", xlabel="sessions", ylabel="processors in use", ylim=(0, None))
    counts = sorted({row.sessions for row in rows})
    for axes in (left, right):
        axes.set(xticks=counts, xlim=(0, 1.08 * counts[-1]))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.suptitle(title)
    figure.tight_layout()
    target.parent.mkdir(exist_ok=True)
    for ending in (".png", ".svg"):
        figure.savefig(target.with_suffix(ending), dpi=110)
    pyplot.close(figure)


async def main(arguments: argparse.Namespace) -> list[Figures]:
    shape, rows = SHAPES[arguments.profile], []
    title = (
        f"{arguments.profile} profile, {shape.width}x{shape.height} at {shape.fps}/s, "
        f"{arguments.codec}, {SCENES[arguments.scene]}"
    )
    print(f"{title}; {platform.machine()}, {os.cpu_count()} processors, {arguments.seconds:.0f} s")
    print(_HEADER, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film"
        await asyncio.to_thread(write_film, film, shape, arguments.codec, arguments.scene)
        for kind in [*arguments.servers, *(["fastrtc"] if arguments.fastrtc else [])]:
            for sessions in arguments.sessions:
                row = await measure(
                    kind,
                    sessions,
                    arguments.seconds,
                    film,
                    arguments.codec,
                    shape.fps,
                    arguments.fastrtc,
                )
                print(row.row(), flush=True)
                rows.append(row)
    if arguments.plot:
        target = ROOT / "out" / f"load-{arguments.profile}-{arguments.codec.lower()}"
        await asyncio.to_thread(plot, rows, title, target)
        print(f"plot: {target.relative_to(ROOT)}.png and .svg", file=sys.stderr)
    return rows


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="How many guests one server can take.")
    made.add_argument("--sessions", type=numbers, default=[1, 10, 20], help="as 1,10,20")
    made.add_argument("--seconds", type=float, default=20)
    made.add_argument("--profile", choices=sorted(SHAPES), default="tracking")
    made.add_argument("--codec", choices=("VP8", "H264"), default="VP8")
    made.add_argument("--servers", type=lambda text: text.split(","), default=list(KINDS))
    made.add_argument("--scene", choices=sorted(SCENES), default="empty", help="what is shown")
    made.add_argument(
        "--fastrtc", default="", help="a Python that has FastRTC: see benchmarks/fastrtc_server.py"
    )
    made.add_argument("--no-plot", dest="plot", action="store_false")
    return made


if __name__ == "__main__":
    given = parser().parse_args()
    if given.plot:
        needs("matplotlib")
    asyncio.run(main(given))
