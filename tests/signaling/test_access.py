"""Every door asks for what the table says; every credential that is no good is refused."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import SettingsError
from core.settings import load_settings
from server import make_app
from signaling import commands
from signaling.access.table import RULES, Asks, rule_of
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine

ISSUER, SECRET, OTHER = "https://id.hotel.example", "s" * 40, "o" * 40
HS256 = ["--access.jwt-hs256-keys", f"k1:{SECRET}", "--access.jwt-issuer", ISSUER]
TOKEN = "t0ken-of-the-server"
BODY = {"Content-Type": "application/json"}


def token(scope: str = "operator", *, key: Any = SECRET, alg: str = "HS256", **claims: Any) -> str:
    """A good token, but for what is said otherwise; None leaves a claim out."""
    now_s = int(time.time())
    told = {
        "iss": ISSUER,
        "aud": "lobbylens",
        "sub": "front-desk",
        "exp": now_s + 60,
        "nbf": now_s - 60,
        "scope": scope,
        **claims,
    }
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm=alg, headers={"kid": "k1"})


def unsigned() -> str:
    parts = [
        {"alg": "none", "typ": "JWT"},
        jwt.decode(token(), options={"verify_signature": False}),
    ]
    told = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*told, b""]).decode()


def bearer(told: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {told}"}


def routes() -> list[tuple[str, str]]:
    app = make_app(load_settings([]), FakeEngine())
    found = [
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    ]
    return sorted(set(found))


ROUTES = routes()
GUARDED = [door for door in ROUTES if rule_of(*door).asks in (Asks.SCOPE, Asks.SECRET_OR_SCOPE)]
SECRET_DOORS = [door for door in ROUTES if rule_of(*door).asks is Asks.SECRET]


def test_every_door_is_in_the_table_and_the_table_names_only_doors() -> None:
    known = {("GET" if method == "HEAD" else method, path) for method, path in ROUTES}
    assert known == set(RULES)


def test_the_table_says_what_the_doors_say_of_themselves() -> None:
    app = make_app(load_settings([]), FakeEngine())
    for route in app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if path != "/static":
            public = bool(getattr(route.handler, "public", False))
            asks = rule_of(route.method, path).asks
            assert public is (asks is not Asks.SCOPE), path


def filled(path: str) -> str:
    return re.sub(r"{\w+}", "ab" * 16, path)


async def ask(
    http: aiohttp.ClientSession, server: RunningServer, door: tuple[str, str], told: dict[str, str]
) -> tuple[int, Any, str]:
    """Status, body and challenge; a WebSocket's error is put into the same words."""
    method, path = door
    url = server.url.rstrip("/") + filled(path)
    if path == "/api/stream/ws":
        async with http.ws_connect(url, headers=told) as socket:
            await socket.send_json({"action": "init"})
            said = await socket.receive_json(timeout=10)
        status = {"UNAUTHORIZED": 401, "INSUFFICIENT_SCOPE": 403, "FORBIDDEN": 403}
        return status.get(said.get("error_code"), 200), said, "Bearer"
    body = json.dumps({"guest_data": {}}) if method in ("POST", "PATCH") else None
    if path == "/whip":
        told = {**told, "Content-Type": "application/sdp"}
    elif body is not None:
        told = {**told, **BODY}
    async with http.request(method, url, data=body, headers=told) as answer:
        text = await answer.text()
        found = json.loads(text) if text.startswith("{") else {}
        return answer.status, found, answer.headers.get("WWW-Authenticate", "")


BAD: dict[str, Callable[[], dict[str, str]]] = {
    "missing": dict,
    "expired": lambda: bearer(token(exp=int(time.time()) - 600)),
    "not yet": lambda: bearer(token(nbf=int(time.time()) + 600)),
    "without an end": lambda: bearer(token(exp=None)),
    "forged": lambda: bearer(token(key=OTHER)),
    "unsigned": lambda: bearer(unsigned()),
    "changed": lambda: bearer(token("reader")[:-6] + "AAAAAA"),
    "of another issuer": lambda: bearer(token(iss="https://evil.example")),
    "for another audience": lambda: bearer(token(aud="another")),
    "of nobody": lambda: bearer(token(sub=None)),
    "junk": lambda: bearer("a.b.c"),
    "another key": lambda: bearer("ll_" + "x" * 43),
    "a used page's": lambda: bearer("st_" + "x" * 32),
    "basic": lambda: {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()},
}


@pytest.mark.parametrize("kind", BAD)
async def test_every_door_refuses_what_is_no_good(serve: Serve, kind: str) -> None:
    server = await serve(None, *HS256, "--access.failures-per-min", "1000")
    async with aiohttp.ClientSession() as http:
        for door in GUARDED:
            status, body, challenge = await ask(http, server, door, BAD[kind]())
            assert status == 401, (door, body)
            assert door[0] == "HEAD" or body["error_code"] == "UNAUTHORIZED"
            assert challenge.startswith("Bearer"), door
            if kind in ("expired", "forged") and door[1] != "/api/stream/ws":
                assert 'error="invalid_token"' in challenge
    assert len(server.registry) == 0


@pytest.mark.parametrize("scope", ["reader", "kiosk", "nothing", ""])
async def test_every_door_refuses_another_scope(serve: Serve, scope: str) -> None:
    server = await serve(None, *HS256, "--access.failures-per-min", "1000")
    refused = 0
    async with aiohttp.ClientSession() as http:
        for door in GUARDED:
            status, body, challenge = await ask(http, server, door, bearer(token(scope)))
            if rule_of(*door).scope == scope:
                assert status not in (401, 403), (door, body)
                continue
            refused += 1
            assert status == 403, (door, body)
            assert door[0] == "HEAD" or body["error_code"] == "INSUFFICIENT_SCOPE"
            if door[1] != "/api/stream/ws":
                assert challenge == (
                    f'Bearer error="insufficient_scope", scope="{rule_of(*door).scope}"'
                )
    assert refused >= 3


async def test_an_operator_may_everything(serve: Serve) -> None:
    server = await serve(None, *HS256)
    async with aiohttp.ClientSession() as http:
        for door in GUARDED:
            status, body, _ = await ask(http, server, door, bearer(token("operator")))
            assert status not in (401, 403), (door, body)


async def test_a_secret_address_opens_nothing_without_its_secret(serve: Serve) -> None:
    server = await serve(None, *HS256)
    async with aiohttp.ClientSession() as http:
        for door in SECRET_DOORS:
            status, body, _ = await ask(http, server, door, bearer(token("operator")))
            assert 400 <= status < 500, (door, body)


def pem_of(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


async def status_of(server: RunningServer, headers: dict[str, str], path: str = "metrics") -> int:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}/{path}", headers=headers) as answer,
    ):
        return answer.status


async def test_eddsa_and_that_no_key_is_taken_for_another(serve: Serve, tmp_path: Path) -> None:
    key, public = Ed25519PrivateKey.generate(), tmp_path / "k1.pem"
    pem = pem_of(key)
    await asyncio.to_thread(public.write_bytes, pem)
    server = await serve(None, *HS256, "--access.jwt-eddsa-keys", str(public))
    assert await status_of(server, bearer(token(key=key, alg="EdDSA"))) == 200
    assert await status_of(server, bearer(token())) == 200
    stranger = Ed25519PrivateKey.generate()
    assert await status_of(server, bearer(token(key=stranger, alg="EdDSA"))) == 401
    # The public key, which everybody knows, as if it were the secret of HS256 (RFC 8725, 2.1).
    header, claims, _ = token().split(".")
    signed = jwt.api_jws.get_algorithm_by_name("HS256").sign(f"{header}.{claims}".encode(), pem)
    forged = f"{header}.{claims}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"
    assert await status_of(server, bearer(forged)) == 401


def test_a_private_key_in_the_place_of_a_public_one_is_refused(tmp_path: Path) -> None:
    private = tmp_path / "k1.pem"
    private.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    told = ["--access.jwt-eddsa-keys", str(private), "--access.jwt-issuer", ISSUER]
    with pytest.raises(SettingsError, match="public key"):
        make_app(load_settings(told), FakeEngine())


async def test_keys_are_kept_as_hashes_and_the_token_goes_on_working(serve: Serve) -> None:
    made = await asyncio.to_thread(commands.run, ["access", "key", "pms", "reader"])
    key = re.search(r"ll_\S+", made)
    setting = made.splitlines()[1].partition("=")[2].strip("'")
    assert key is not None and key[0] not in setting
    server = await serve(None, "--access.api-keys", setting, "--api-token", TOKEN)
    assert await status_of(server, bearer(key[0])) == 200
    assert await status_of(server, bearer(key[0]), "api/webrtc/config") == 403
    assert await status_of(server, bearer(key[0][:-1])) == 401
    assert await status_of(server, bearer(TOKEN), "api/webrtc/config") == 200


@pytest.mark.parametrize("command", ["key", "password"])
def test_the_line_for_the_settings_may_be_pasted(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    line = commands.run(["access", command, "pms", "reader"]).splitlines()[-1]
    name = line.partition("=")[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"{line}\n")
    of_file = load_settings([]).access
    assert of_file.names_credentials
    shell = ["sh", "-c", f'export {line}; printf %s "${name}"']
    exported = subprocess.run(shell, capture_output=True, text=True, check=True).stdout
    (tmp_path / ".env").unlink()
    monkeypatch.setenv(name, exported)
    assert load_settings([]).access == of_file


async def test_a_key_may_come_in_a_header_of_its_own(serve: Serve) -> None:
    made = await asyncio.to_thread(commands.run, ["access", "key", "pms", "reader"])
    found = re.search(r"ll_\S+", made)
    assert found is not None
    key, setting = found[0], made.splitlines()[1].partition("=")[2].strip("'")
    server = await serve(
        None, "--access.api-keys", setting, "--api-token", TOKEN, "--access.failures-per-min", "9",
        "--access.requests-per-min", "30",
    )  # fmt: skip

    def header(told: str) -> dict[str, str]:
        return {"X-API-Key": told}

    url = f"{server.url}/metrics"
    async with aiohttp.ClientSession() as http:
        async with http.get(url, headers=header(key)) as answer:
            assert answer.status == 200
            left = answer.headers["RateLimit"]
        # The same principal as by Authorization, and so the same quota.
        async with http.get(url, headers=bearer(key)) as answer:
            assert answer.status == 200 and answer.headers["RateLimit"] < left
        async with http.get(f"{server.url}/api/webrtc/config", headers=header(key)) as answer:
            told = await answer.json()
            assert (answer.status, told["error_code"]) == (403, "INSUFFICIENT_SCOPE")
        # Neither the server's token nor a good credential beside it makes a wrong key good.
        for bad in (header(key[:-1]), header(TOKEN), header(""), header(key[:-1]) | bearer(TOKEN)):
            async with http.get(url, headers=bad) as answer:
                told = await answer.json()
                assert (answer.status, told["error_code"]) == (401, "UNAUTHORIZED")
                assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
                assert key[:-1] not in str(told)
        async with http.get(url, headers=header(key) | bearer("wrong")) as answer:
            assert answer.status == 200
        for _ in range(10):
            async with http.get(url, headers=header("ll_" + "x" * 43)) as answer:
                last = answer.status
        assert last == 429


async def test_a_key_in_its_header_opens_a_websocket(serve: Serve) -> None:
    made = await asyncio.to_thread(commands.run, ["access", "key", "kiosk1", "kiosk"])
    found = re.search(r"ll_\S+", made)
    assert found is not None
    setting = made.splitlines()[1].partition("=")[2].strip("'")
    server = await serve(None, "--access.api-keys", setting)
    async with aiohttp.ClientSession() as http:
        for key, action in ((found[0], "init_ok"), ("ll_no", "error")):
            async with http.ws_connect(
                f"{server.url}/api/stream/ws", headers={"X-API-Key": key}
            ) as socket:
                await socket.send_json({"action": "init"})
                assert (await socket.receive_json(timeout=10))["action"] == action


async def test_basic_authentication(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    made = await asyncio.to_thread(commands.run, ["access", "password", "clerk", "reader", "kiosk"])
    setting = made.partition("=")[2].strip("'")
    assert "horse" not in setting
    server = await serve(None, "--access.basic-users", setting)

    def pair(name: str, password: str) -> dict[str, str]:
        told = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {told}"}

    for _ in range(2):  # the second time without scrypt
        assert await status_of(server, pair("clerk", "correct horse battery")) == 200
    for name, password in (("clerk", "wrong"), ("nobody", "correct horse battery"), ("", "")):
        assert await status_of(server, pair(name, password)) == 401
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/metrics") as answer:
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--access.jwt-hs256-keys", "k1:short", "--access.jwt-issuer", ISSUER],
        ["--access.jwt-hs256-keys", f"k1:{SECRET}"],
        ["--access.api-keys", "pms:reader:s3cret"],
        ["--access.api-keys", f"pms:king:sha256${'0' * 64}"],
        ["--access.allowed-origins", "https://hotel.example/path"],
        ["--access.allowed-origins", "*"],
        ["--access.allowed-origins", "http://hotel.example"],
        ["--access.audit", "file"],
    ],
)
def test_settings_that_would_open_more_than_meant_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SettingsError, match="access") as told:
        load_settings(arguments)
    assert "s3cret" not in told.value.message


def test_other_credentials_than_the_token_let_the_server_be_reached() -> None:
    assert load_settings(["--host", "0.0.0.0", *HS256]).host == "0.0.0.0"
    with pytest.raises(SettingsError, match="without authentication"):
        load_settings(["--host", "0.0.0.0"])
