"""A kiosk whose server and browser share one machine without any network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, play_file

ROOT = Path(__file__).resolve().parents[2]
# Where only root may make a network namespace (Ubuntu), the suite must run as root for this test.
ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def test_a_kiosk_without_any_network_reads_a_passport(scene_y4m: Path) -> None:
    """Chromium must be told to use 127.0.0.1; the server offers it by itself."""
    visit = subprocess.run(
        [
            *ALONE,
            sys.executable,
            "-m",
            "tests.browser.offline_visit",
            "--allow-loopback-in-peer-connection",
            FAKE_CAMERA,
            ALLOWED,
            play_file(scene_y4m),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert visit.returncode == 0, visit.stderr[-2000:]
    values = json.loads(visit.stdout.splitlines()[-1])
    assert values["primary_identifier"] == "ERIKSSON"
    assert values["document_number"] == "L898902C3"
