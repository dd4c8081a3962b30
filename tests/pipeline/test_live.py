from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from core.errors import CaptureFailed
from pipeline.geometry import turned
from pipeline.types import (
    CaptureState,
    Detection,
    Frame,
    GuidanceCode,
    ImageU8,
    Observation,
    Shot,
    Trigger,
)
from tests.pipeline.guest import (
    FRAME_MS,
    HELD,
    QUAD_PX,
    SETTINGS,
    SHARP,
    Guest,
    document,
    states,
)
from tests.pipeline.posed import (
    CountingColour,
    as_frame,
    specimen_page,
    webcam_view,
)

BLURRED, _ = webcam_view(specimen_page(), (640, 360), share=0.65, motion=30)
DARK, _ = webcam_view(specimen_page(), (640, 360), share=0.65, gain=0.1)


def moved_by(pixels: float) -> Detection:
    return Detection((QUAD_PX + np.float32(pixels)).astype(np.float32), 0.9)


def test_from_an_empty_desk_to_a_result() -> None:
    guest = Guest()
    guest.away(6)
    capture = guest.hold_until_captured()
    guest.hold(3)
    assert guest.live.reading_finished(document(capture.id)) is not None
    assert guest.live.state is CaptureState.DONE
    guest.hold(30)
    guest.away(24)
    assert states(guest.seen) == [
        "searching", "aligning", "holding", "captured", "reading", "done", "searching",
    ]  # fmt: skip
    assert (capture.id, capture.trigger, len(capture.pages)) == ("d1", Trigger.AUTO, 3)
    assert [o.capture.id for o in guest.seen if o.capture] == [capture.id]


def test_the_picture_is_taken_after_eight_still_frames_and_five_of_the_burst() -> None:
    guest = Guest()
    guest.hold_until_captured()
    assert guest.index == 8 + 4
    assert [o.stability.stable_count for o in guest.seen] == list(range(1, 13))


def test_an_observation_speaks_of_its_frame() -> None:
    seen = Guest().hold(1)[0]
    assert (seen.frame_index, seen.width_px, seen.height_px) == (0, 640, 360)
    assert seen.rtp_timestamp is None
    assert seen.detection is not None
    assert np.abs(seen.detection.quad_px - HELD.quad_px).max() < 0.01
    assert seen.detection.confidence == HELD.confidence
    assert seen.quality is not None
    assert seen.quality.score > 60
    assert seen.analysis_ms == pytest.approx(4)


def test_full_colour_is_asked_for_only_at_capture_and_only_of_the_best() -> None:
    guest = Guest()
    guest.away(5)
    capture = guest.hold_until_captured()
    guest.hold(10)
    burst = range(guest.index - 10 - 5, guest.index - 10)
    assert len(guest.asked_in_full()) == len(capture.pages) == 3
    assert set(guest.asked_in_full()) <= set(burst)


def test_frames_are_let_go() -> None:
    """Memory does not grow with a call: a burst's frames at most are kept, and the one that is
    read ahead of it; then none."""
    guest = Guest()
    kept: list[weakref.ref[CountingColour]] = []

    def alive() -> int:
        gc.collect()
        return sum(ref() is not None for ref in kept)

    class Colour(CountingColour):
        __slots__ = ("__weakref__",)

    def see(found: Detection | None) -> Observation:
        colour = Colour(SHARP)
        kept.append(weakref.ref(colour))
        luma = as_frame(SHARP).luma
        guest.detector.found = found
        guest.index += 1
        return guest.live.see(Frame(guest.index, guest.now_ms, guest.now_ms, luma, colour))

    for _ in range(11):
        see(HELD)
    assert guest.live.state == "captured"
    assert alive() == 4 + 1
    for _ in range(5):
        see(HELD)
    assert guest.live.state == "reading"
    assert alive() == 0


def test_the_best_frames_are_the_pages() -> None:
    guest = Guest()
    guest.hold(8)
    guest.hold(2, BLURRED)
    last = guest.hold(2)[-1]
    assert last.capture is not None
    sharp = guest.seen[-1].quality
    assert sharp is not None
    assert last.capture.quality.score == pytest.approx(sharp.score)
    assert guest.asked_in_full() == [], "watching goes on, developing is for another thread"
    assert last.capture.page_count == len(last.capture.develop().pages) == 3
    assert guest.asked_in_full() == [7, 10, 11]


@pytest.mark.parametrize(
    ("bgr", "expected"), [(BLURRED, "BLURRED"), (DARK, "TOO_DARK")], ids=["blurred", "dark"]
)
def test_a_poor_view_is_guided_and_not_captured(bgr: ImageU8, expected: str) -> None:
    guest = Guest()
    seen = guest.hold(60, bgr)
    assert {o.state for o in seen} == {CaptureState.ALIGNING}
    assert seen[-1].guidance.code == expected
    assert guest.hold_until_captured(limit=12)


def test_a_poor_view_is_tried_when_patience_ends() -> None:
    guest = Guest()
    guest.hold(round(SETTINGS.capture.patience_ms / FRAME_MS) + 10, DARK)
    assert guest.live.state is CaptureState.READING


def test_a_cut_document_is_never_captured_by_itself() -> None:
    guest = Guest()
    cut = Detection((QUAD_PX - np.array([140, 0])).astype(np.float32), 0.9, cut=True)
    seen = guest.show(200, cut)
    assert {o.state for o in seen} == {CaptureState.ALIGNING}
    assert seen[-1].guidance.code is GuidanceCode.PARTLY_OUT_OF_VIEW


def test_a_moving_document_is_not_captured() -> None:
    guest = Guest()
    for index in range(60):
        seen = guest.show(1, moved_by(12.0 * (index % 2) + index * 0.2))[0]
        assert seen.state in (CaptureState.ALIGNING, CaptureState.HOLDING)


def test_one_missed_detection_changes_nothing() -> None:
    guest = Guest()
    guest.hold(5)
    missed = guest.away(1)[0]
    assert missed.state is CaptureState.HOLDING
    assert missed.stability.stable_count == 5
    guest.hold_until_captured(limit=8)


def test_a_change_of_resolution_and_of_corner_order_changes_nothing() -> None:
    guest = Guest()
    large, large_quad = webcam_view(specimen_page(), (1280, 720), share=0.65)
    for index in range(12):
        bgr, quad_px = (SHARP, QUAD_PX) if index < 5 else (large, large_quad)
        guest.show(1, Detection(turned(quad_px, 2 * (index % 2)), 0.9), bgr)
    assert [o.stability.stable_count for o in guest.seen] == list(range(1, 13))
    taken = guest.seen[-1].capture
    assert taken is not None
    assert [page.shape[1] for page in taken.develop().pages] == [500] * 3


def test_losing_the_document_searches_again() -> None:
    guest = Guest()
    guest.hold(5)
    assert states(guest.away(12)) == ["holding", "searching"]


def test_the_shutter_takes_the_document_unsteady_as_it_is() -> None:
    guest = Guest()
    guest.hold(2, BLURRED)
    assert guest.live.request_capture() is True
    seen = guest.hold(5, BLURRED)
    assert states(seen) == ["captured", "reading"]
    taken = seen[-1].capture
    assert taken is not None
    capture = taken.develop()
    assert (taken.trigger, capture.trigger) == (Trigger.MANUAL, Trigger.MANUAL)
    assert capture.page.shape[1] == 500


def test_the_shutter_takes_the_whole_frame_when_there_is_no_document() -> None:
    guest = Guest()
    guest.away(3)
    guest.live.request_capture()
    seen = guest.away(5)
    assert seen[0].quality is not None
    taken = seen[-1].capture
    assert taken is not None
    capture = taken.develop()
    assert capture.page.shape == (281, 500, 3)
    assert capture.px_per_mm is None


def shots(guest: Guest, count: int) -> list[Shot]:
    """The guest holds still for so many frames, which are kept."""
    kept = []
    for _ in range(count):
        seen = guest.hold(1)[0]
        assert seen.quality is not None
        kept.append(Shot(guest.frames[-1], seen.found, seen.quality))
    return kept


def test_a_picture_is_made_of_frames_seen_before() -> None:
    guest = Guest()
    kept = shots(guest, 3)
    capture = guest.live.take(kept)
    assert (capture.trigger, len(capture.develop().pages)) == (Trigger.MANUAL, 3)
    assert guest.live.state.value == "reading"
    with pytest.raises(CaptureFailed):
        guest.live.take(kept)
    assert guest.live.reading_finished(document(capture.id)) is not None
    assert guest.live.state.value == "done"


def test_a_burst_under_way_ends_with_what_it_holds() -> None:
    guest = Guest()
    kept = shots(guest, 9)
    assert guest.live.state is CaptureState.CAPTURED
    capture = guest.live.take(kept[-2:])
    pages = capture.develop().pages
    assert (capture.trigger, len(pages)) == (Trigger.AUTO, 2), "no frame counts twice"


def test_without_a_frame_no_picture_is_made_and_the_guest_may_go_on() -> None:
    guest = Guest()
    guest.away(2)
    with pytest.raises(CaptureFailed):
        guest.live.take([])
    assert guest.live.state is CaptureState.SEARCHING
    guest.live.reset()
    guest.hold_until_captured()


def test_a_preview_leads_to_holding_and_no_further_until_the_large_picture_comes() -> None:
    guest = Guest()
    preview = guest.hold(30, full_scale=2.0)
    assert states(preview) == ["aligning", "holding"] or states(preview) == ["holding"]
    assert preview[-1].stability.progress == 1
    large = guest.hold(5)
    assert large[-1].capture is not None, "stillness was counted meanwhile"
    large[-1].capture.develop()
    assert set(guest.asked_in_full()) <= {30, 31, 32, 33, 34}, "no preview among the pages"


def test_small_print_and_softness_of_a_preview_are_not_the_guests_fault() -> None:
    small, quad_px = webcam_view(specimen_page(), (320, 180), share=0.65)
    for scale, fault in ((1.0, GuidanceCode.MOVE_CLOSER), (2.0, GuidanceCode.HOLD_STILL)):
        guest = Guest()
        seen = guest.show(30, Detection(quad_px, 0.9), small, full_scale=scale)
        assert seen[-1].guidance.code is fault


def test_the_shutter_waits_for_the_large_picture() -> None:
    guest = Guest()
    guest.show(3, None, full_scale=2.0)
    assert guest.live.request_capture()
    assert {o.state for o in guest.show(5, None, full_scale=2.0)} == {CaptureState.SEARCHING}
    taken = guest.show(8, None)
    assert taken[0].state is CaptureState.CAPTURED
    assert [o.capture is not None for o in taken].count(True) == 1
