"""A kiosk whose server and browser share one machine without any network."""

from __future__ import annotations

from pathlib import Path

from tests.browser.alone import told_by


def test_a_kiosk_without_any_network_reads_a_passport(scene_y4m: Path) -> None:
    values = told_by("tests.browser.offline_visit", scene_y4m, timeout_s=100)
    assert values["primary_identifier"] == "ERIKSSON"
    assert values["document_number"] == "L898902C3"
