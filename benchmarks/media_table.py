"""Every figure that the media layer promises, beside others that come as they are, in one run.

``python -m benchmarks.media_table`` takes half an hour at full size; ``--quick`` a few minutes,
for a look. ``--only browser,load,network,endings`` runs a part. Each line names what it ran. Beside
this server runs stock aiortc and, with ``--fastrtc PYTHON`` (see ``benchmarks/fastrtc_server.py``),
FastRTC: it receives by aiortc as it comes, so that what is lost, and ends, is told once. Run it on
a quiet machine; ``python -m benchmarks.soak`` answers for the hours.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import bad_network, endings, latency, load
from benchmarks.films import SCENES, SHAPES, read_film, write_film
from benchmarks.page_probe import PHASE_NAMES
from benchmarks.surroundings import needs, own_settings
from media.processors import usable_processors
from models.training.specimen_scene import Phases
from pipeline.engine import Engine

IN_VIEW = Phases(empty=0.05, moving_in=0.05, held=10.0, leaving=0.5, empty_after=0.5)
"""The document lies there from the start, so that large pictures are wanted at once."""


COSTS = (
    ("capture", "blind", "0.10", 2),
    ("tracking", "resting", "0.02", 8),
    ("tracking", "blind", "0.02", 8),
)
"""Profile and kind of server: what a second of it is to cost at most, and of how many sessions."""
DECODED = {"blind": "each frame decoded", "resting": "no document in view"}
FILMS = (("capture", "moving"), ("tracking", "moving"), ("tracking", "empty"))


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything is run, and beside whom."""

    visits: int
    visit_s: float
    load_s: float
    sessions: int
    call_s: float
    fastrtc: str = ""
    """A Python that has FastRTC; without one its column stays empty."""

    def others(self, kind: str = "") -> list[str]:
        """The servers beside ours, of a kind as ``-slow``."""
        return [f"{name}{kind}" for name in ("stock", *(["fastrtc"] if self.fastrtc else []))]


FULL = Plan(visits=7, visit_s=12, load_s=30, sessions=20, call_s=60)
QUICK = Plan(visits=1, visit_s=8, load_s=6, sessions=4, call_s=8)


@dataclass(frozen=True, slots=True)
class Line:
    """One promise: the figure, what it is to reach, the same of the others, and what ran."""

    what: str
    ours: str
    target: str
    others: Sequence[str]
    ran: str

    def __str__(self) -> str:
        stock, fastrtc = (*self.others, "-", "-")[:2]
        figures = f"{self.ours:>15} {self.target:>12} {stock:>13} {fastrtc:>12}"
        return f"{self.what:52} {figures}  {self.ran}"


def middle(values: Sequence[float | None]) -> str:
    """The median, of which a visit that never came there is the longest."""
    told = statistics.median([float("inf") if value is None else value for value in values])
    return f"{told / 1000:.2f} s" if told < float("inf") else "never"


def spread(ages: Sequence[float]) -> str:
    return f"{latency.percentile(ages, 50):.0f} / {latency.percentile(ages, 95):.0f} ms"


async def visits(kind: str, phases: Phases, plan: Plan) -> list[latency.Run]:
    server = await load.start_server(kind, plan.fastrtc)
    try:
        url = (await load.line_of(server)).split()[-1]
        return await latency.visits(url, phases, plan.visits, plan.visit_s)
    finally:
        await load.end(server)


async def in_browser(plan: Plan) -> AsyncIterator[Line]:
    ran = f"Chromium, {plan.visits} visits, benchmarks.latency"
    everybody = ("lobbylens", *plan.others("-numbered"))
    at_once = [await visits(kind, IN_VIEW, plan) for kind in everybody]
    for what, target, name in (
        ("camera granted to first overlay, median", "0.6 s", "first_overlay_ms"),
        ("720p reached, median", "1.5 s", "full_size_ms"),
    ):
        ours, *others = (middle([getattr(run, name) for run in runs]) for runs in at_once)
        yield Line(what, ours, target, others, f"{ran}, a document in view")
    whole = [await visits(kind, latency.PHASES, plan) for kind in everybody]
    told = f"{ran}; the others without a detector"
    for what, target, name in (
        ("frame in the page to overlay there, p50 / p95", "25 / 45 ms", "overlays_ms"),
        ("camera's capture to overlay in the page, p50 / p95", "", "since_capture_ms"),
    ):
        ours, *others = (
            spread([age for run in runs for age in getattr(run, name)]) for runs in whole
        )
        yield Line(what, ours, target, others, told)
    for name in PHASE_NAMES:
        ages = latency.of_phase(whole[0], name)
        yield Line(f"- of the first line, {name}: {len(ages)}", spread(ages), "", (), ran)
    results = [run.result_ms for run in whole[0]]
    yield Line("document at rest to result, median", middle(results), "", (), ran)


async def under_load(plan: Plan) -> AsyncIterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        films = {(name, shows): Path(folder) / f"{name}-{shows}" for name, shows in FILMS}
        for (name, shows), film in films.items():
            await asyncio.to_thread(write_film, film, SHAPES[name], "VP8", shows)

        async def run(kind: str, profile: str, shows: str, sessions: int) -> load.Figures:
            film, fps = films[profile, shows], SHAPES[profile].fps
            return await load.measure(
                kind, sessions, plan.load_s, film, "VP8", fps, fastrtc=plan.fastrtc
            )

        slow = [await run(kind, "capture", "moving", 1) for kind in ("slow", *plan.others("-slow"))]
        ran = (
            f"benchmarks.load --servers slow,stock-slow --profile capture --scene moving "
            f"--sessions 1, {plan.load_s:.0f} s"
        )
        ours, *others = (f"{each.overlay_p95_ms:.0f} ms" for each in slow)
        what = "last packet to overlay, analysis takes 80 ms, p95"
        yield Line(what, ours, "150 ms", others, ran)
        ours, *others = ("-" if each.held is None else str(each.held) for each in slow)
        yield Line("frames held beside the one looked at, at most", ours, "1", others, ran)
        for profile, kind, target, sessions in COSTS:
            kinds = [kind, *plan.others()]
            rows = [await run(each, profile, "moving", sessions) for each in kinds]
            costs = [f"{row.cpu_per_stream_s:.4f}" for row in rows]
            each_told = ", ".join(f"{row.overlays_per_s:.0f}" for row in rows)
            yield Line(
                f"CPU per stream-second, {profile}, {DECODED[kind]}",
                costs[0],
                target,
                costs[1:],
                f"benchmarks.load --servers {kind},stock --profile {profile} --scene moving "
                f"--sessions {sessions}; overlays a second of {', '.join(kinds)}: {each_told}",
            )
        for shows in ("moving", "empty"):
            many = await run("lobbylens", "tracking", shows, plan.sessions)
            ran = (
                f"benchmarks.load --profile tracking --scene {shows}, {plan.sessions} sessions, "
                f"{SCENES[shows]}; {many.refused} refused, {many.silent} without overlays"
            )
            share = many.busy_cores / usable_processors() * 100
            yield Line("processors busy, with the detector", f"{share:.0f} %", "70 %", (), ran)
            yield Line("overlay p95 there", f"{many.overlay_p95_ms:.0f} ms", "100 ms", (), ran)
        memory = f"{many.base_mb:.0f} + {many.session_mb:.1f} MB"
        yield Line("memory: base, each session", memory, "400 + 25 MB", (), ran)


async def on_bad_networks(plan: Plan) -> AsyncIterator[Line]:
    engine = await asyncio.to_thread(Engine, own_settings().pipeline)
    pictures = await asyncio.to_thread(bad_network.held_pictures, 1280)
    targets = {"a packet that never comes, each 2 s": "0.3 s", "3 % loss": "0.3 s"}
    try:
        for case in bad_network.CASES:
            if case.name not in targets:
                continue
            ours = await bad_network.play(engine, pictures, case, plan.call_s)
            with bad_network.stock_reception():
                stock = await bad_network.play(engine, pictures, case, plan.call_s)
            yield Line(
                f"{case.name}: longest freeze",
                f"{ours.longest_s:.2f} s",
                targets[case.name],
                [f"{stock.longest_s:.2f} s"],
                f"benchmarks.bad_network --width 1280, {plan.call_s:.0f} s; "
                f"freezes {ours.freezes}, stock {stock.freezes}",
            )
    finally:
        engine.close()


async def at_the_end(plan: Plan) -> AsyncIterator[Line]:
    engine = await asyncio.to_thread(Engine, own_settings().pipeline)
    try:
        with tempfile.TemporaryDirectory() as folder:
            small, large = Path(folder) / "small", Path(folder) / "large"
            await asyncio.to_thread(write_film, small, SHAPES["tracking"], "VP8", "empty")
            await asyncio.to_thread(write_film, large, SHAPES["capture"], "VP8", "moving")
            frames, fps = await asyncio.to_thread(read_film, small), SHAPES["tracking"].fps
            ours = await endings.crash_noticed_s(engine, frames, fps)
            stock = await endings.stock_crash_noticed_s(frames, fps)
            yield Line(
                "a peer that crashes is noticed and freed",
                f"{ours:.1f} s",
                "5 s",
                [f"{stock:.1f} s"],
                "benchmarks.endings, sockets closed without a word",
            )
            ours = await endings.close_stall_s(engine, large)
            stock = await endings.stock_close_stall_s(large)
            yield Line(
                "closing with a backlog: the loop stands still",
                f"{ours * 1000:.0f} ms",
                "50 ms",
                [f"{stock * 1000:.0f} ms"],
                "benchmarks.endings, 720p at 240 frames a second",
            )
    finally:
        engine.close()


PARTS: dict[str, Callable[[Plan], AsyncIterator[Line]]] = {
    "browser": in_browser,
    "load": under_load,
    "network": on_bad_networks,
    "endings": at_the_end,
}


async def main(plan: Plan, parts: Sequence[str]) -> None:
    load_now = os.getloadavg()[0]
    print(f"{platform.machine()}, {usable_processors():.3g} processors, load before {load_now:.2f}")
    print(f"Python {sys.version}")
    print(Line("", "this server", "to reach", ("stock aiortc", "FastRTC"), "what ran"), flush=True)
    for part in parts:
        async for line in PARTS[part](plan):
            print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The figures of the media layer.")
    parser.add_argument("--quick", action="store_true", help="a few minutes, for a look")
    parser.add_argument(
        "--fastrtc", default="", help="a Python that has FastRTC: see benchmarks/fastrtc_server.py"
    )
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PARTS))
    arguments = parser.parse_args()
    if "browser" in arguments.only:
        needs("playwright")
    plan = replace(QUICK if arguments.quick else FULL, fastrtc=arguments.fastrtc)
    asyncio.run(main(plan, arguments.only))
