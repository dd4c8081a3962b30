"""Debian's nginx on loopback with the configuration of docs/deployment.md."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from signaling.tls import self_signed_pem
from tests.live.turn_server import free_port

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "deployment.md"
_STARTS_WITHIN_S = 15

# What a distribution's own nginx.conf says around it.
_AROUND = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ }}
http {{
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
{site}
}}
"""


def _site(folder: Path, port: int, machines: dict[str, str]) -> str:
    """The documented configuration with this machine's places in it; ``machines``: by address."""
    (found,) = re.findall(r"```nginx\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    site: str = found
    places = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/hotel.pem": f"{folder}/hotel.pem",
        "/etc/ssl/hotel.key": f"{folder}/hotel.pem",
        "/var/log/nginx": str(folder),
        **machines,
    }
    for documented, here in places.items():
        assert documented in site, f"the documented configuration has no {documented}"
        site = site.replace(documented, here)
    return site


def _prepare(folder: Path, port: int, machines: dict[str, str]) -> list[str]:
    """Writes what it needs; the command that runs it. An ordinary user's PATH lacks its folder."""
    (folder / "hotel.pem").write_bytes(self_signed_pem("127.0.0.1"))
    (folder / "temp").mkdir()
    configuration = folder / "nginx.conf"
    configuration.write_text(_AROUND.format(folder=folder, site=_site(folder, port, machines)))
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program, "nginx is not installed: see TEST_PACKAGES in the Makefile"
    return [program, "-p", str(folder), "-c", str(configuration)]


@asynccontextmanager
async def nginx(folder: Path, machines: dict[str, str]) -> AsyncIterator[str]:
    """Runs it; gives its address. It can write nothing but its logs: any other file fails."""
    port = free_port()
    command = await asyncio.to_thread(_prepare, folder, port, machines)
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(_STARTS_WITHIN_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except ConnectionError:
                    await asyncio.sleep(0.05)
        if process.returncode is not None and process.stderr is not None:
            raise ConnectionError((await process.stderr.read()).decode())
        await asyncio.to_thread(shutil.rmtree, folder / "temp")
        yield f"https://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
