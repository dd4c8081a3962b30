"""What to tell the guest: one frame's findings -> one piece of Guidance.

Three steps, each pure and given its clock:

1. ``find_fault`` names the most pressing fault of the view, with hysteresis: a fault that was
   found is over only once its threshold is passed by a margin.
2. ``choose`` puts the capture state above the fault: while a picture is being read, nobody needs
   to be told that the light is poor.
3. ``GuidanceVoice`` says it: each piece stays for its ``min_ms``, and a passing flicker is not
   spoken at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.settings import PipelineSettings
from pipeline.capture import CaptureStep
from pipeline.geometry import edge_margin_ratio, side_ratio, span, to_ratio
from pipeline.types import (
    CaptureState,
    Detection,
    DocumentStatus,
    Guidance,
    GuidanceCode,
    Quality,
    Severity,
    Stability,
)

_HYSTERESIS = 0.08
"""A fault is over when its threshold is passed by this share of it."""
_HYSTERESIS_MARGIN_RATIO = 0.006
"""The same for the distance to the frame's edge, as a share of the frame."""
_BLURRED_SHARE = 0.25
"""Sharpness under this share of its setting is blurred, whatever the other marks say."""
_NEAR_ENOUGH = 0.8
"""From this share of the frame's width on, coming closer is no longer asked for small print."""
_DONE_MS = 2500.0
"""How long the good news stands before the document is asked to be taken away."""
_SETTLE_MS = 150.0
"""A code that is true for less than this is a flicker."""

_SEVERITY: dict[GuidanceCode, Severity] = {
    GuidanceCode.NO_DOCUMENT: Severity.INFO,
    GuidanceCode.HOLD_STILL: Severity.INFO,
    GuidanceCode.READING: Severity.INFO,
    GuidanceCode.REMOVE_DOCUMENT: Severity.INFO,
    GuidanceCode.TURN_OVER: Severity.INFO,
    GuidanceCode.DONE: Severity.SUCCESS,
    GuidanceCode.MRZ_NOT_VISIBLE: Severity.WARNING,
    GuidanceCode.MRZ_COVERED: Severity.WARNING,
    GuidanceCode.WRONG_SIDE: Severity.WARNING,
    GuidanceCode.ASK_STAFF: Severity.WARNING,
}
"""What is not listed is a hint: something about the view that the guest can better."""

_HOLD_SHARE: dict[GuidanceCode, float] = {
    GuidanceCode.NO_DOCUMENT: 0.4,
    GuidanceCode.HOLD_STILL: 0.3,
    GuidanceCode.READING: 0.3,
}
"""Share of the setting for which short-lived codes stay: a capture must not outrun its words."""

_SAID_AT_ONCE = frozenset({GuidanceCode.READING, GuidanceCode.DONE, GuidanceCode.ASK_STAFF})


@dataclass(frozen=True, slots=True)
class View:
    """What one frame showed; sizes in pixels of that frame, ``full_scale`` as Frame has it."""

    detection: Detection
    stability: Stability
    quality: Quality
    width_px: int
    height_px: int
    full_scale: float = 1.0

    @property
    def width_share(self) -> float:
        """The document's longer side as a share of the frame's width."""
        return span(self.detection.quad_px).long_side / self.width_px

    @property
    def extent(self) -> float:
        """Larger share of the frame's width or height between the outermost corners."""
        ratio = to_ratio(self.detection.quad_px, self.width_px, self.height_px)
        return float((ratio.max(axis=0) - ratio.min(axis=0)).max())

    @property
    def margin_ratio(self) -> float:
        return edge_margin_ratio(self.detection.quad_px, self.width_px, self.height_px)


_Test = Callable[[View, bool, PipelineSettings], bool]
"""Is the fault there, given whether it was there in the frame before?"""


def _crowded(view: View, was: bool, settings: PipelineSettings) -> bool:
    margin = settings.guidance.edge_margin + _HYSTERESIS_MARGIN_RATIO * was
    return view.detection.cut or view.margin_ratio < margin


def _too_near(view: View, was: bool, settings: PipelineSettings) -> bool:
    """Out of room and too big for a shift to make any; a document just coming in will turn yet."""
    if view.stability.corner_motion_ratio > settings.guidance.moving:
        return False
    limit = settings.guidance.max_extent - _HYSTERESIS_MARGIN_RATIO * was
    return _crowded(view, was, settings) and view.extent > limit


def _partly_out(view: View, was: bool, _: PipelineSettings) -> bool:
    return view.detection.cut or (was and view.margin_ratio < _HYSTERESIS_MARGIN_RATIO)


def _too_dark(view: View, was: bool, settings: PipelineSettings) -> bool:
    low = settings.quality.brightness_low
    return view.quality.brightness < low * (1 + _HYSTERESIS * was)


def _too_bright(view: View, was: bool, settings: PipelineSettings) -> bool:
    """A white page may be bright; it is too bright where its print fades or burns out."""
    quality, limits, ease = view.quality, settings.quality, _HYSTERESIS * was
    faded = quality.contrast < limits.contrast / 2 * (1 + ease)
    burnt = quality.glare > limits.glare * (1 - ease)
    return quality.brightness > limits.brightness_high * (1 - ease) and (faded or burnt)


def _glaring(view: View, was: bool, settings: PipelineSettings) -> bool:
    return view.quality.glare > settings.quality.glare * (1 - 2 * _HYSTERESIS * was)


def _too_far(view: View, was: bool, settings: PipelineSettings) -> bool:
    ease = 1 + _HYSTERESIS * was
    if view.width_share < settings.capture.min_document_width * ease:
        return True
    glyph_px = view.quality.glyph_height_px * view.full_scale
    small_print = glyph_px < settings.guidance.min_glyph_px * ease
    return small_print and view.width_share < _NEAR_ENOUGH


def _tilted(view: View, was: bool, settings: PipelineSettings) -> bool:
    limit = settings.guidance.min_side_ratio * (1 + _HYSTERESIS * was)
    return side_ratio(view.detection.quad_px) < limit


def _blurred(view: View, was: bool, settings: PipelineSettings) -> bool:
    if view.full_scale > 1:
        return False  # a small picture is as soft as this of any document
    ease = 1 + _HYSTERESIS * was
    limits = settings.quality
    unsharp = view.quality.sharpness < limits.sharpness * _BLURRED_SHARE * ease
    return unsharp or view.quality.score < limits.min_score * ease


def _moving_blur(view: View, was: bool, settings: PipelineSettings) -> bool:
    """Telling a guest in motion to mind the focus would be beside the point."""
    limit = settings.guidance.moving * (1 - _HYSTERESIS * was)
    return view.stability.corner_motion_ratio > limit and _blurred(view, was, settings)


_FAULTS: tuple[tuple[GuidanceCode, _Test], ...] = (
    (GuidanceCode.MOVE_BACK, _too_near),
    (GuidanceCode.PARTLY_OUT_OF_VIEW, _partly_out),
    (GuidanceCode.TOO_DARK, _too_dark),
    (GuidanceCode.TOO_BRIGHT, _too_bright),
    (GuidanceCode.GLARE, _glaring),
    (GuidanceCode.MOVE_CLOSER, _too_far),
    (GuidanceCode.CENTER_DOCUMENT, _crowded),
    (GuidanceCode.TILTED, _tilted),
    (GuidanceCode.HOLD_STILL, _moving_blur),
    (GuidanceCode.BLURRED, _blurred),
)
"""Most pressing first."""


def find_fault(
    view: View, before: GuidanceCode | None, settings: PipelineSettings
) -> GuidanceCode | None:
    """The most pressing fault of the view, or None when a picture may be taken.

    ``before`` is what this function said of the previous frame.
    """
    for code, there in _FAULTS:
        if there(view, code is before, settings):
            return code
    return None


def is_ready(
    fault: GuidanceCode | None, cut: bool, in_view_ms: float, settings: PipelineSettings
) -> bool:
    """Whether a picture may be taken with this fault after this time in view.

    A dim lobby or a fixed-focus camera cannot be mended by the guest: after ``patience_ms`` the
    reading is tried all the same, and its check digits judge it. A document that is ``cut`` or
    too small is not tried: its zone would be missing, or no more than a smear.
    """
    if fault is None:
        return True
    must_be_mended = cut or fault is GuidanceCode.MOVE_CLOSER
    return not must_be_mended and in_view_ms >= settings.capture.patience_ms


def choose(
    step: CaptureStep, detected: bool, fault: GuidanceCode | None, now_ms: float
) -> GuidanceCode:
    """What the guest needs to hear now."""
    if step.state is CaptureState.DONE:
        return _after_reading(step, now_ms)
    if step.state is CaptureState.READING:
        return GuidanceCode.READING
    if step.state is CaptureState.CAPTURED:
        return GuidanceCode.HOLD_STILL
    if now_ms < step.not_before_ms:
        return GuidanceCode.MRZ_NOT_VISIBLE
    if not detected:
        return GuidanceCode.NO_DOCUMENT
    return fault or GuidanceCode.HOLD_STILL


def _after_reading(step: CaptureStep, now_ms: float) -> GuidanceCode:
    if step.outcome is DocumentStatus.FAILED:
        return GuidanceCode.ASK_STAFF
    # Without a document in view the state would have moved on by then.
    stays = now_ms - step.since_ms >= _DONE_MS
    return GuidanceCode.REMOVE_DOCUMENT if stays else GuidanceCode.DONE


class GuidanceVoice:
    """Says one thing at a time, long enough to be heard. One thread at a time."""

    def __init__(self, min_ms: int) -> None:
        """``min_ms``: how long a piece of guidance stays at least; short-lived codes less."""
        self._min_ms = min_ms
        self.reset()

    def reset(self) -> None:
        """Fall silent: the next code is said at once."""
        self._said: Guidance | None = None
        self._said_ms = 0.0
        self._true_ms = 0.0

    def say(self, code: GuidanceCode, now_ms: float) -> Guidance:
        """The guidance in force after a frame that asks for ``code``; ``now_ms`` never falls."""
        said = self._said
        if said is None:
            return self._speak(code, now_ms)
        if code is said.code:
            self._true_ms = now_ms
            return said
        settle_ms = 0.0 if code in _SAID_AT_ONCE else _SETTLE_MS
        heard = now_ms - self._said_ms >= said.min_ms
        if heard and now_ms - self._true_ms >= settle_ms:
            return self._speak(code, now_ms)
        return said

    def _speak(self, code: GuidanceCode, now_ms: float) -> Guidance:
        min_ms = round(self._min_ms * _HOLD_SHARE.get(code, 1.0))
        self._said = Guidance(code, _SEVERITY.get(code, Severity.HINT), min_ms)
        self._said_ms = self._true_ms = now_ms
        return self._said
