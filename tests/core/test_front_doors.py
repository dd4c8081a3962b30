"""What strangers send to the doors, and what the operator may leave empty."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.errors import SettingsError
from core.log import _QUIET, setup_logging
from core.settings import load_settings
from media.rate import TokenBucket
from server import health, log_stray_error
from signaling import tls
from tests.conftest import RunningServer, Serve

ROOT = Path(__file__).resolve().parents[2]
GUEST = "ERIKSSON ANNA MARIA"


async def raw(server: RunningServer, request: bytes) -> bytes:
    """The answer to bytes that no HTTP client would send."""
    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


@pytest.mark.parametrize("token", ["", "   "])
def test_an_empty_token_is_none(token: str) -> None:
    assert load_settings(["--api-token", token]).api_token is None
    with pytest.raises(SettingsError, match="LOBBYLENS_API_TOKEN"):
        load_settings(["--host", "0.0.0.0", "--api-token", token])


def test_a_section_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBBYLENS_MEDIA", "junk")
    with pytest.raises(SettingsError, match="media"):
        load_settings([])


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("stun-urls", "stun.example"),
        ("stun-urls", "turn:a.example"),
        ("stun-urls", "stun:a b"),
        ("turn-urls", "turn:a.example:99x"),
        ("turn-urls", "turn:a.example?transport=smoke"),
    ],
)
def test_an_ice_server_that_is_no_url_is_named(setting: str, url: str) -> None:
    with pytest.raises(SettingsError, match=setting):
        load_settings([f"--signaling.{setting}", url])


def test_urls_of_ice_servers() -> None:
    stun, turn = "stun:a.example,stuns:b.example:5349", "turns:192.0.2.1:443?transport=tcp"
    told = ["--signaling.stun-urls", stun, "--signaling.turn-urls", turn]
    settings = load_settings([*told, "--signaling.turn-secret", "s3cret"])
    assert len(settings.signaling.stun_urls) == 2 and settings.signaling.turn_urls == [turn]


def test_a_key_with_a_passphrase_is_refused_without_asking(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"s3cret"),
    )
    (tmp_path / "key.pem").write_bytes(key)
    with pytest.raises(SettingsError, match="PEM"):
        tls.from_files(tmp_path / "key.pem", tmp_path / "key.pem")


async def test_other_methods_are_refused_in_json(serve: Serve) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        answer = await http.put(f"{server.url}/health")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert (await answer.json())["error_code"] == "METHOD_NOT_ALLOWED"
        for path in ("/static/", "/static/css", "/static/" + "a" * 5000):
            folder = await http.get(f"{server.url}{path}")
            assert (folder.status, (await folder.json())["error_code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"Authorization: Bearer \xff\xfe\r\nContent-Length: 4", "UNAUTHORIZED"),
        (b"Authorization: Bearer \xff.a.b\r\nContent-Length: 4", "UNAUTHORIZED"),
        (
            b"Authorization: Bearer s3cret\r\nContent-Encoding: gzip\r\nContent-Length: 4",
            "BAD_REQUEST",
        ),
    ],
)
async def test_junk_is_the_sender_s_fault(
    serve: Serve, caplog: pytest.LogCaptureFixture, head: bytes, code: str
) -> None:
    # As setup_logging does; the test's own log would read files to show where junk was met.
    caplog.set_level(logging.CRITICAL, "aiohttp.server")
    server = await serve(None, "--api-token", "s3cret")
    request = (
        b"POST /api/webrtc/offer HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\n" + head + b"\r\n\r\njunk"
    )
    assert (await raw(server, request)).split()[1] in (b"400", b"401")
    assert server.metric("lobbylens_errors_total", code=code) == 1


async def test_a_socket_s_key_that_is_no_text_is_the_sender_s_fault(serve: Serve) -> None:
    server = await serve()
    request = (
        b"GET /api/stream/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \xff\r\n\r\n"
    )
    assert (await raw(server, request)).split()[1] == b"400"
    assert server.metric("lobbylens_errors_total", code="BAD_REQUEST") == 1


def test_a_stray_error_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    log_stray_error(loop, {"message": f"it: {GUEST}", "exception": ValueError(GUEST)})
    log_stray_error(loop, {"message": f"it: {GUEST}"})
    loop.close()
    assert len(caplog.records) == 2
    assert all(GUEST not in str(vars(record)) for record in caplog.records)


def test_requests_that_are_no_http_are_not_logged_with_their_sender() -> None:
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level, strange = root.level, logging.getLogger("aiohttp.server")
    decoder = logging.getLogger("aiortc.rtcrtpreceiver")
    try:
        setup_logging("debug", "text")
        assert not strange.isEnabledFor(logging.ERROR)
        assert not decoder.isEnabledFor(logging.WARNING)
    finally:
        root.handlers[:], root.level = before, level
        for name in ("aiohttp", *_QUIET):
            logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_low_rate_lets_something_through() -> None:
    bucket = TokenBucket(0.2, now_s=0.0)
    assert [bucket.take(now_s) for now_s in (0.0, 1.0, 5.1)] == [True, False, True]


def test_health_needs_no_proxy_and_survives_what_is_no_http(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert health("127.0.0.1", nobody.getsockname()[1]) == 1
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    (tmp_path / "health").write_text("well")
    served = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert served.stdout is not None
        port = int(served.stdout.readline().split(" port ")[1].split()[0])
        assert health("0.0.0.0", port) == 0
    finally:
        served.terminate()
        served.communicate(timeout=10)


def test_a_request_that_never_ends_does_not_hold_up_the_shutdown() -> None:
    served = subprocess.Popen(
        [sys.executable, str(ROOT / "server.py"), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert served.stdout is not None
        port = int(served.stdout.readline().rstrip("/\n").rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
            head = (
                b"POST /api/webrtc/offer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
            )
            slow.sendall(head)
            time.sleep(0.3)
            served.send_signal(signal.SIGTERM)
            assert served.wait(timeout=15) == 0
    finally:
        served.kill()
        served.communicate(timeout=10)
