"""``python server.py`` as an operator meets it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, str(ROOT / "server.py")]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """A server process, the scheme and the port it serves on."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
        told = re.search(r"(https?)://127\.0\.0\.1:(\d+)/", line)
        assert told, f"{line!r} {process.stderr.read() if not line else ''}"
        yield process, told[1], int(told[2])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def ask_health(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--port", str(port), "--health"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("tls", ["off", "self-signed"])
def test_it_serves_tells_its_health_and_ends_on_sigterm(tls: str) -> None:
    with running("--tls", tls) as (process, scheme, port):
        assert scheme == ("http" if tls == "off" else "https")
        well = ask_health(port)
        assert well.returncode == 0 and '"status": "ok"' in well.stdout
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"^Max core file size +[01] +[01] ", limits, re.MULTILINE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()
    assert ask_health(port).returncode == 1


def test_the_health_check_asks_for_nothing_that_serving_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A container's check has the image's environment, and not the options of the server."""
    with running() as (_, _, port):
        monkeypatch.setenv("LOBBYLENS_HOST", "0.0.0.0")
        monkeypatch.setenv("LOBBYLENS_TLS", "files")
        well = ask_health(port)
    assert well.returncode == 0 and '"status": "ok"' in well.stdout, well.stderr


def refusal(*arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    return done.stderr


THREADS = """
import os
import server
import numpy as np
many = np.ones((600, 600), np.float32)
many @ many
print(len(os.listdir("/proc/self/task")))
"""


def test_no_thread_of_numpy_s_waits_by_spinning() -> None:
    """It had one for each processor, which took the time of others while documents were read."""
    environment = {name: at for name, at in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    command = [sys.executable, "-c", THREADS]
    told = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert int(told.stdout) == 1


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for workers in ("1", "2"):
            told = refusal("--port", str(port), "--workers", workers)
            assert f"cannot serve: --host 127.0.0.1 --port {port}: Address already in use\n" in told


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("host", ["nope.invalid", "no..name"])
def test_a_host_that_is_not_found_is_named(
    host: str, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOBBYLENS_API_TOKEN", "s3cret")
    told = refusal("--host", host, "--port", "0", "--workers", workers)
    assert f"cannot serve: --host {host} --port 0: " in told and told.strip()[-1].isalpha()


def test_a_missing_model_is_told_with_what_to_do(tmp_path: Path) -> None:
    message = refusal("--pipeline.models", str(tmp_path))
    assert "manifest" in message or "model" in message


def test_without_language_data_zones_are_read_and_the_package_is_named(tmp_path: Path) -> None:
    with running("--pipeline.mrz.tessdata", str(tmp_path)) as (process, _, port):
        assert ask_health(port).returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        told = process.stderr.read()
    for part in ("tesseract-ocr", str(tmp_path), "pipeline.mrz.tessdata", "pipeline.visual.lang"):
        assert part in told


def test_language_data_that_was_asked_for_is_not_done_without(tmp_path: Path) -> None:
    where = ("--pipeline.mrz.tessdata", str(tmp_path))
    told = refusal(*where, "--pipeline.visual.language", "eng")
    assert "tesseract-ocr" in told and f"is missing in {tmp_path}: " in told


def test_it_starts_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with running() as (_, _, port):
        assert ask_health(port).returncode == 0
