"""Settings: sources, refusals, and words for each."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import BaseModel

from core.errors import SettingsError
from core.settings import Section, Settings, is_loopback, load_settings
from signaling import tls

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_later_sources_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings([]).port == 8080
    (tmp_path / ".env").write_text("LOBBYLENS_PORT=1111\nLOBBYLENS_LOG_LEVEL=error\n")
    assert load_settings([]).port == 1111
    monkeypatch.setenv("LOBBYLENS_PORT", "2222")
    assert load_settings([]).port == 2222
    settings = load_settings(["--port", "3333"])
    assert (settings.port, settings.log_level) == (3333, "error")


def test_nested_settings_by_environment_and_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBBYLENS_SIGNALING__STUN_URLS", "stun:a.example, stun:b.example")
    monkeypatch.setenv("LOBBYLENS_MEDIA__UDP_PORTS", "50000-50099")
    settings = load_settings(["--pipeline.capture.burst-frames", "3"])
    assert settings.signaling.stun_urls == ["stun:a.example", "stun:b.example"]
    assert settings.media.port_range == (50000, 50099)
    assert settings.pipeline.capture.burst_frames == 3
    assert settings.pipeline.stability.frames == 8


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "99999"], "port"),
        (["--host", "0.0.0.0"], "LOBBYLENS_API_TOKEN"),
        (["--host", "::"], "LOBBYLENS_API_TOKEN"),
        (["--host", "kiosk.example"], "LOBBYLENS_API_TOKEN"),
        (["--tls", "files"], "tls-cert"),
        (["--tls", "maybe"], "tls"),
        (["--media.udp-ports", "5-6"], "media.udp-ports: must be FIRST-LAST"),
        (["--media.udp-ports", "60000-50000"], "media.udp-ports: must be FIRST-LAST"),
        (["--media.udp-ports", "x"], "media.udp-ports: must be FIRST-LAST"),
        (["--media.public-addresses", "nowhere"], "media.public-addresses"),
        (["--media.udp-ports", "5"], "media.udp-ports: must be FIRST-LAST"),
        (["--signaling.machine", "East"], "signaling.machine: must be at most 32 small letters"),
        (["--pipeline.card", "../x"], "pipeline.card: must be 1 to 64 small letters"),
        (["--media.stall-timeout-s", "0"], "media.stall-timeout-s: "),
        (["--pipeline.hotel-name", "x" * 81], "pipeline.hotel-name: "),
        (["--pipeline.quality.weights.noise", "0.5"], "weights"),
        (["--pipeline.stability.frames", "0"], "frames"),
    ],
)
def test_wrong_settings_are_named(arguments: list[str], named: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(named)) as told:
        load_settings(arguments)
    assert "_" not in told.value.message.split(": ")[0]
    assert "pattern" not in told.value.message


@pytest.mark.parametrize(
    ("set_alone", "told"),
    [
        ("--tls-cert a.pem --tls-key b.pem", "tls-cert and tls-key need tls=files"),
        ("--tls self-signed --tls-key b.pem", "tls-cert and tls-key need tls=files"),
        ("--access.audit-file a", "access.audit-file needs audit=file"),
        ("--access.audit off --access.audit-file a", "access.audit-file needs audit=file"),
        ("--access.audit file", "access.audit=file needs audit-file"),
        ("--access.jwt-issuer a", "access.jwt-issuer needs jwt-hs256-keys or jwt-eddsa-keys"),
        ("--signaling.turn-secret s3cret", "signaling.turn-secret needs turn-urls"),
        ("--webhooks.secrets " + "c2Vj" * 8, "webhooks.secrets need urls"),
        (
            "--pipeline.visual.printed-names --no-pipeline.visual.enabled",
            "pipeline.visual.printed-names needs pipeline.visual.enabled",
        ),
    ],
)
def test_what_would_not_do_what_it_is_set_for_is_refused(set_alone: str, told: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(told)) as caught:
        load_settings(set_alone.split())
    assert "s3cret" not in caught.value.message and "c2Vj" not in caught.value.message


def test_an_unset_path_of_a_container_s_description_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TLS_CERT", "TLS_KEY", "ACCESS__AUDIT_FILE", "WEBHOOKS__SPOOL", "PAGE__FOLDER"):
        monkeypatch.setenv(f"LOBBYLENS_{name}", "")
    assert load_settings([]).page.folder is None


def test_a_secret_is_in_no_message() -> None:
    secret = "topsecret" * 3
    with pytest.raises(SettingsError) as caught:
        load_settings(["--api-token", secret, "--port", "-1"])
    assert secret not in caught.value.message
    assert secret not in repr(load_settings(["--api-token", secret]))


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def sections(model: type[BaseModel]) -> Iterator[tuple[str, str | None]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from sections(kind)
        else:
            yield f"{model.__name__}.{name}", field.description


def test_every_setting_is_explained() -> None:
    for name, description in sections(Settings):
        assert description and description.endswith("."), f"{name} lacks its sentence"


def run_server(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "server.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_explains_and_a_refusal_says_what_to_set() -> None:
    told = run_server("--help")
    assert told.returncode == 0 and "UDP ports for media" in " ".join(told.stdout.split())
    refused = run_server("--host", "0.0.0.0")
    assert refused.returncode == 2 and "LOBBYLENS_API_TOKEN" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_self_signed_certificate_serves_its_host() -> None:
    context = tls.self_signed("192.0.2.7")
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = client.wrap_bio(to_client, to_server)
    for _ in range(4):
        for side in (peer, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            incoming.write(to_server.read())
            to_client.write(outgoing.read())
    der = peer.getpeercert(binary_form=True)
    assert der is not None
    names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert ipaddress.ip_address("192.0.2.7") in names.value.get_values_for_type(x509.IPAddress)


def test_tls_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cert\.pem"):
        tls.from_files(tmp_path / "cert.pem", tmp_path / "key.pem")
    (tmp_path / "cert.pem").write_text("no PEM")
    with pytest.raises(SettingsError, match="PEM"):
        tls.from_files(tmp_path / "cert.pem", tmp_path / "cert.pem")


def test_two_sides_of_cards_and_the_time_zone_are_settings() -> None:
    read = load_settings(["--pipeline.sides.wanted", "2", "--pipeline.time-zone", "Asia/Tokyo"])
    assert (read.pipeline.sides.wanted, read.pipeline.time_zone) == (2, "Asia/Tokyo")
    with pytest.raises(SettingsError, match=r"sides\.wanted"):
        load_settings(["--pipeline.sides.wanted", "3"])
