from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from core.errors import CaptureFailed, InvalidMessage
from pipeline.geometry import rectangle
from pipeline.live import new_document_id
from pipeline.scene import Search
from pipeline.types import (
    CaptureState,
    Detection,
    DocumentStatus,
    Frame,
    GuidanceCode,
    ImageU8,
    QuadPx,
    Trigger,
)
from tests.pipeline.guest import HELD, SETTINGS, SHARP, Guest, document
from tests.pipeline.posed import ScriptedDetector, as_frame


def test_there_is_no_second_capture_while_one_is_being_read() -> None:
    guest = Guest()
    guest.hold_until_captured()
    assert guest.live.request_capture() is False
    assert not any(o.capture for o in guest.hold(60))
    assert {o.state for o in guest.seen[-60:]} == {CaptureState.READING}


def test_the_shutter_in_a_burst_is_not_heard() -> None:
    guest = Guest()
    guest.hold(9)
    assert guest.live.state is CaptureState.CAPTURED
    assert guest.live.request_capture() is False


def test_an_unreadable_zone_is_tried_again_and_then_given_up() -> None:
    guest = Guest()
    outcomes = []
    for _ in range(SETTINGS.capture.mrz_attempts):
        capture = guest.hold_until_captured()
        shown = guest.live.reading_finished(document(capture.id, DocumentStatus.FAILED))
        outcomes.append((shown is not None, guest.live.state.value))
        guest.hold(14)
    assert outcomes == [(False, "searching"), (False, "searching"), (True, "done")]
    codes = [code.value for code, _ in itertools.groupby(o.guidance.code for o in guest.seen)]
    assert codes.count("MRZ_NOT_VISIBLE") == 2
    assert codes[-1] == "ASK_STAFF"


def test_an_unreadable_picture_of_the_shutter_is_a_result() -> None:
    guest = Guest()
    guest.live.request_capture()
    capture = guest.hold_until_captured()
    assert guest.live.reading_finished(document(capture.id, DocumentStatus.FAILED)) is not None
    assert guest.live.state is CaptureState.DONE


def test_a_document_with_faults_is_a_result() -> None:
    guest = Guest()
    capture = guest.hold_until_captured()
    assert (
        guest.live.reading_finished(document(capture.id, DocumentStatus.NEEDS_REVIEW)) is not None
    )


def test_a_broken_reading_searches_again() -> None:
    guest = Guest()
    capture = guest.hold_until_captured()
    states = []
    for capture_id in ("d9", capture.id):
        guest.live.reading_failed(capture_id)
        states.append(guest.live.state)
    assert states == [CaptureState.READING, CaptureState.SEARCHING]
    assert guest.hold_until_captured().id == "d2"


def test_results_nobody_waits_for_change_nothing() -> None:
    guest = Guest()
    assert guest.live.reading_finished(document("d9")) is None
    guest.live.reading_failed("d9")
    capture = guest.hold_until_captured()
    assert guest.live.reading_finished(document("d9")) is None
    assert guest.hold(1)[0].state is CaptureState.READING
    assert guest.live.reading_finished(document(capture.id)) is not None
    assert guest.live.reading_finished(document(capture.id)) is None
    assert guest.live.state is CaptureState.DONE


def test_reset_forgets_and_disowns() -> None:
    guest = Guest()
    capture = guest.hold_until_captured()
    guest.live.reset()
    assert guest.live.state is CaptureState.SEARCHING
    assert guest.live.reading_finished(document(capture.id)) is None
    seen = guest.hold(1)[0]
    assert (seen.state, seen.stability.stable_count) == (CaptureState.ALIGNING, 1)
    assert seen.guidance.code is GuidanceCode.HOLD_STILL


def test_reset_keeps_no_frame_though_none_follows() -> None:
    guest = Guest()
    guest.hold(9)
    assert guest.live.state is CaptureState.CAPTURED
    assert len(guest.live._burst)
    guest.live.reset()
    assert not len(guest.live._burst)


def test_reset_forgets_a_shutter_not_yet_heard() -> None:
    guest = Guest()
    guest.live.request_capture()
    guest.live.reset()
    assert guest.away(1)[0].state is CaptureState.SEARCHING


def test_reset_in_the_middle_of_a_frame_counts_for_that_frame() -> None:
    guest = Guest()
    guest.hold(7)

    class Resetting(ScriptedDetector):
        def detect(self, frame: Frame) -> Detection | None:
            guest.live.reset()
            return HELD

    guest.live._search = Search(Resetting())
    seen = guest.hold(1)[0]
    assert (seen.state, seen.capture) == (CaptureState.SEARCHING, None)


@pytest.mark.parametrize("required", [3, 60])
def test_a_client_may_ask_for_more_or_less_stillness(required: int) -> None:
    guest = Guest()
    guest.live.configure(stable_required=required)
    assert guest.live.stable_required == required
    guest.hold_until_captured(limit=80)
    assert guest.index == required + 4
    assert guest.seen[0].stability.stable_required == required


@pytest.mark.parametrize("required", [-1, 0, 2, 61, 10**9, True])
def test_within_limits(required: int) -> None:
    guest = Guest()
    with pytest.raises(InvalidMessage) as refusal:
        guest.live.configure(stable_required=required, sides=2)
    assert refusal.value.field == "stable_required"
    assert (guest.live.stable_required, guest.live.sides_wanted) == (8, 1)


def test_no_card_has_three_sides() -> None:
    guest = Guest()
    with pytest.raises(InvalidMessage) as refusal:
        guest.live.configure(stable_required=5, sides=3)
    assert refusal.value.field == "sides"
    assert (guest.live.stable_required, guest.live.sides_wanted) == (8, 1)


def test_configuring_nothing_changes_nothing() -> None:
    guest = Guest()
    guest.live.configure()
    assert guest.live.stable_required == 8


def test_other_threads_may_press_and_reset_at_any_time() -> None:
    guest = Guest()
    stop = threading.Event()

    def meddle() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            guest.live.request_capture()
            guest.live.reading_finished(document(f"d{number % 5}"))
            if number % 7 == 0:
                guest.live.reset()
            stop.wait(0.001)

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        guest.hold(60)
    finally:
        stop.set()
        meddler.join(5)
    assert all(o.state in CaptureState for o in guest.seen)
    guest.live.reset()
    assert guest.hold_until_captured(limit=20).trigger is Trigger.AUTO


def test_a_picture_that_cannot_be_developed_does_not_block_the_next() -> None:
    guest = Guest()

    def no_colour(width_px: int | None) -> ImageU8:
        raise CaptureFailed("the decoder has let go of the frame")

    guest.detector.found = HELD
    taken = None
    while taken is None:
        now_ms = guest.now_ms
        frame = Frame(guest.index, now_ms, now_ms, as_frame(SHARP).luma, no_colour)
        taken = guest.live.see(frame).capture
        guest.index += 1
    with pytest.raises(CaptureFailed):
        taken.develop()
    guest.live.reading_failed(taken.id)
    assert guest.live.state is CaptureState.SEARCHING
    guest.live.reset()
    assert guest.hold_until_captured().id == "d2"


def test_odd_frames_are_survived() -> None:
    guest = Guest()
    for size in ((16, 16), (4096, 2160)):
        bgr = np.zeros((size[1], size[0], 3), np.uint8)
        everywhere: QuadPx = rectangle(0, 0, *size)
        for found in (None, Detection(everywhere, 0.9)):
            assert guest.show(1, found, bgr)[0].width_px == size[0]
    guest.live.request_capture()
    assert guest.show(5, None, bgr)[-1].capture is not None


def test_document_ids_cannot_be_guessed() -> None:
    ids = {new_document_id() for _ in range(100)}
    assert len(ids) == 100
    assert {len(identity) for identity in ids} == {16}
