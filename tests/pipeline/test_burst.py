from __future__ import annotations

import pytest

from core.errors import CaptureFailed
from core.settings import CaptureSettings
from pipeline.burst import PAGES, Burst
from pipeline.types import Detection, MrtdFormat, Quality, Shot, Trigger
from tests.pipeline.posed import CountingColour, as_frame, specimen_page, webcam_view

SETTINGS = CaptureSettings(page_width_px=600)
BGR, QUAD_PX = webcam_view(specimen_page(), (640, 360), share=0.7)


def shot(score: float, *, detected: bool = True, mrtd_format: MrtdFormat | None = None) -> Shot:
    quality = Quality(50, 40, 50, 20, 1, 0, 12, score)
    detection = Detection(QUAD_PX, 0.9, mrtd_format=mrtd_format) if detected else None
    return Shot(as_frame(BGR.copy()), detection, quality)


def filled(*shots: Shot) -> Burst:
    burst = Burst(SETTINGS)
    for taken in shots:
        burst.add(taken)
    return burst


def times_asked(taken: Shot) -> int:
    assert isinstance(taken.frame.colour, CountingColour)
    return taken.frame.colour.full


def test_the_best_shots_are_developed_best_first() -> None:
    shots = [shot(score) for score in (60, 90, 70, 50, 80)]
    capture = filled(*shots).develop("d1", Trigger.AUTO)
    assert (capture.id, capture.trigger) == ("d1", Trigger.AUTO)
    assert capture.quality.score == 90
    assert len(capture.pages) == PAGES == 3
    assert [times_asked(taken) for taken in shots] == [0, 1, 1, 0, 1]
    assert all(page.shape[1] == 600 for page in capture.pages)


def test_no_colour_is_asked_for_while_collecting() -> None:
    shots = [shot(60), shot(70)]
    burst = filled(*shots)
    assert len(burst) == 2
    assert [times_asked(taken) for taken in shots] == [0, 0]


def test_a_burst_never_holds_more_than_its_frames() -> None:
    scores = [50, 40, 90, 60, 70, 80, 10, 55]
    burst = filled(*(shot(score) for score in scores))
    assert len(burst) == SETTINGS.burst_frames
    assert burst.develop("d1", Trigger.AUTO).quality.score == 90


def test_developing_empties_the_burst() -> None:
    burst = filled(shot(60))
    burst.develop("d1", Trigger.AUTO)
    assert len(burst) == 0
    with pytest.raises(CaptureFailed):
        burst.develop("d2", Trigger.AUTO)


def test_a_document_counts_more_than_a_score() -> None:
    capture = filled(shot(95, detected=False), shot(30)).develop("d1", Trigger.MANUAL)
    assert capture.quality.score == 30
    assert len(capture.pages) == 1
    assert capture.page.shape[0] / capture.page.shape[1] > 0.6 and capture.outlined


def test_without_a_document_the_whole_frame_is_the_page() -> None:
    capture = filled(shot(20, detected=False), shot(25, detected=False)).develop(
        "d1", Trigger.MANUAL
    )
    assert [page.shape for page in capture.pages] == [(338, 600, 3)] * 2
    assert capture.px_per_mm is None and not capture.outlined


def test_a_known_format_gives_the_scale() -> None:
    capture = filled(shot(60, mrtd_format=MrtdFormat.TD3)).develop("d1", Trigger.AUTO)
    assert capture.px_per_mm == pytest.approx(600 * 0.97 / 125)


def test_a_shot_s_merit_orders_it() -> None:
    assert shot(10).merit > shot(90, detected=False).merit
    assert shot(60).merit > shot(50).merit
