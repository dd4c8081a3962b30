"""A guest whose network goes and comes back goes on where they were, in the same session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.alone import told_by

WITHIN_S = 5.0


@pytest.mark.parametrize("kind", [pytest.param("down", marks=pytest.mark.thorough), "silent"])
def test_a_lost_network_that_comes_back_resumes_the_session(scene_y4m: Path, kind: str) -> None:
    told = told_by("tests.browser.network_loss", scene_y4m, kind, timeout_s=180)
    assert told["back_s"] <= WITHIN_S
    assert told["reconnects"] >= 1
    assert len(told["sessions"]) >= 2
    assert len(set(told["sessions"])) == 1
    assert told["attempts"] == list(range(1, len(told["attempts"]) + 1))
    # What was read and typed is still there, and the card is the captured document's own: typed
    # data would have got an id of their own, which begins with h.
    assert told["values"]["document_number"] == "L898902C3"
    assert told["values"]["room"] == "217"
    assert "/documents/h" not in told["card"]
