"""Memory that guests have left is given back, off the event loop, and not too often."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
import platform
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import aiohttp
import pytest

from core.settings import load_settings
from examples.client import CaptureClient
from media.memory import (
    FreedMemory,
    glibc_trim,
    glibc_used,
    keep_what_is_loaded,
    python_blocks,
    tune_heaps,
)
from server import make_app
from server import serve as serve_until_told
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

pytestmark = pytest.mark.quiet

GLIBC = platform.libc_ver()[0] == "glibc"


class Trims:
    """Notes each call: when, and on which thread."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.calls: list[tuple[float, threading.Thread]] = []
        self._takes_s = takes_s

    def __call__(self) -> bool:
        self.calls.append((time.monotonic(), threading.current_thread()))
        time.sleep(self._takes_s)
        return True

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.calls) < count:
                await asyncio.sleep(0.01)


async def test_nothing_is_done_while_nobody_leaves() -> None:
    trims, left = Trims(), 0
    running = asyncio.create_task(FreedMemory(0.02, lambda: left, trims).run())
    await asyncio.sleep(0.2)
    assert not trims.calls
    left = 1
    await trims.wait_for(2)
    await asyncio.sleep(0.2)
    assert len(trims.calls) == 2, "once more for what was still being closed"
    running.cancel()


async def test_many_that_leave_are_one_turn_and_turns_keep_their_distance() -> None:
    trims, left = Trims(), 0
    running = asyncio.create_task(FreedMemory(0.1, lambda: left, trims).run())
    until_s = time.monotonic() + 0.45
    while time.monotonic() < until_s:
        left += 1
        await asyncio.sleep(0.005)
    running.cancel()
    times_s = [at_s for at_s, _ in trims.calls]
    assert 1 <= len(times_s) <= 4
    assert all(b - a >= 0.095 for a, b in itertools.pairwise(times_s))


async def test_the_loop_turns_while_memory_is_given_back() -> None:
    trims, left, longest_s = Trims(takes_s=0.3), 0, 0.0
    # This process has far more to go through than a server, which leaves alone what it began with.
    freed = FreedMemory(0.01, lambda: left, trims, collect=lambda: 0)
    running = asyncio.create_task(freed.run())
    await asyncio.sleep(0)
    left = 1
    began_s = before_s = time.monotonic()
    while before_s - began_s < 0.4:
        await asyncio.sleep(0.005)
        now_s = time.monotonic()
        before_s, longest_s = now_s, max(longest_s, now_s - before_s)
    assert trims.calls
    assert trims.calls[0][1] is not threading.main_thread()
    assert longest_s < 0.2
    running.cancel()


async def test_a_server_does_so_when_a_guest_has_left(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    trims = Trims()
    monkeypatch.setattr("server.glibc_trim", lambda: trims)
    server = await serve(FakeEngine(), "--media.give-back-memory-s", "0.05")
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("overlay")
    assert not trims.calls
    client.send({"type": "close"})
    await client.close()
    await server.settle()
    await trims.wait_for(1)
    assert trims.calls[0][1] is not threading.main_thread()


async def test_what_is_closed_a_while_after_its_guest_has_left_is_collected_too() -> None:
    left, collected_at = 0, list[int]()

    def collect() -> int:
        collected_at.append(left)
        return 0

    running = asyncio.create_task(FreedMemory(0.05, lambda: left, None, collect).run())
    await asyncio.sleep(0)
    for left in (1, 2):
        async with asyncio.timeout(5):
            while collected_at.count(left) < 2:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
    assert collected_at == [1, 1, 2, 2]
    running.cancel()


async def test_switched_off_it_ends_at_once() -> None:
    left, trims = iter(range(100)), Trims()
    await asyncio.wait_for(FreedMemory(0, lambda: next(left), trims).run(), 1)
    assert not trims.calls


@pytest.mark.parametrize("trim", [Trims(), None], ids=["glibc", "without glibc"])
async def test_what_holds_itself_is_freed_when_a_guest_has_left(
    trim: Trims | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Peer:
        """Has a part that holds it, as those of a connection do, and a frame."""

        def __init__(self) -> None:
            self.itself, self.frame = self, bytearray(1000)

    left, peer = 0, Peer()
    gone = weakref.ref(peer)
    del peer
    gc.disable()
    # Not only when it is given back.
    monkeypatch.setattr("media.memory._COLLECT_EVERY_S", 0.02)
    running = asyncio.create_task(FreedMemory(60, lambda: left, trim).run())
    try:
        await asyncio.sleep(0.1)
        assert gone() is not None, "nobody has left yet"
        left = 1
        async with asyncio.timeout(10):
            while gone() is not None:
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
        running.cancel()


def test_another_c_library_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert glibc_trim() is None
    assert glibc_used() is None
    assert not tune_heaps()


MAPPED = """
import ctypes, sys
from media.memory import _Mallinfo2, tune_heaps
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.mallinfo2.restype = _Mallinfo2
if sys.argv[1] == "told":
    assert tune_heaps()
libc.free(libc.malloc(ctypes.c_size_t(20 << 20)))
before = libc.mallinfo2().hblks
for size in (5 << 20, 2764800):
    piece = libc.malloc(ctypes.c_size_t(size))
    print(libc.mallinfo2().hblks - before)
    libc.free(piece)
"""


@pytest.mark.parametrize(("how", "expected"), [("told", ["1", "0"]), ("untold", ["0", "0"])])
def test_a_page_is_mapped_for_itself_and_a_frame_is_not(how: str, expected: list[str]) -> None:
    """Also after a larger one was freed, from which on glibc by itself would do otherwise."""
    ran = subprocess.run(
        [sys.executable, "-c", MAPPED, how], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == expected


HEAPS = """
import ctypes, sys, threading
from media.memory import tune_heaps
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if sys.argv[1] == "told":
    assert tune_heaps()
everybody = threading.Barrier(13)
def guest():
    libc.malloc(ctypes.c_size_t(100_000))
    everybody.wait()
threads = [threading.Thread(target=guest) for _ in range(12)]
for thread in threads:
    thread.start()
everybody.wait()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def test_many_threads_share_few_heaps() -> None:
    heaps = {}
    for how in ("told", "untold"):
        ran = subprocess.run(
            [sys.executable, "-c", HEAPS, how],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        heaps[how] = ran.stdout.count("<heap nr=")
    assert heaps["told"] <= 4 < heaps["untold"]


@pytest.mark.parametrize("size", [50_000, 50_000_000], ids=["of a heap", "mapped for itself"])
def test_what_is_in_use_is_told_until_it_is_given_back(size: int) -> None:
    used, libc = glibc_used(), ctypes.CDLL(None)
    assert used is not None
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    before = used()
    pieces = [libc.malloc(ctypes.c_size_t(size)) for _ in range(10)]
    held = used()
    for piece in pieces:
        libc.free(piece)
    assert 0.9 < (held - before) / (10 * size) < 1.1
    assert used() - before < size


def test_objects_are_counted_until_they_go() -> None:
    before = python_blocks()
    held = [object() for _ in range(10_000)]
    assert 9_000 < python_blocks() - before < 12_000
    del held
    assert python_blocks() - before < 2_000


async def test_a_server_tells_what_is_in_use(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/metrics") as answer:
        lines = dict(
            line.rsplit(" ", 1)
            for line in (await answer.text()).splitlines()
            if not line.startswith("#")
        )
    assert float(lines["lobbylens_heap_used_bytes"]) > 1e6
    assert float(lines["lobbylens_python_blocks"]) > 1e4


def test_what_is_loaded_is_left_alone_by_the_collector() -> None:
    loaded = [[number] for number in range(1000)]
    assert gc.get_freeze_count() == 0
    try:
        keep_what_is_loaded()
        assert gc.get_freeze_count() > 1000
        gc.collect()
        assert not any(each is loaded for each in gc.get_objects())
    finally:
        gc.unfreeze()
    assert gc.get_freeze_count() == 0


def test_nothing_is_said_to_be_left_at_the_end() -> None:
    """Barcodes' library counts what of it outlives the interpreter, and says so."""
    code = "import pipeline.engine, media.memory as memory; memory.keep_what_is_loaded()"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr == ""


@pytest.mark.parametrize("step", ["keep_what_is_loaded", "tune_heaps", "keep_no_addresses"])
async def test_a_server_does_so_before_it_listens(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Reached(Exception):
        pass

    def reach() -> None:
        raise Reached

    # This process is the tests' own: nothing of it is to be frozen.
    monkeypatch.setattr("server.keep_what_is_loaded", lambda: None)
    monkeypatch.setattr(f"server.{step}", reach)
    settings = await asyncio.to_thread(load_settings, ["--port", "0"])
    app = await asyncio.to_thread(make_app, settings, FakeEngine())
    with pytest.raises(Reached):
        await serve_until_told(settings, app, None, None)


def _resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 / 1e6


def test_glibc_gives_back_what_lies_between_what_is_kept() -> None:
    trim = glibc_trim()
    assert (trim is not None) == GLIBC
    if trim is None or not sys.platform.startswith("linux"):
        return
    # Pieces below the size from which glibc takes whole mappings, each tenth of them kept.
    pieces = [bytearray(60_000) for _ in range(2000)]
    kept = pieces[::10]
    del pieces
    before_mb = _resident_mb()
    assert trim()
    assert before_mb - _resident_mb() > 50
    assert len(kept) == 200
