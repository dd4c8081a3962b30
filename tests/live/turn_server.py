"""Debian's coturn on loopback, as a process of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

_STARTS_WITHIN_S = 15


def free_port() -> int:
    """A TCP and UDP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


@contextlib.asynccontextmanager
async def turn_server(secret: str, folder: Path) -> AsyncIterator[int]:
    """Runs turnserver with ``use-auth-secret``; gives its port, and ends it afterwards.

    ``folder`` takes its files. It reads no configuration of the machine.
    """
    port = free_port()
    options = {
        "listening-ip": "127.0.0.1",
        "relay-ip": "127.0.0.1",
        "listening-port": str(port),
        "realm": "lobbylens.test",
        "static-auth-secret": secret,
        "userdb": str(folder / "turndb"),
        "pidfile": str(folder / "turnserver.pid"),
        "log-file": "stdout",
    }
    flags = ["use-auth-secret", "allow-loopback-peers", "no-cli", "no-tls", "no-dtls", "no-tcp"]
    # "-n": the machine's own configuration file is not read.
    arguments = ["-n", *(f"--{flag}" for flag in flags)]
    arguments += [f"--{name}={value}" for name, value in options.items()]
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *arguments,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _answers(port, process)
        yield port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait for the answer to a STUN binding request (RFC 8489, section 6)."""
    request = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.connect(("127.0.0.1", port))
        async with asyncio.timeout(_STARTS_WITHIN_S):
            while process.returncode is None:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await loop.sock_sendall(udp, request)
                    async with asyncio.timeout(0.3):
                        if await loop.sock_recv(udp, 1500):
                            return
                await asyncio.sleep(0.1)
    raise ConnectionError(f"turnserver ended with status {process.returncode}")
