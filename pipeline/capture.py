"""When the picture is taken: one table of moves, one door, pure, given its clock.

    from       to         when
    ---------  ---------  -----------------------------------------------------------
    searching  aligning   a document comes into view
    searching  captured   shutter
    aligning   holding    nothing is wrong with the view, and no pause is to be kept
    aligning   searching  the document is lost
    aligning   captured   shutter
    holding    aligning   something is wrong with the view
    holding    captured   still for long enough, or shutter
    holding    searching  the document is lost
    captured   reading    the burst is complete: all its frames, or one and a reading without
                          doubt, or out of time, or moved away
    reading    done       read, or not and there is no use in trying again
    reading    searching  no zone found and tries left, or reading broke
    done       searching  the document was taken away, or its other side is in view
    done       captured   shutter

Nothing else moves, and a shutter pressed in captured or reading is not heard, so that two
captures never overlap. Leaving it all (a reset) is a new ``CaptureStep``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.errors import CaptureFailed
from core.settings import CaptureSettings
from pipeline.types import CaptureState, DocumentStatus, GuidanceCode, Trigger

SEARCHING = CaptureState.SEARCHING
ALIGNING = CaptureState.ALIGNING
HOLDING = CaptureState.HOLDING
CAPTURED = CaptureState.CAPTURED
READING = CaptureState.READING
DONE = CaptureState.DONE

MOVES: dict[CaptureState, frozenset[CaptureState]] = {
    SEARCHING: frozenset({ALIGNING, CAPTURED}),
    ALIGNING: frozenset({HOLDING, SEARCHING, CAPTURED}),
    HOLDING: frozenset({ALIGNING, CAPTURED, SEARCHING}),
    CAPTURED: frozenset({READING}),
    READING: frozenset({DONE, SEARCHING}),
    DONE: frozenset({SEARCHING, CAPTURED}),
}
"""The table above; every move passes `_moved`, which knows no other."""

NEVER_MS = float("-inf")


@dataclass(frozen=True, slots=True)
class Sight:
    """What one frame brings to the decision.

    detected: a document is in view; ready: nothing about the view stands against a picture;
    still: this frame counts into the present run of still ones; stable: that run is long enough
    (a doubtful frame neither counts nor ends it); shutter: someone asked for a picture now;
    turned: the side that is awaited is in view; certain: the zone of this run of still frames was
    read beyond doubt.
    """

    detected: bool = False
    ready: bool = False
    still: bool = False
    stable: bool = False
    shutter: bool = False
    turned: bool = False
    certain: bool = False


@dataclass(frozen=True, slots=True)
class CaptureStep:
    """Where a capture stands; times in milliseconds of the server's monotonic clock.

    since_ms: when the state was entered. seen_ms: when a document was last in view.
    in_view_since_ms: since when it has been, without being lost. trigger, burst_count: of the
    picture being taken or read. attempts: automatic captures in a row that showed no zone.
    outcome: of the last reading, in done. not_before_ms: no automatic capture before. advice: what
    the last reading asks the guest for, in done and until not_before_ms.
    """

    state: CaptureState = SEARCHING
    since_ms: float = 0.0
    seen_ms: float = NEVER_MS
    in_view_since_ms: float | None = None
    trigger: Trigger | None = None
    burst_count: int = 0
    attempts: int = 0
    outcome: DocumentStatus | None = None
    not_before_ms: float = NEVER_MS
    advice: GuidanceCode | None = None

    @property
    def busy(self) -> bool:
        """A picture is being taken or read; the shutter is not heard."""
        return self.state in (CAPTURED, READING)

    def in_view_ms(self, now_ms: float) -> float:
        """For how long the document has been in view."""
        return 0.0 if self.in_view_since_ms is None else now_ms - self.in_view_since_ms


def advance(
    step: CaptureStep, sight: Sight, now_ms: float, settings: CaptureSettings
) -> CaptureStep:
    """The step after one frame. A frame belongs to the burst when ``burst_count`` has grown."""
    step = _watched(step, sight, now_ms, settings)
    if sight.shutter and not step.busy:
        step = _open_shutter(step, Trigger.MANUAL, now_ms)
    match step.state:
        case CaptureState.SEARCHING if sight.detected:
            return _moved(step, ALIGNING, now_ms)
        case CaptureState.ALIGNING | CaptureState.HOLDING:
            return _lined_up(step, sight, now_ms, settings)
        case CaptureState.CAPTURED:
            return _burst(step, sight, now_ms, settings)
        case CaptureState.DONE if sight.turned or _missing_ms(step, now_ms) >= settings.removed_ms:
            return replace(_moved(step, SEARCHING, now_ms), attempts=0)
    return step


def finish(
    step: CaptureStep,
    status: DocumentStatus,
    now_ms: float,
    settings: CaptureSettings,
    *,
    advice: GuidanceCode | None = None,
    ends: bool | None = None,
) -> CaptureStep:
    """The step after a reading. ``done``, or ``searching`` when another try is worth it.

    Only a zone not found at all by an automatic capture is tried again: what was read, even
    with faults, is for the guest to see. ``ends`` says otherwise: a side without a zone may be
    all that was wanted. ``advice`` is told instead of the usual. Raises CaptureFailed when
    nothing is being read.
    """
    _require_reading(step)
    if ends is None:
        ends = status is not DocumentStatus.FAILED
    attempts = step.attempts + 1
    if not ends and step.trigger is Trigger.AUTO and attempts < settings.mrz_attempts:
        return replace(_retry(step, attempts, now_ms, settings), advice=advice)
    # A failure that is given up is a matter for staff, whatever was asked for before.
    told = advice if ends else None
    return replace(_moved(step, DONE, now_ms), outcome=status, attempts=0, advice=told)


def abandon(step: CaptureStep, now_ms: float, settings: CaptureSettings) -> CaptureStep:
    """The step after a reading that broke: searching, the pause kept. Raises CaptureFailed."""
    _require_reading(step)
    return _retry(step, step.attempts, now_ms, settings)


def take(step: CaptureStep, now_ms: float) -> CaptureStep:
    """The step after a picture made of frames seen before: reading, without waiting for more.

    A burst under way ends; otherwise the shutter opens and closes. Raises CaptureFailed while a
    picture is being read.
    """
    if step.state is READING:
        raise CaptureFailed("a picture is being read: wait for it")
    if step.state is not CAPTURED:
        step = _open_shutter(step, Trigger.MANUAL, now_ms)
    return _moved(step, READING, now_ms)


def _require_reading(step: CaptureStep) -> None:
    if step.state is not READING:
        raise CaptureFailed(f"no capture is being read: the state is {step.state.value}")


def _retry(
    step: CaptureStep, attempts: int, now_ms: float, settings: CaptureSettings
) -> CaptureStep:
    later = now_ms + settings.retry_pause_ms
    return replace(
        _moved(step, SEARCHING, now_ms), attempts=attempts, not_before_ms=later, advice=None
    )


def _moved(step: CaptureStep, state: CaptureState, now_ms: float) -> CaptureStep:
    """The one door. Raises CaptureFailed for a move that is not in the table."""
    if state not in MOVES[step.state]:
        raise CaptureFailed(f"a capture cannot go from {step.state.value} to {state.value}")
    return replace(step, state=state, since_ms=now_ms, outcome=None, advice=_kept(step, now_ms))


def _kept(step: CaptureStep, now_ms: float) -> GuidanceCode | None:
    """Advice outlives a move only within its pause."""
    return step.advice if now_ms < step.not_before_ms else None


def _missing_ms(step: CaptureStep, now_ms: float) -> float:
    """For how long no document has been seen; since the state began, if it never was."""
    return now_ms - max(step.seen_ms, step.since_ms)


def _watched(
    step: CaptureStep, sight: Sight, now_ms: float, settings: CaptureSettings
) -> CaptureStep:
    """Note whether the document is in view, and since when."""
    if sight.detected:
        since = now_ms if step.in_view_since_ms is None else step.in_view_since_ms
        return replace(step, seen_ms=now_ms, in_view_since_ms=since)
    if now_ms - step.seen_ms >= settings.lost_ms:
        return replace(step, in_view_since_ms=None)
    return step


def _lined_up(
    step: CaptureStep, sight: Sight, now_ms: float, settings: CaptureSettings
) -> CaptureStep:
    if step.in_view_since_ms is None:
        return _moved(step, SEARCHING, now_ms)
    if not sight.detected:
        return step
    if step.state is ALIGNING:
        if not sight.ready or now_ms < step.not_before_ms:
            return step
        step = _moved(step, HOLDING, now_ms)
    elif not sight.ready:
        return _moved(step, ALIGNING, now_ms)
    if not (sight.stable and sight.still):
        return step
    return _burst(_open_shutter(step, Trigger.AUTO, now_ms), sight, now_ms, settings)


def _open_shutter(step: CaptureStep, trigger: Trigger, now_ms: float) -> CaptureStep:
    return replace(_moved(step, CAPTURED, now_ms), trigger=trigger, burst_count=0)


def _burst(
    step: CaptureStep, sight: Sight, now_ms: float, settings: CaptureSettings
) -> CaptureStep:
    """Count the frame in if it serves, and close the burst when it is complete.

    A manual burst takes every frame: whoever presses the shutter wants this picture.
    Every burst holds one frame at least: the one that opened it.
    """
    counts = step.trigger is Trigger.MANUAL or (sight.still and sight.stable)
    if counts:
        step = replace(step, burst_count=step.burst_count + 1)
    moved_away = not counts and not sight.stable
    late = now_ms - step.since_ms >= settings.burst_timeout_ms
    full = step.burst_count >= settings.burst_frames or (counts and sight.certain)
    if full or moved_away or late:
        return _moved(step, READING, now_ms)
    return step
