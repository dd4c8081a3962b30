"""For whom the server answers, whom it believes, and what it says of settings that are none."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import aiohttp
import pytest

from core.errors import SettingsError
from core.http import HostRule
from core.settings import load_settings
from signaling.misspelt import load_or_explain, misspelt, warn_of_misspelt
from tests.conftest import RunningServer, Serve
from tests.signaling.house import house


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("kiosk.localhost.", True),
        ("127.0.0.1:8080", True),
        ("192.0.2.7", True),
        ("[::1]:8080", True),
        ("desk.hotel.example:443", True),
        ("a.b.wild.example", True),
        (None, True),
        ("wild.example", False),
        ("hotel.example", False),
        ("desk.hotel.example.evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost@evil.example", False),
        ("", False),
        ("a b", False),
        ("[::1", False),
    ],
)
def test_hosts(host: str | None, allowed: bool) -> None:
    rule = HostRule(["desk.hotel.example", "*.wild.example"])
    assert rule.allows(host) is allowed
    assert HostRule(["*"]).allows(host)


async def ask(server: RunningServer, **headers: str) -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{server.url}/health", headers=headers)
        await answer.read()
        return answer


async def test_a_name_that_somebody_else_points_here_is_refused(serve: Serve) -> None:
    server = await serve(None, "--signaling.allowed-hosts", "hotel.example, *.hotel.example")
    for host in ("hotel.example", "desk.hotel.example:8443", "127.0.0.1"):
        assert (await ask(server, Host=host)).status == 200
    refused = await ask(server, Host="rebound.evil.example")
    told = await refused.json()
    assert (refused.status, told["error_code"]) == (421, "MISDIRECTED_REQUEST")
    assert "signaling.allowed-hosts" in told["error"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("allowed-hosts", "https://hotel.example"),
        ("allowed-hosts", "hotel.example:443"),
        ("trusted-proxies", "proxy.example"),
        ("trusted-proxies", "10.0.0.1/8"),
        ("machine", "East 1"),
    ],
)
def test_what_cannot_be_is_named(setting: str, value: str) -> None:
    with pytest.raises(SettingsError, match=setting):
        load_settings([f"--signaling.{setting}", value])


async def offers(server: RunningServer, forwarded: str) -> list[int]:
    """The statuses of three offers that come through a proxy."""
    async with aiohttp.ClientSession() as http:
        return [
            (
                await http.post(
                    f"{server.url}/whip",
                    data="junk",
                    headers={"Content-Type": "application/sdp", "X-Forwarded-For": forwarded},
                )
            ).status
            for _ in range(3)
        ]


async def test_offers_are_counted_by_who_makes_them_as_trusted_proxies_tell(serve: Serve) -> None:
    arguments = ("--access.openings-per-min", "2", "--signaling.trusted-proxies")
    believing = await serve(None, *arguments, "127.0.0.0/8,10.0.0.9")
    assert await offers(believing, "192.0.2.1") == [422, 422, 429]
    # What a client itself wrote before its proxy counts for nothing.
    assert await offers(believing, "203.0.113.5, 192.0.2.1, 10.0.0.9") == [429, 429, 429]
    assert await offers(believing, "192.0.2.2") == [422, 422, 429]
    assert await offers(believing, "junk, 192.0.2.3") == [422, 422, 429]
    doubting = await serve(None, *arguments, "10.0.0.9")
    assert await offers(doubting, "192.0.2.1") == [422, 422, 429]
    assert await offers(doubting, "192.0.2.2") == [429, 429, 429]


async def test_a_client_has_one_label_in_all_workers_and_in_both_logs(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    arguments = ("--signaling.trusted-proxies", "127.0.0.1")
    async with house(*arguments) as found:
        for worker in found.workers:
            assert await offers(worker, "192.0.2.77") == [422] * 3
    labels = [
        record.__dict__["values"]["client"] for record in caplog.records if record.msg == "refused"
    ]
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "client" in line]
    noted = {each["client"] for each in told if each["audit"] == "session.open"}
    assert len(labels) >= 6 and len(set(labels)) == len(noted) == 1
    assert len(label := noted.pop()) == 8 and label[:4] == labels[0]


async def test_a_refusal_is_logged_without_the_address(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = await serve(None, "--signaling.trusted-proxies", "127.0.0.1")
    for _ in range(2):
        await offers(server, "192.0.2.77")
    labels = {
        record.__dict__["values"]["client"] for record in caplog.records if record.msg == "refused"
    }
    assert len(labels) == 1 and len(labels.pop()) == 4
    assert all("192.0.2.77" not in str(vars(record)) for record in caplog.records)


def test_a_misspelt_setting_is_told_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    right = {"LOBBYLENS_PORT", "LOBBYLENS_MEDIA", "lobbylens_media__udp_ports", "PATH", "LOBBY"}
    wrong = {
        "LOBBYLENS_API_TOKN": "LOBBYLENS_API_TOKEN",
        "LOBBYLENS_UDP_PORTS": "LOBBYLENS_MEDIA__UDP_PORTS",
        "LOBBYLENS_SIGNALING__MAX_SESSION": "LOBBYLENS_SIGNALING__MAX_SESSIONS",
    }
    assert misspelt(right | set(wrong)) == wrong
    monkeypatch.setenv("LOBBYLENS_API_TOKN", "s3cret")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LOBBYLENS_PROT=8081\n")
    warn_of_misspelt()
    told = [record.__dict__["values"] for record in caplog.records]
    assert told == [
        {"name": "LOBBYLENS_API_TOKN", "meant": "LOBBYLENS_API_TOKEN"},
        {"name": "LOBBYLENS_PROT", "meant": "LOBBYLENS_PORT"},
    ]
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("place", ["environment", ".env"])
@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("LOBBYLENS_MEDIA__UDP_PORT", "LOBBYLENS_MEDIA__UDP_PORTS"),
        ("LOBBYLENS_PIPELINE__MRZ__TESDATA", "LOBBYLENS_PIPELINE__MRZ__TESSDATA"),
    ],
)
def test_a_misspelt_setting_of_a_section_is_refused_with_the_nearest(
    wrong: str, nearest: str, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if place == ".env":
        (tmp_path / ".env").write_text(f"{wrong}=50000-50099\n")
    else:
        monkeypatch.setenv(wrong, "50000-50099")
    told = f"{wrong} is no setting, the nearest is {nearest}"
    with pytest.raises(SettingsError, match=f"there is no such setting; {told}$") as caught:
        load_or_explain([])
    assert "50000" not in caught.value.message


def test_what_is_missing_may_be_misspelt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBBYLENS_API_TOKN", "s3cret")
    with pytest.raises(SettingsError, match=r"API_TOKN is no setting, .* LOBBYLENS_API_TOKEN$"):
        load_or_explain(["--host", "0.0.0.0"])
