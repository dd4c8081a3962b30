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
from dataclasses import dataclass
from typing import Protocol

from core.errors import CaptureFailed, InvalidMessage
from core.settings import PipelineSettings
from pipeline.burst import Burst
from pipeline.capture import CaptureStep, Sight, abandon, advance, finish, take
from pipeline.guidance import GuidanceVoice, View, choose, find_fault, is_ready
from pipeline.quality import measure_quality
from pipeline.scene import StillScene
from pipeline.stability import StabilityTracker
from pipeline.tracking import DocumentTrack
from pipeline.types import (
    CaptureState,
    Detection,
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

STABLE_REQUIRED_LIMITS = (3, 60)
"""Fewest and most still frames that a client may ask for."""
_NOBODY_THERE_MS = 3000.0
"""With nothing in view for this long, a scene that does not change is not searched each time."""


class Detector(Protocol):
    """Finds the one document of a frame."""

    def detect(self, frame: Frame) -> Detection | None: ...


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found on one frame. Quality is None only without a document."""

    frame: Frame
    detection: Detection | None
    stability: Stability
    quality: Quality | None


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
        self._scene = StillScene()
        self._empty_since_ms: float | None = None
        self._fault: GuidanceCode | None = None
        # What other threads touch, under the lock.
        self._lock = threading.Lock()
        self._step = CaptureStep()
        self._now_ms = 0.0
        self._shutter = False
        self._forget = False
        self._reading_id: str | None = None

    @property
    def state(self) -> CaptureState:
        """The capture state now."""
        with self._lock:
            return self._step.state

    @property
    def stable_required(self) -> int:
        """Still frames in a row that take the picture."""
        return self._tracker.required

    def see(self, frame: Frame) -> Observation:
        """Look at one frame; aims at 12 ms for 720p.

        ``capture`` is set on the one frame that completed a burst; the caller then develops it,
        and owes ``reading_finished`` or ``reading_failed``, until which there is no other.
        """
        started = self._clock()
        shutter = self._begin(frame)
        look = self._look(frame, shutter)
        shown = self._track.update(look.detection, frame.width_px, frame.height_px, frame.pts_ms)
        step, capture = self._advance(look, shutter)
        code = choose(step, look.detection is not None, self._fault, frame.received_ms)
        return Observation(
            frame_index=frame.index,
            rtp_timestamp=frame.rtp_timestamp,
            width_px=frame.width_px,
            height_px=frame.height_px,
            found=look.detection,
            detection=shown,
            stability=look.stability,
            quality=look.quality,
            guidance=self._voice.say(code, frame.received_ms),
            state=step.state,
            capture=capture,
            analysis_ms=(self._clock() - started) * 1000,
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

    def take(self, shots: Sequence[Shot]) -> Exposure:
        """Take the picture now, of frames seen before: for a client that may send no more.

        A burst under way ends with what it holds, and ``shots`` besides; otherwise they are the
        burst. Belongs to the thread of ``see``, and the caller owes the same. Raises CaptureFailed
        without any shot, and while a picture is being read.
        """
        with self._lock:
            before = self._step
            self._step = step = take(before, self._now_ms)
            self._shutter = False
            capture_id = self._reading_id = self._new_id()
        if before.state is not CaptureState.CAPTURED or self._forget:
            self._burst.clear()
        for shot in shots:
            if shot not in self._burst:
                self._burst.add(shot)
        return self._expose(capture_id, step)

    def reading_finished(self, document: Document) -> bool:
        """Tell what became of a capture that ``see`` handed out.

        True: the document is the result, show it (state: done). False: show nothing; the zone
        was not found by a picture taken by itself and another one will be, or the capture was
        disowned by a reset.
        """
        with self._lock:
            if document.id != self._reading_id:
                return False
            self._reading_id = None
            self._step = finish(self._step, document.status, self._now_ms, self._settings.capture)
            return self._step.state is CaptureState.DONE

    def reading_failed(self, capture_id: str) -> None:
        """Reading broke (an error, not an unreadable page): searching again after a pause.

        Nothing happens for a capture that a reset has disowned.
        """
        with self._lock:
            if self._reading_id == capture_id:
                self._reading_id = None
                self._step = abandon(self._step, self._now_ms, self._settings.capture)

    def reset(self) -> None:
        """Forget everything seen; a capture that is being read is disowned."""
        with self._lock:
            self._step = CaptureStep(since_ms=self._now_ms)
            self._shutter = False
            self._forget = True
            self._reading_id = None

    def configure(self, *, stable_required: int | None = None) -> None:
        """Change what a client may change; None leaves a value as it is.

        Raises InvalidMessage naming the field when a value is outside its limits.
        """
        if stable_required is None:
            return
        low, high = STABLE_REQUIRED_LIMITS
        if isinstance(stable_required, bool) or not low <= stable_required <= high:
            raise InvalidMessage(
                f"stable_required is a number from {low} to {high}", field="stable_required"
            )
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
            self._burst.clear()
            self._scene.forget()
            self._empty_since_ms = None
            self._fault = None
        return shutter

    def _detect(self, frame: Frame) -> Detection | None:
        """The document in the frame. Where nobody has been for a while, only changes are searched:
        most of a lobby's day is an empty desk."""
        now_ms, since_ms = frame.received_ms, self._empty_since_ms
        nobody = since_ms is not None and now_ms - since_ms >= _NOBODY_THERE_MS
        if nobody and self._scene.is_known(frame):
            return None
        detection = self._detector.detect(frame)
        if detection is not None:
            self._empty_since_ms = None
            self._scene.forget()
        elif since_ms is None:
            self._empty_since_ms = now_ms
        return detection

    def _look(self, frame: Frame, shutter: bool) -> _Look:
        detection = self._detect(frame)
        stability = self._tracker.update(detection, frame.width_px, frame.height_px, frame.pts_ms)
        limits = self._settings.quality
        before, self._fault = self._fault, None
        if detection is None:
            # A picture of the whole frame is taken on demand only.
            wanted = shutter or self.state is CaptureState.CAPTURED
            quality = measure_quality(frame, None, limits) if wanted else None
            return _Look(frame, None, stability, quality)
        quality = measure_quality(frame, detection.quad_px, limits, detection.mrtd_format)
        size = frame.width_px, frame.height_px
        view = View(detection, stability, quality, *size, frame.full_scale)
        self._fault = find_fault(view, before, self._settings)
        return _Look(frame, detection, stability, quality)

    def _advance(self, look: _Look, shutter: bool) -> tuple[CaptureStep, Exposure | None]:
        """Take the step, keep the frame if it belongs to the burst, expose a finished burst."""
        now_ms = look.frame.received_ms
        with self._lock:
            before = self._step
            if self._forget:
                return before, None
            cut = look.detection is not None and look.detection.cut
            ready = is_ready(self._fault, cut, before.in_view_ms(now_ms), self._settings)
            sight = Sight(
                detected=look.detection is not None,
                ready=ready,
                # A preview is no picture: it neither opens a burst nor counts in one.
                still=self._tracker.counted and look.frame.full_scale <= 1,
                stable=look.stability.stable_count >= look.stability.stable_required,
                shutter=shutter,
            )
            step = advance(before, sight, now_ms, self._settings.capture)
            self._step, self._now_ms = step, now_ms
            opened = step.busy and not before.busy
            if opened:
                self._burst.clear()
            if look.quality and (opened or step.burst_count > before.burst_count):
                self._burst.add(Shot(look.frame, look.detection, look.quality))
            if step.state is not CaptureState.READING or before.state is step.state:
                return step, None
            capture_id = self._reading_id = self._new_id()
        return step, self._expose(capture_id, step)

    def _expose(self, capture_id: str, step: CaptureStep) -> Exposure:
        try:
            return self._burst.expose(capture_id, step.trigger or Trigger.AUTO)
        except CaptureFailed:
            # Nobody will get this capture, so nobody would end its reading.
            self.reading_failed(capture_id)
            raise
