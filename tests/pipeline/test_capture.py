from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CaptureFailed
from core.settings import CaptureSettings
from pipeline.capture import (
    ALIGNING,
    CAPTURED,
    DONE,
    HOLDING,
    MOVES,
    READING,
    SEARCHING,
    CaptureStep,
    Sight,
    abandon,
    advance,
    finish,
    take,
)
from pipeline.types import CaptureState, DocumentStatus, Trigger

SETTINGS = CaptureSettings()
FRAME_MS = 40.0

NOTHING = Sight()
SEEN = Sight(detected=True)
READY = Sight(detected=True, ready=True, still=True)
STABLE = replace(READY, stable=True)
MOVED = replace(READY, stable=False)
UNFIT = Sight(detected=True, still=True, stable=True)
DOUBTFUL = Sight(stable=True)
SHUTTER = Sight(shutter=True)


def step_in(state: CaptureState, **changes: object) -> CaptureStep:
    """A step at 0 ms with a document in view."""
    step = CaptureStep(state=state, seen_ms=0.0, in_view_since_ms=-1000.0)
    return replace(step, **changes)  # type: ignore[arg-type]


def play(sights: list[Sight], step: CaptureStep | None = None) -> list[CaptureStep]:
    """The steps after each of the sights, one frame apart, beginning at 0 ms."""
    steps = [step or CaptureStep()]
    for index, sight in enumerate(sights):
        steps.append(advance(steps[-1], sight, index * FRAME_MS, SETTINGS))
    return steps[1:]


def states(sights: list[Sight], step: CaptureStep | None = None) -> list[CaptureState]:
    return [step.state for step in play(sights, step)]


@pytest.mark.parametrize(
    ("state", "sight", "after_ms", "expected"),
    [
        (SEARCHING, NOTHING, 40, SEARCHING),
        (SEARCHING, STABLE, 40, ALIGNING),
        (SEARCHING, SHUTTER, 40, CAPTURED),
        (ALIGNING, SEEN, 40, ALIGNING),
        (ALIGNING, READY, 40, HOLDING),
        (ALIGNING, STABLE, 40, CAPTURED),
        (ALIGNING, UNFIT, 40, ALIGNING),
        (ALIGNING, NOTHING, 40, ALIGNING),
        (ALIGNING, NOTHING, 299, ALIGNING),
        (ALIGNING, NOTHING, 300, SEARCHING),
        (ALIGNING, SHUTTER, 40, CAPTURED),
        (HOLDING, READY, 40, HOLDING),
        (HOLDING, STABLE, 40, CAPTURED),
        (HOLDING, SEEN, 40, ALIGNING),
        (HOLDING, UNFIT, 40, ALIGNING),
        (HOLDING, NOTHING, 40, HOLDING),
        (HOLDING, NOTHING, 300, SEARCHING),
        (HOLDING, SHUTTER, 40, CAPTURED),
        (CAPTURED, STABLE, 40, CAPTURED),
        (CAPTURED, DOUBTFUL, 40, CAPTURED),
        (CAPTURED, MOVED, 40, READING),
        (CAPTURED, NOTHING, 40, READING),
        (CAPTURED, STABLE, 800, READING),
        (CAPTURED, replace(STABLE, shutter=True), 40, CAPTURED),
        (READING, NOTHING, 5000, READING),
        (READING, STABLE, 40, READING),
        (READING, SHUTTER, 40, READING),
        (DONE, STABLE, 40, DONE),
        (DONE, NOTHING, 699, DONE),
        (DONE, NOTHING, 700, SEARCHING),
        (DONE, SHUTTER, 40, CAPTURED),
    ],
)
def test_moves(state: CaptureState, sight: Sight, after_ms: float, expected: CaptureState) -> None:
    step = step_in(state, trigger=Trigger.AUTO, burst_count=1)
    moved = advance(step, sight, after_ms, SETTINGS)
    assert moved.state is expected
    assert moved.since_ms == (step.since_ms if expected is state else after_ms)


def test_from_an_empty_view_to_a_capture() -> None:
    sights = [NOTHING, SEEN, SEEN, READY, READY, *[STABLE] * 5, STABLE]
    steps = play(sights)
    assert [step.state for step in steps] == [
        SEARCHING, ALIGNING, ALIGNING, HOLDING, HOLDING, *[CAPTURED] * 4, READING, READING,
    ]  # fmt: skip
    assert [step.burst_count for step in steps[5:10]] == [1, 2, 3, 4, 5]
    assert steps[-1].trigger is Trigger.AUTO


def test_a_burst_waits_over_a_doubtful_frame_without_counting_it() -> None:
    burst = play([STABLE, STABLE, DOUBTFUL, STABLE], step_in(HOLDING))
    assert [step.burst_count for step in burst] == [1, 2, 2, 3]
    assert burst[-1].state is CAPTURED


def test_a_burst_ends_when_the_document_moves_and_keeps_what_it_has() -> None:
    last = play([STABLE, STABLE, MOVED], step_in(HOLDING))[-1]
    assert (last.state, last.burst_count) == (READING, 2)


def test_a_burst_of_a_slow_camera_ends_in_time() -> None:
    step = advance(step_in(HOLDING), STABLE, 0, SETTINGS)
    step = advance(step, STABLE, 500, SETTINGS)
    assert (step.state, step.burst_count) == (CAPTURED, 2)
    step = advance(step, STABLE, 1000, SETTINGS)
    assert (step.state, step.burst_count) == (READING, 3)


def test_a_burst_of_one_frame_is_read_at_once() -> None:
    one = SETTINGS.model_copy(update={"burst_frames": 1})
    step = advance(step_in(HOLDING), STABLE, 40, one)
    assert (step.state, step.burst_count) == (READING, 1)


@pytest.mark.parametrize("state", [SEARCHING, ALIGNING, HOLDING, DONE])
def test_the_shutter_takes_every_frame_document_or_not(state: CaptureState) -> None:
    sights = [SHUTTER, NOTHING, SEEN, MOVED, NOTHING]
    steps = play(sights, step_in(state))
    assert [step.state for step in steps] == [*[CAPTURED] * 4, READING]
    assert steps[-1].burst_count == 5
    assert steps[-1].trigger is Trigger.MANUAL


@pytest.mark.parametrize("state", [CAPTURED, READING])
def test_the_shutter_is_not_heard_while_busy(state: CaptureState) -> None:
    step = step_in(state, trigger=Trigger.AUTO, burst_count=2)
    assert step.busy
    heard = advance(step, replace(STABLE, shutter=True), 40, SETTINGS)
    unheard = advance(step, STABLE, 40, SETTINGS)
    assert heard == unheard


@pytest.mark.parametrize(
    ("status", "trigger", "attempts", "state", "attempts_after"),
    [
        (DocumentStatus.COMPLETE, Trigger.AUTO, 0, DONE, 0),
        (DocumentStatus.COMPLETE, Trigger.AUTO, 2, DONE, 0),
        (DocumentStatus.NEEDS_REVIEW, Trigger.AUTO, 1, DONE, 0),
        (DocumentStatus.FAILED, Trigger.AUTO, 0, SEARCHING, 1),
        (DocumentStatus.FAILED, Trigger.AUTO, 1, SEARCHING, 2),
        (DocumentStatus.FAILED, Trigger.AUTO, 2, DONE, 0),
        (DocumentStatus.FAILED, Trigger.MANUAL, 0, DONE, 0),
    ],
)
def test_finish(
    status: DocumentStatus,
    trigger: Trigger,
    attempts: int,
    state: CaptureState,
    attempts_after: int,
) -> None:
    step = step_in(READING, trigger=trigger, attempts=attempts)
    finished = finish(step, status, 100, SETTINGS)
    assert (finished.state, finished.attempts) == (state, attempts_after)
    assert finished.outcome is (status if state is DONE else None)


def test_after_a_failed_try_there_is_a_pause_before_the_next() -> None:
    step = finish(step_in(READING, trigger=Trigger.AUTO), DocumentStatus.FAILED, 0, SETTINGS)
    tried = play([STABLE] * 40, step)
    first = next(i for i, after in enumerate(tried) if after.state is CAPTURED)
    assert first * FRAME_MS == pytest.approx(SETTINGS.retry_pause_ms, abs=FRAME_MS)
    assert {after.state for after in tried[:first]} == {ALIGNING}


def test_the_pause_does_not_hold_the_shutter() -> None:
    step = finish(step_in(READING, trigger=Trigger.AUTO), DocumentStatus.FAILED, 0, SETTINGS)
    assert advance(step, SHUTTER, 40, SETTINGS).state is CAPTURED


def test_a_broken_reading_is_no_try() -> None:
    step = abandon(step_in(READING, trigger=Trigger.AUTO, attempts=1), 100, SETTINGS)
    assert (step.state, step.attempts) == (SEARCHING, 1)
    assert step.not_before_ms == 100 + SETTINGS.retry_pause_ms


@pytest.mark.parametrize("state", [state for state in CaptureState if state is not READING])
def test_nothing_is_finished_that_is_not_being_read(state: CaptureState) -> None:
    with pytest.raises(CaptureFailed):
        finish(step_in(state), DocumentStatus.COMPLETE, 0, SETTINGS)
    with pytest.raises(CaptureFailed):
        abandon(step_in(state), 0, SETTINGS)


def test_taking_the_document_away_re_arms_and_forgets_the_tries() -> None:
    done = step_in(DONE, outcome=DocumentStatus.FAILED, attempts=2)
    gone = play([SEEN, *[NOTHING] * 20], done)
    assert gone[17].state is DONE
    assert (gone[18].state, gone[18].attempts, gone[18].outcome) == (SEARCHING, 0, None)


def test_done_without_a_document_re_arms_only_after_a_while() -> None:
    """A picture of the whole frame: no document was ever seen."""
    step = CaptureStep(state=DONE, since_ms=1000.0)
    assert advance(step, NOTHING, 1040, SETTINGS).state is DONE
    assert advance(step, NOTHING, 1700, SETTINGS).state is SEARCHING


def test_time_in_view_bridges_a_gap_and_ends_with_a_loss() -> None:
    steps = play([SEEN, NOTHING, SEEN, *[NOTHING] * 8, SEEN])
    assert steps[2].in_view_ms(80) == 80
    assert steps[-2].in_view_ms(440) == 0
    assert steps[-1].in_view_since_ms == 11 * FRAME_MS


def test_the_table_allows_what_its_picture_shows() -> None:
    assert sum(len(targets) for targets in MOVES.values()) == 13
    assert all(state not in targets for state, targets in MOVES.items())


@given(
    sights=st.lists(
        st.builds(
            Sight,
            detected=st.booleans(),
            ready=st.booleans(),
            still=st.booleans(),
            stable=st.booleans(),
            shutter=st.booleans(),
        ),
        max_size=60,
    ),
    statuses=st.lists(st.sampled_from(DocumentStatus), min_size=1, max_size=6),
)
def test_whatever_happens_bursts_are_bounded_and_captures_never_overlap(
    sights: list[Sight], statuses: list[DocumentStatus]
) -> None:
    step = CaptureStep()
    outcomes = itertools.cycle(statuses)
    for index, sight in enumerate(sights):
        before, step = step, advance(step, sight, index * FRAME_MS, SETTINGS)
        assert step.burst_count <= SETTINGS.burst_frames
        if step.busy:
            assert step.burst_count >= 1
        if before.state is READING:
            assert step.state is READING
            step = finish(step, next(outcomes), index * FRAME_MS, SETTINGS)


def test_every_state_can_be_left() -> None:
    reachable = set(itertools.chain.from_iterable(MOVES.values()))
    assert reachable == set(CaptureState) == set(MOVES)


@pytest.mark.parametrize("state", list(CaptureState))
def test_a_picture_of_earlier_frames_is_read_at_once(state: CaptureState) -> None:
    before = CaptureStep(state, trigger=Trigger.AUTO if state is CaptureState.CAPTURED else None)
    if state is CaptureState.READING:
        with pytest.raises(CaptureFailed):
            take(before, 5.0)
        return
    after = take(before, 5.0)
    assert (after.state, after.since_ms) == (CaptureState.READING, 5.0)
    burst = state is CaptureState.CAPTURED
    assert after.trigger is (Trigger.AUTO if burst else Trigger.MANUAL)
