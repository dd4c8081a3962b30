"""A certain reading of a document still held ends the burst; a doubtful one changes nothing."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.settings import CaptureSettings, PipelineSettings
from models.training.mrz_lines import DEFAULT_FIELDS, compose_lines
from pipeline.capture import CAPTURED, HOLDING, READING, CaptureStep, Sight, advance
from pipeline.engine import Engine, load_parts
from pipeline.geometry import mapped, rectangle, unit_to
from pipeline.types import (
    Capture,
    CaptureState,
    Detection,
    Document,
    DocumentStatus,
    Exposure,
    ImageU8,
    MrtdFormat,
    Observation,
    QuadPx,
    Quality,
    Shot,
    Trigger,
)
from tests.pipeline.guest import QUAD_PX, SETTINGS, SHARP, Guest, document
from tests.pipeline.posed import as_frame, specimen_page, webcam_view


def shown(quad_px: QuadPx = QUAD_PX) -> Detection:
    """A data page with its zone at the foot, as the network tells of it."""
    zone_px = mapped(rectangle(0.04, 0.78, 0.96, 0.96), unit_to(quad_px))
    return Detection(quad_px, 0.9, mrtd_format=MrtdFormat.TD3, mrz_quad_px=zone_px)


ELSEWHERE = shown((QUAD_PX + np.float32(10)).astype(np.float32))
STABLE = Sight(detected=True, ready=True, still=True, stable=True)
LIMITS = CaptureSettings()
LINES = compose_lines(MrtdFormat.TD3, DEFAULT_FIELDS[MrtdFormat.TD3])
QUALITY = Quality(80, 50, 60, 20, 2, 0, 16, 81.5)


class Watcher:
    """Answers what is offered to be read ahead, ``late`` frames after it was."""

    def __init__(
        self,
        guest: Guest,
        certain: Callable[[Exposure], bool],
        late: int = 2,
    ) -> None:
        self.guest, self.certain, self.late = guest, certain, late
        self.offered: list[tuple[int, Exposure]] = []
        self._answered = 0

    def hold(self, count: int = 1) -> list[Observation]:
        return [self._after(self.guest.show(1, shown())[0]) for _ in range(count)]

    def _after(self, seen: Observation) -> Observation:
        if seen.ahead is not None:
            self.offered.append((self.guest.index, seen.ahead))
        if self._answered < len(self.offered):
            at, held = self.offered[self._answered]
            if self.guest.index >= at + self.late:
                self._answered += 1
                read = document("read ahead") if self.certain(held) else None
                self.guest.live.read_ahead(held.id, read)
        return seen

    def until_taken(self, limit: int = 40) -> Exposure:
        for _ in range(limit):
            if taken := self.hold()[0].capture:
                return taken
        raise AssertionError("no picture was taken")


def test_a_certain_reading_ends_the_burst_with_its_first_frame() -> None:
    guest = Guest()
    watcher = Watcher(guest, lambda held: True)
    taken = watcher.until_taken()
    assert guest.index == SETTINGS.stability.frames == 8, "the frames that stillness asks for"
    assert [at for at, _ in watcher.offered] == [3], "read once, from the third still frame on"
    assert taken.known is not None and taken.known.id == taken.id == "d1"
    assert taken.page_count == 2, "the frame that was read, and the one that was taken"
    assert taken.known.quality == taken.quality
    assert guest.live.reading_finished(taken.known) is not None
    assert guest.live.state is CaptureState.DONE


def test_a_certain_reading_that_comes_late_ends_the_burst_under_way() -> None:
    guest = Guest()
    taken = Watcher(guest, lambda held: True, late=7).until_taken()
    assert guest.index == 3 + 7 + 1 == 8 + 3, "three frames of the burst instead of five"
    assert taken.known is not None


def test_a_doubtful_reading_is_joined_by_a_second_frame_and_then_the_burst_goes_on() -> None:
    guest = Guest()
    watcher = Watcher(guest, lambda held: False)
    taken = watcher.until_taken()
    assert guest.index == 8 + 4
    assert taken.known is None
    assert [held.page_count for _, held in watcher.offered] == [1, 2]
    assert taken.page_count == 3


def test_two_frames_together_may_be_certain_where_one_is_not() -> None:
    guest = Guest()
    watcher = Watcher(guest, lambda held: held.page_count == 2, late=1)
    taken = watcher.until_taken()
    assert guest.index == 8
    assert taken.known is not None
    assert len(watcher.offered) == 2


def test_what_is_never_answered_changes_nothing() -> None:
    guest = Guest()
    assert Watcher(guest, lambda held: True, late=999).until_taken().known is None
    assert guest.index == 8 + 4


def test_a_reading_of_what_was_held_before_is_not_that_of_what_is_held_now() -> None:
    """Another document may have been put in its place: whatever moves begins anew."""
    guest = Guest()
    offered = guest.show(5, shown())[2].ahead
    assert offered is not None
    guest.show(3, ELSEWHERE)
    guest.live.read_ahead(offered.id, document("the first"))
    taken = next(seen.capture for seen in guest.show(12, ELSEWHERE) if seen.capture)
    assert taken.known is None
    assert taken.page_count == 3, "a whole burst"


def hold_moved(guest: Guest, by_px: int, count: int = 1) -> list[Observation]:
    """The same document, so far to the right."""
    there = shown(QUAD_PX + np.array([by_px, 0], np.float32))
    return guest.show(count, there, np.roll(SHARP, by_px, axis=1))


def drifting(
    guest: Guest, to_px: int, step_px: int, tell: Callable[[Exposure], None] = lambda held: None
) -> list[Exposure]:
    """Held by somebody who does not quite come to rest: 3 px a frame are .1 diagonals a second.
    What is offered to be read meanwhile, each of which ``tell`` is told."""
    offered = []
    for by_px in range(step_px, to_px + 1, step_px):
        seen = hold_moved(guest, by_px)[0]
        assert seen.capture is None
        if seen.ahead is not None:
            offered.append(seen.ahead)
            tell(seen.ahead)
    return offered


def runs(guest: Guest) -> int:
    """How often a run of still frames has begun."""
    return sum(seen.stability.stable_count == 1 for seen in guest.seen)


@pytest.mark.parametrize("late", [False, True])
def test_what_was_read_of_a_document_that_comes_to_rest_holds_when_it_has(late: bool) -> None:
    guest = Guest()

    def tell(held: Exposure) -> None:
        guest.live.read_ahead(held.id, document("read ahead"))

    offered = drifting(guest, 18, 2, (lambda held: None) if late else tell)
    assert runs(guest) > 1 and len(offered) == 1, "it goes on being read"
    if late:
        tell(offered[0])
    seen = hold_moved(guest, 18, 8)
    assert next(each.capture for each in seen if each.capture).known is not None
    assert not any(each.ahead for each in seen), "and nothing more is"


@pytest.mark.parametrize("late", [False, True])
def test_each_run_of_still_frames_has_two_of_its_own_read_after_a_doubtful_one(late: bool) -> None:
    guest = Guest()

    def tell(held: Exposure) -> None:
        guest.live.read_ahead(held.id, None)

    offered = drifting(guest, 18, 2, (lambda held: None) if late else tell)
    if late:
        tell(offered[0])
    pages = []
    for _ in range(14):
        ahead = hold_moved(guest, 18)[0].ahead
        if ahead is not None:
            pages.append(ahead.page_count)
            tell(ahead)
    assert pages == [1, 2], "none of the frames from before it came to rest"


@pytest.mark.parametrize("away", ["far", "lost"])
def test_what_is_lost_or_has_gone_far_may_be_another(away: str) -> None:
    guest = Guest()
    offered = next(seen.ahead for seen in guest.show(5, shown()) if seen.ahead)
    guest.live.read_ahead(offered.id, document("the first"))
    if away == "far":
        drifting(guest, 30, 3)
    else:
        guest.show(2, None)
    by_px = 30 if away == "far" else 0
    taken = next(seen.capture for seen in hold_moved(guest, by_px, 14) if seen.capture)
    assert taken.known is None


@pytest.mark.parametrize("clock", ["paused", "back", "still"])
def test_what_a_clock_that_is_not_even_hides_may_be_another(clock: str) -> None:
    """A document may have been put in the place of the first while no frame came."""
    guest = Guest()
    offered = next(seen.ahead for seen in guest.show(6, shown()) if seen.ahead)
    guest.live.read_ahead(offered.id, document("the first"))
    by_ms = {"paused": 10_000.0, "back": -100_000.0, "still": 0.0}[clock]
    last_ms = guest.frames[-1].pts_ms
    swapped = shown(QUAD_PX + np.array([14, 0], np.float32))
    picture = np.roll(SHARP, 14, axis=1)
    for index in range(14):
        frame = as_frame(picture, guest.index, guest.now_ms)
        passed_ms = max(by_ms, 0.0) if clock != "back" else by_ms
        even_ms = 0.0 if clock == "still" and index < 2 else index * 1000 / 24
        guest.index += 1
        guest.detector.found = swapped
        seen = guest.live.see(replace(frame, pts_ms=last_ms + passed_ms + even_ms))
        if seen.capture is not None:
            assert seen.capture.known is None
            return
    raise AssertionError("no picture was taken")


def test_one_corner_astray_is_no_other_document() -> None:
    guest = Guest()
    offered = next(seen.ahead for seen in guest.show(6, shown()) if seen.ahead)
    guest.live.read_ahead(offered.id, document("read ahead"))
    astray = QUAD_PX.copy()
    astray[2] += 30
    guest.show(1, shown(astray))
    taken = next(seen.capture for seen in guest.show(4, shown()) if seen.capture)
    assert taken.known is not None


def test_certainty_is_lost_with_the_stillness_it_came_of() -> None:
    guest = Guest()
    watcher = Watcher(guest, lambda held: True)
    watcher.hold(6)
    taken = next(seen.capture for seen in guest.show(12, ELSEWHERE) if seen.capture)
    assert taken.known is None


@pytest.mark.parametrize("how", ["reset", "take"])
def test_a_reset_and_a_picture_of_earlier_frames_know_nothing(how: str) -> None:
    guest = Guest()
    watcher = Watcher(guest, lambda held: True)
    watcher.hold(6)
    if how == "reset":
        guest.live.reset()
        taken = next(seen.capture for seen in guest.show(20, shown()) if seen.capture)
    else:
        seen = guest.seen[-1]
        assert seen.quality is not None
        taken = guest.live.take([Shot(guest.frames[0], seen.found, seen.quality)])
    assert taken.known is None


def test_a_hand_that_trembles_does_not_have_frame_after_frame_read() -> None:
    guest = Guest()
    for index in range(48):
        guest.show(1, ELSEWHERE if index // 4 % 2 else shown())
    offered = [seen.frame_index for seen in guest.seen if seen.ahead]
    assert offered and min(np.diff(offered)) * 1000 / 24 >= 400


def test_a_side_without_a_zone_is_not_read_ahead() -> None:
    guest = Guest()
    assert guest.hold(4)[-2].ahead is not None, "as long as nobody knows"
    offered = guest.hold(4)[0]
    guest.live.read_ahead("1", None)
    assert offered.ahead is None and all(seen.ahead is None for seen in guest.hold(4))


def test_nothing_is_read_ahead_of_previews_empty_desks_and_where_it_is_switched_off() -> None:
    guest = Guest()
    guest.away(5)
    guest.hold(20, full_scale=2.0)
    assert all(seen.ahead is None for seen in guest.seen)
    off = SETTINGS.model_copy(
        update={"capture": SETTINGS.capture.model_copy(update={"read_ahead": False})}
    )
    guest = Guest(off)
    guest.hold_until_captured()
    assert all(seen.ahead is None for seen in guest.seen)


def test_the_manual_shutter_ends_at_once_where_the_zone_is_certain() -> None:
    guest = Guest()
    watcher = Watcher(guest, lambda held: True)
    watcher.hold(6)
    assert guest.live.request_capture()
    taken = guest.show(1, shown())[0].capture
    assert taken is not None and taken.trigger is Trigger.MANUAL and taken.known is not None


def test_the_table_of_moves() -> None:
    sure = replace(STABLE, certain=True)
    first = advance(CaptureStep(HOLDING, in_view_since_ms=0, seen_ms=0), sure, 40, LIMITS)
    assert (first.state, first.burst_count) == (READING, 1)
    under_way = CaptureStep(CAPTURED, in_view_since_ms=0, trigger=Trigger.AUTO, burst_count=2)
    assert advance(under_way, sure, 40, LIMITS).state is READING
    doubtful = replace(sure, still=False)
    assert advance(under_way, doubtful, 40, LIMITS).state is CAPTURED, "no frame, no end"
    unfit = replace(sure, ready=False)
    holding = CaptureStep(HOLDING, in_view_since_ms=0, seen_ms=0)
    assert advance(holding, unfit, 40, LIMITS).state is not READING, "certainty mends no fault"


def composed(read: Callable[[Exposure], Document | None], page: ImageU8) -> tuple[int, Exposure]:
    """A page held before a webcam of 1280 × 720: how many frames the picture took."""
    view, quad_px = webcam_view(page, (1280, 720), share=0.6, noise=3)
    guest = Guest(PipelineSettings())
    for _ in range(40):
        seen = guest.show(1, shown(quad_px), view)[0]
        if seen.ahead is not None:
            guest.live.read_ahead(seen.ahead.id, read(seen.ahead))
        if seen.capture is not None:
            return guest.index, seen.capture
    raise AssertionError("no picture was taken")


def smudged(page: ImageU8) -> ImageU8:
    """The same page with a character of its holder's name that nobody can read for sure."""
    worn = page.copy()
    height, width = page.shape[:2]
    place = (
        slice(round(0.81 * height), round(0.85 * height)),
        slice(round(0.2 * width), round(0.225 * width)),
    )
    worn[place] = cv2.GaussianBlur(worn[place], (0, 0), 9)
    return worn


def test_composed_frames_that_are_certain_take_fewer_than_those_that_are_not() -> None:
    settings = PipelineSettings()
    engine = Engine(settings, load_parts(settings), today=lambda: datetime.date(2026, 11, 21))

    def read(held: Exposure) -> Document | None:
        return engine.read_ahead(held.develop())

    page = specimen_page()
    clear, taken = composed(read, page)
    assert clear == 8 and taken.known is not None
    assert taken.known.status is DocumentStatus.COMPLETE
    assert taken.known.mrz is not None and taken.known.mrz.lines == LINES
    worn, taken = composed(read, smudged(page))
    assert worn == 8 + SETTINGS.capture.burst_frames - 1 and taken.known is None
    engine.close()


def test_what_is_in_doubt_is_not_handed_out_by_the_engine() -> None:
    settings = PipelineSettings()
    engine = Engine(settings, load_parts(settings))
    page = specimen_page(width_px=1500).copy()
    desk = Capture("d", (np.full((900, 1500, 3), 128, np.uint8),), QUALITY, Trigger.AUTO)
    assert engine.read_ahead(desk) is None
    whole = replace(desk, pages=(page,))
    assert engine.read_ahead(whole) is not None
    altered = page.copy()
    # A finger on the middle of the lower line.
    height, width = page.shape[:2]
    altered[round(0.88 * height) :, width // 3 : width // 2] = 200
    assert engine.read_ahead(replace(desk, pages=(altered,))) is None
    engine.close()
