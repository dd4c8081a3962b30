"""``server.py --workers 2`` as processes: one port, one certificate, deaths and ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from examples.client import CaptureClient, Refused
from tests.peer import DrawnTrack

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
# Processes are started five times, and each loads its models.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def no_blocking_call() -> None:
    """Takes the place of the guard of that name: our loops run in other processes here."""


@dataclass
class Supervised:
    """A supervisor with its workers; ``log`` takes what they all say."""

    process: asyncio.subprocess.Process
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def said(self) -> str:
        return self.log.read_text()

    def pids(self) -> dict[str, int]:
        """The latest process of each worker."""
        found = re.findall(r"worker started worker=(\d+) pid=(\d+)", self.said)
        return {worker: int(pid) for worker, pid in found}

    async def until(self, path: str, pattern: str) -> str:
        """What is told there, once it matches."""
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as http:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{self.url}{path}", ssl=False) as answer:
                        text = await answer.text()
                        if re.search(pattern, text, re.MULTILINE):
                            return text
                await asyncio.sleep(0.1)

    async def guest(self) -> CaptureClient:
        client = CaptureClient(self.url, DrawnTrack(), insecure=True)
        await client.open()
        await client.wait_for("overlay")
        return client

    async def refuses(self, status: int, **session: Any) -> None:
        """An offer is answered with this status."""
        client = CaptureClient(self.url, DrawnTrack(), insecure=True)
        with pytest.raises(Refused, match=str(status)):
            await client.open(**session)
        await client.close()


@contextlib.asynccontextmanager
async def supervised(folder: Path, *arguments: str) -> AsyncIterator[Supervised]:
    log = folder / "log"
    with await asyncio.to_thread(log.open, "wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "server.py"),
            *("--workers", "2", "--port", "0", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode()
        told = re.search(r"https?://127\.0\.0\.1:\d+", line)
        assert told, line + await asyncio.to_thread(log.read_text)
        yield Supervised(process, told[0], log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await gone(Supervised(process, "", log).pids().values())


async def gone(pids: Collection[int]) -> None:
    """Wait until none of these processes lives; they end by themselves."""
    async with asyncio.timeout(PATIENCE_S):
        while any(map(_lives, pids)):
            await asyncio.sleep(0.05)


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _deletions(pid: int) -> frozenset[str]:
    """The memory in which a worker looks for what its colleagues have deleted, by its number."""
    mapped = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return frozenset(line.split()[4] for line in mapped if "memfd:deletions" in line)


async def test_workers_share_a_port_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    first = random.randrange(20_000, 30_000)
    ports = f"{first}-{first + 3}"
    arguments = ("--tls", "self-signed", "--media.udp-ports", ports)
    async with supervised(tmp_path, *arguments) as server:
        certificates = {
            await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", server.port))
            for _ in range(8)
        }
        assert len(certificates) == 1
        shared = [await asyncio.to_thread(_deletions, pid) for pid in server.pids().values()]
        assert len(shared) == 2 and len(set(shared)) == 1 and shared[0]
        # As many ports as guests: the workers take from one range and never clash.
        guests = []
        for _ in range(4):
            guests.append(await server.guest())
            await asyncio.sleep(0.3)
        await server.refuses(503)
        by_worker: dict[str, list[CaptureClient]] = {"0": [], "1": []}
        for guest in guests:
            by_worker[guest.session_id.split(".")[0]].append(guest)
        assert [len(each) for each in by_worker.values()] == [2, 2]

        killed = server.pids()["0"]
        os.kill(killed, signal.SIGKILL)
        await gone([killed])
        for guest in by_worker["1"]:
            await guest.wait_for("overlay")
        lost = by_worker["0"][0]
        await server.until("/health", r'"sessions": 2,')
        await server.refuses(404, resume_token=lost.resume_token)
        await server.until("/metrics", r'^lobbylens_worker_restarts\{worker="0"\} 1\.0')
        assert "x worker ended worker=0 status=-9" in server.said
        guests += [await server.guest()]
        assert guests[-1].session_id.startswith("0.")

        server.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await server.process.wait() == 0
        await gone(server.pids().values())
        assert "Traceback" not in server.said
        assert {"worker=0 ", "worker=1 "} <= set(re.findall(r"worker=\d ", server.said))
        for guest in guests:
            await guest.close()


async def test_the_front_desk_sees_all_whichever_worker_answers(tmp_path: Path) -> None:
    async with supervised(tmp_path) as server:
        guests = []
        for _ in range(2):
            guests.append(await server.guest())
            await asyncio.sleep(0.3)
        assert {guest.session_id.split(".")[0] for guest in guests} == {"0", "1"}
        labels: set[str] = set()
        reached: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(reached) < 2:
                # A connection of its own each time, which either worker may take.
                async with aiohttp.ClientSession(server.url) as http:
                    async with http.get("/api/staff/sessions") as answer:
                        lines = (await answer.json())["sessions"]
                    assert len({line["label"] for line in lines}) == 2
                    assert all(line["session"] == "connected" for line in lines)
                    labels |= {line["label"] for line in lines}
                    for label in labels:
                        async with http.get(f"/api/staff/sessions/{label}/events") as stream:
                            assert (await stream.content.readline()).startswith(b"data: {")
                    async with http.get("/metrics") as answer:
                        text = await answer.text()
                told = r'^lobbylens_requests_passed_on_total\{worker="(\d)"\} [1-9]'
                reached = set(re.findall(told, text, re.MULTILINE))
        assert len(labels) == 2
        for guest in guests:
            await guest.close()
        server.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await server.process.wait() == 0
        assert "Traceback" not in server.said
        assert not re.search(r'"staff\.watch".*"status": 5', server.said)


async def test_workers_end_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    async with supervised(tmp_path) as server:
        server.process.kill()
        await server.process.wait()
        await gone(server.pids().values())
    assert not list(tmp_path.glob("lobbylens-*"))  # noqa: ASYNC240, no loop is shared here


async def test_what_is_wrong_with_all_workers_ends_the_server(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "server.py"),
        *("--workers", "2", "--port", "0", "--pipeline.models", str(tmp_path)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        _, said = await process.communicate()
    assert process.returncode == 2 and b"manifest" in said and b"Traceback" not in said
