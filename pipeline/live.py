"""One guest's view of the camera: frame by frame, from searching to a capture.

``LiveReader`` is light and belongs to one session. ``see`` is called by one thread at a time,
on a worker thread; every other method may be called from any thread at any moment, waits for
nothing longer than a few instructions, and so may be called on an event loop.

Time is the frames' own: the sender's clock for motion, ours (``received_ms``) for everything
else. A reader that gets no frames stands still.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.errors import CaptureFailed, InvalidMessage
from core.settings import PipelineSettings
from pipeline.ahead import ReadAhead
from pipeline.burst import Burst
from pipeline.capture import CaptureStep, Sight, abandon, advance, finish, take
from pipeline.guidance import GuidanceVoice, View, choose, find_fault, is_ready
from pipeline.others import SecondLook
from pipeline.quality import measure_quality
from pipeline.scene import Search
from pipeline.sides import (
    SidePatience,
    Sides,
    ZoneWatch,
    fault_of,
    has_turned,
    is_card,
    judge,
)
from pipeline.stability import StabilityTracker, check_required
from pipeline.taken import Taken, taken
from pipeline.tracking import DocumentTrack
from pipeline.types import (
    CaptureState,
    Detection,
    Detector,
    Document,
    Exposure,
    Frame,
    GuidanceCode,
    Observation,
    Quality,
    Shot,
    Stability,
    Trigger,
)


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found on one frame. Quality is None only without a document."""

    frame: Frame
    detection: Detection | None
    stability: Stability
    quality: Quality | None
    card: bool = False
    zone_seen: bool | None = None


def new_document_id() -> str:
    """A document id nobody can guess: 16 hexadecimal digits."""
    return secrets.token_hex(8)


class LiveReader:
    """Watches one camera; see the module's words on threads and clocks."""

    def __init__(
        self,
        detector: Detector,
        settings: PipelineSettings,
        *,
        clock: Callable[[], float] = time.perf_counter,
        new_id: Callable[[], str] = new_document_id,
    ) -> None:
        """``clock`` (seconds) measures ``analysis_ms`` only; ``new_id`` names captures."""
        self._detector = detector
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._tracker = StabilityTracker(settings.stability)
        self._track = DocumentTrack()
        self._voice = GuidanceVoice(settings.capture.guidance_min_ms)
        self._burst = Burst(settings.capture)
        self._zone_watch = ZoneWatch()
        self._second_look = SecondLook()
        self._search = Search(detector)
        self._fault: GuidanceCode | None = None
        self._side_patience = SidePatience(settings.sides.turn_ms)
        # What other threads touch, under the lock.
        self._lock = threading.Lock()
        self._step = CaptureStep()
        self._now_ms = 0.0
        self._shutter = False
        self._forget = False
        self._reading: Taken | None = None
        self._resets = 0
        self._sides = Sides(settings.sides.wanted)
        self._ahead = ReadAhead(settings.capture.page_width_px)
        self.kept = False
        """Whether the other side is awaited with the picture whose reading ended last."""

    @property
    def sides_wanted(self) -> int:
        """1: the side with the zone; 2: of a card the other one as well."""
        with self._lock:
            return self._sides.wanted

    @property
    def state(self) -> CaptureState:
        """The capture state now."""
        with self._lock:
            return self._step.state

    @property
    def resets(self) -> int:
        """How often all was forgotten: what began before the last time belongs to nobody."""
        with self._lock:
            return self._resets

    @property
    def stable_required(self) -> int:
        """Still frames in a row that take the picture."""
        return self._tracker.required

    def see(self, frame: Frame) -> Observation:
        """Look at one frame; aims at 12 ms for 720p.

        ``capture`` is set on the one frame that completed a burst; the caller then develops it,
        and owes ``reading_finished`` or ``reading_failed``, until which there is no other.
        ``ahead`` is set now and then before that; whoever reads it tells ``read_ahead``.
        """
        started = self._clock()
        shutter = self._begin(frame)
        look = self._look(frame, shutter)
        shown = self._track.update(look.detection, frame.width_px, frame.height_px, frame.pts_ms)
        step, capture, ahead = self._advance(look, shutter)
        code = choose(step, look.detection is not None, self._fault, frame.received_ms)
        with self._lock:
            side = self._sides.asked
        return Observation(
            frame_index=frame.index,
            rtp_timestamp=frame.rtp_timestamp,
            width_px=frame.width_px,
            height_px=frame.height_px,
            found=look.detection,
            detection=shown,
            stability=look.stability,
            quality=look.quality,
            guidance=self._voice.say(code, frame.received_ms, side),
            state=step.state,
            capture=capture,
            analysis_ms=(self._clock() - started) * 1000,
            ahead=ahead,
            resting=self._search.resting,
        )

    def request_capture(self) -> bool:
        """Press the shutter: the next frames are taken, document or not.

        False (and nothing happens) while a capture is being taken or read.
        """
        with self._lock:
            if self._step.busy:
                return False
            self._shutter = True
            return True

    def take(self, shots: Sequence[Shot], resets: int | None = None) -> Exposure:
        """Take the picture now, of frames seen before: for a client that may send no more.

        A burst under way ends with what it holds, and ``shots`` besides; otherwise they are the
        burst. ``resets``: as they were when the shots were chosen; None for now. Belongs to the
        thread of ``see``, and the caller owes the same. Raises CaptureFailed without any shot,
        while a picture is being read, and where all was forgotten since.
        """
        with self._lock:
            if resets not in (None, self._resets):
                raise CaptureFailed("the session was reset")
            before = self._step
            self._step = step = take(before, self._now_ms)
            self._shutter = False
            self._ahead.forget()
            if before.state is not CaptureState.CAPTURED or self._forget:
                self._burst.clear()
            for shot in shots:
                if shot not in self._burst:
                    self._burst.add(shot)
            reading, burst = self._begin_reading(), self._burst
        return self._expose(reading, burst, step)

    def read_ahead(self, reading_id: str, document: Document | None) -> None:
        """Tell what was read of frames offered ``ahead``, where nothing of it is in doubt; None
        otherwise. A document of certainty completes the picture with the next frame that serves.
        """
        with self._lock:
            self._ahead.tell(reading_id, document)

    def reading_finished(self, document: Document) -> Document | None:
        """Tell what became of a capture that ``see`` handed out.

        Returns the document to be shown, joined with its other side where that was read before,
        or None: the zone was not found by a picture taken by itself and another one will be, the
        side taken says nothing by itself, or the capture was disowned by a reset.
        """
        with self._lock:
            self.kept = False
            if self._reading is None or document.id != self._reading.id:
                return None
            card, self._reading = self._reading.card, None
            verdict = judge(self._sides, document, card, self._new_id)
            self._sides, self.kept = verdict.sides, verdict.kept
            self._step = finish(
                self._step,
                (verdict.show or document).status,
                self._now_ms,
                self._settings.capture,
                advice=verdict.advice,
                ends=verdict.ends,
            )
            return verdict.show if self._step.state is CaptureState.DONE else None

    def reading_failed(self, capture_id: str) -> bool:
        """Reading broke (an error, not an unreadable page): searching again after a pause.

        False, and nothing happens, for a capture that a reset has disowned.
        """
        with self._lock:
            if self._reading is None or self._reading.id != capture_id:
                return False
            self._reading = None
            self._step = abandon(self._step, self._now_ms, self._settings.capture)
        return True

    def reset(self) -> None:
        """Forget everything seen; a capture that is being read is disowned."""
        with self._lock:
            self._step = CaptureStep(since_ms=self._now_ms)
            self._shutter = False
            self._forget = True
            self._resets += 1
            self._reading = None
            self._sides = Sides(self._sides.wanted)
            self._ahead.forget()
            # No frame may follow; and another thread may be exposing what the old one holds.
            self._burst = Burst(self._settings.capture)

    def configure(self, *, stable_required: int | None = None, sides: int | None = None) -> None:
        """Change what a client may change; None leaves a value as it is.

        ``sides`` wanted of a card, 1 or 2; a side that was awaited is not any more.

        Raises InvalidMessage naming the field when a value is outside its limits.
        """
        if sides not in (None, 1, 2):
            raise InvalidMessage("sides is 1 or 2", field="sides")
        if stable_required is not None:
            check_required(stable_required)
        if sides is not None:
            with self._lock:
                self._sides = Sides(sides)
        if stable_required is not None:
            self._tracker.required = stable_required

    def _begin(self, frame: Frame) -> bool:
        """Whether the shutter was pressed; it waits for more than a preview. Carries out a reset
        asked for since the last frame: the tools that it empties belong to this thread."""
        with self._lock:
            forget, self._forget = self._forget, False
            shutter = self._shutter and frame.full_scale <= 1
            self._shutter = self._shutter and not shutter
        if forget:
            self._tracker.reset()
            self._track.reset()
            self._voice.reset()
            self._zone_watch.reset()
            self._second_look.reset()
            self._search.reset()
            self._side_patience.reset()
            self._fault = None
        return shutter

    def _look(self, frame: Frame, shutter: bool) -> _Look:
        detection = self._search.detect(frame)
        stability = self._tracker.update(detection, frame.width_px, frame.height_px, frame.pts_ms)
        limits = self._settings.quality
        before, self._fault = self._fault, None
        zone_seen = self._zone_watch.update(detection)
        if detection is None:
            self._second_look.reset()
            self._side_patience.reset()
            # A picture of the whole frame is taken on demand only.
            wanted = shutter or self.state is CaptureState.CAPTURED
            quality = measure_quality(frame, None, limits) if wanted else None
            return _Look(frame, None, stability, quality)
        known = detection.mrtd_format
        quality = measure_quality(frame, detection.quad_px, limits, known, detection.mrz_quad_px)
        card = is_card(detection, frame.width_px, frame.height_px)
        view = View(
            detection,
            stability,
            quality,
            frame.width_px,
            frame.height_px,
            frame.full_scale,
            several=self._several(frame, detection, stability),
            side_fault=self._side_fault(card, zone_seen, frame.received_ms),
        )
        self._fault = find_fault(view, before, self._settings)
        return _Look(frame, detection, stability, quality, card, zone_seen)

    def _several(self, frame: Frame, detection: Detection, stability: Stability) -> bool:
        """A picture under way is not held up for a second look; a preview is not worth one."""
        busy = self.state in (CaptureState.CAPTURED, CaptureState.READING, CaptureState.DONE)
        if busy or frame.full_scale > 1:
            return False
        moving = stability.corner_motion_ratio > self._settings.guidance.moving
        return self._second_look.update(self._detector, frame, detection, moving=moving)

    def _side_fault(self, card: bool, zone_seen: bool | None, now_ms: float) -> GuidanceCode | None:
        with self._lock:
            fault = fault_of(self._sides, card, zone_seen)
        return self._side_patience.told(fault, now_ms)

    def _advance(
        self, look: _Look, shutter: bool
    ) -> tuple[CaptureStep, Exposure | None, Exposure | None]:
        """Take the step, keep the frame if it belongs to the burst, expose a finished burst; also
        what is to be read ahead of it."""
        now_ms = look.frame.received_ms
        with self._lock:
            before = self._step
            if self._forget:
                return before, None, None
            self._ahead.watch(look.frame, look.detection, look.stability)
            cut = look.detection is not None and look.detection.cut
            ready = is_ready(self._fault, cut, before.in_view_ms(now_ms), self._settings)
            sight = Sight(
                detected=look.detection is not None,
                ready=ready,
                # A preview is no picture: it neither opens a burst nor counts in one.
                still=self._tracker.counted and look.frame.full_scale <= 1,
                stable=look.stability.stable_count >= look.stability.stable_required,
                shutter=shutter,
                turned=has_turned(self._sides, look.card, look.zone_seen),
                certain=self._ahead.certain,
            )
            step = advance(before, sight, now_ms, self._settings.capture)
            self._step, self._now_ms = step, now_ms
            opened = step.busy and not before.busy
            if opened:
                self._burst.clear()
            if look.quality and (opened or step.burst_count > before.burst_count):
                self._burst.add(Shot(look.frame, look.detection, look.quality))
            if step.state is not CaptureState.READING or before.state is step.state:
                return step, None, self._offer(look, step, sight.still)
            reading, burst = self._begin_reading(), self._burst
        return step, self._expose(reading, burst, step), None

    def _offer(self, look: _Look, step: CaptureStep, still: bool) -> Exposure | None:
        """What is to be read while the document is held; under the lock."""
        held = step.state in (CaptureState.HOLDING, CaptureState.CAPTURED) and still
        wanted = self._settings.capture.read_ahead and look.zone_seen is not False
        if not (held and wanted) or look.detection is None or look.quality is None:
            return None
        shot = Shot(look.frame, look.detection, look.quality)
        return self._ahead.offer(shot, look.stability.stable_count, look.frame.received_ms)

    def _begin_reading(self) -> Taken:
        """What is read from now on, by the best frame of the burst; under the lock."""
        known, shots = self._ahead.taken()
        for shot in shots:
            if shot not in self._burst:
                self._burst.add(shot)
        zone_seen = None if self._forget else self._zone_watch.seen
        self._reading = taken(self._burst.best, self._sides, zone_seen, self._new_id, known)
        return self._reading

    def _expose(self, reading: Taken, burst: Burst, step: CaptureStep) -> Exposure:
        trigger = step.trigger or Trigger.AUTO
        try:
            exposure = burst.expose(reading.id, trigger, reading.side, reading.next_side)
            return replace(exposure, known=reading.known)
        except CaptureFailed:
            # Nobody will get this capture, so nobody would end its reading.
            self.reading_failed(reading.id)
            raise
