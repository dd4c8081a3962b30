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

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
    Side,
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
_PASSING_MS = 400.0
"""The same for faults of place: every document that comes in is cut, small and off centre on its
way, and words about that would still stand when it has long been held well."""
_RESTLESS_MS = 800.0
"""What has not been true for this long is replaced, though nothing else has lasted."""
_LONG_SIDE = 1.15
"""A document longer than wide by less than this lies neither upright nor on its side."""

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
    GuidanceCode.SAME_SIDE_AGAIN: Severity.WARNING,
    GuidanceCode.ASK_STAFF: Severity.WARNING,
}
"""What is not listed is a hint: something about the view that the guest can better."""

_IN_PASSING = frozenset(
    {
        GuidanceCode.MOVE_CLOSER,
        GuidanceCode.MOVE_BACK,
        GuidanceCode.CENTER_DOCUMENT,
        GuidanceCode.PARTLY_OUT_OF_VIEW,
        GuidanceCode.TILTED,
        GuidanceCode.ROTATE,
    }
)
"""Faults of place: true of every document on its way in, and soon mended."""

_HOLD_SHARE: dict[GuidanceCode, float] = {
    GuidanceCode.NO_DOCUMENT: 0.4,
    GuidanceCode.HOLD_STILL: 0.3,
    GuidanceCode.READING: 0.3,
    **dict.fromkeys(_IN_PASSING, 0.6),
}
"""Share of the setting for which short-lived codes stay: a capture must not outrun its words, and
a hint that was heeded must not stand."""

_SAID_AT_ONCE = frozenset({GuidanceCode.READING, GuidanceCode.DONE, GuidanceCode.ASK_STAFF})


@dataclass(frozen=True, slots=True)
class View:
    """What one frame showed; sizes in pixels of that frame, ``full_scale`` as Frame has it.

    several: more than one document with a zone is in view; side_fault: what is wrong with the
    side shown, found out over several frames.
    """

    detection: Detection
    stability: Stability
    quality: Quality
    width_px: int
    height_px: int
    full_scale: float = 1.0
    several: bool = False
    side_fault: GuidanceCode | None = None

    @property
    def on_its_side_deg(self) -> float:
        """How far the document's long sides lean from the frame's long side, 0 to 90."""
        top, right = np.diff(self.detection.quad_px[:3], axis=0)
        if span(self.detection.quad_px).width < span(self.detection.quad_px).height:
            top = right
        lean = math.degrees(math.atan2(abs(float(top[1])), abs(float(top[0]))))
        return lean if self.width_px >= self.height_px else 90 - lean

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


def _wrong_way_round(view: View, was: bool, settings: PipelineSettings) -> bool:
    """On its side the document cannot be shown large enough, or has no room; any other turn can be
    read as it is, and nobody is asked to mind it."""
    sides = span(view.detection.quad_px)
    shorter = min(sides.width, sides.height)
    limit = settings.guidance.max_turn_deg * (1 - _HYSTERESIS * was)
    if sides.long_side < _LONG_SIDE * shorter or view.on_its_side_deg < limit:
        return False
    if _too_near(view, was, settings):
        return True
    room = settings.guidance.max_extent * min(view.width_px, view.height_px) / sides.long_side
    ease = 1 + _HYSTERESIS * was
    largest_glyph_px = view.quality.glyph_height_px * view.full_scale * room
    return largest_glyph_px < settings.guidance.min_glyph_px * ease


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
    """A lamp anywhere on the page, or over the zone, where a small one does harm."""
    ease = 1 - 2 * _HYSTERESIS * was
    over_zone = (view.quality.zone_glare or 0.0) > settings.quality.zone_glare * ease
    return over_zone or view.quality.glare > settings.quality.glare * ease


def _covered(view: View, was: bool, settings: PipelineSettings) -> bool:
    """A blurred zone has no print to tell from what covers it, and is told for itself; a preview's
    is too small to tell, and one that is just coming in is smeared, or its foot is yet to come."""
    moving = settings.guidance.moving * (1 + _HYSTERESIS * was)
    if view.full_scale > 1 or view.stability.corner_motion_ratio > moving:
        return False
    limit = settings.quality.zone_covered * (1 - 2 * _HYSTERESIS * was)
    covered = view.quality.zone_covered or 0.0
    return covered > limit and not _unsharp(view, False, settings)


def _several(view: View, _was: bool, _: PipelineSettings) -> bool:
    return view.several


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
    poor = view.quality.score < settings.quality.min_score * (1 + _HYSTERESIS * was)
    # A small picture scores as low as this with any document.
    return (poor and view.full_scale <= 1) or _unsharp(view, was, settings)


def _unsharp(view: View, was: bool, settings: PipelineSettings) -> bool:
    if view.full_scale > 1:
        return False  # a small picture is as soft as this of any document
    limit = settings.quality.sharpness * _BLURRED_SHARE * (1 + _HYSTERESIS * was)
    return view.quality.sharpness < limit


def _moving_blur(view: View, was: bool, settings: PipelineSettings) -> bool:
    """Telling a guest in motion to mind the focus would be beside the point."""
    limit = settings.guidance.moving * (1 - _HYSTERESIS * was)
    return view.stability.corner_motion_ratio > limit and _blurred(view, was, settings)


def _shows(side_fault: GuidanceCode) -> _Test:
    return lambda view, _was, _settings: view.side_fault is side_fault


_FAULTS: tuple[tuple[GuidanceCode, _Test], ...] = (
    (GuidanceCode.SEVERAL_DOCUMENTS, _several),
    (GuidanceCode.WRONG_SIDE, _shows(GuidanceCode.WRONG_SIDE)),
    (GuidanceCode.SAME_SIDE_AGAIN, _shows(GuidanceCode.SAME_SIDE_AGAIN)),
    (GuidanceCode.ROTATE, _wrong_way_round),
    (GuidanceCode.MOVE_BACK, _too_near),
    (GuidanceCode.PARTLY_OUT_OF_VIEW, _partly_out),
    (GuidanceCode.TOO_DARK, _too_dark),
    (GuidanceCode.TOO_BRIGHT, _too_bright),
    (GuidanceCode.GLARE, _glaring),
    (GuidanceCode.MOVE_CLOSER, _too_far),
    # After it: from afar neither print nor format is told well enough to miss anything.
    (GuidanceCode.MRZ_COVERED, _covered),
    (GuidanceCode.CENTER_DOCUMENT, _crowded),
    (GuidanceCode.TILTED, _tilted),
    (GuidanceCode.HOLD_STILL, _moving_blur),
    (GuidanceCode.BLURRED, _blurred),
)
"""Most pressing first."""


_TO_BE_MENDED = frozenset(
    {GuidanceCode.MOVE_CLOSER, GuidanceCode.WRONG_SIDE, GuidanceCode.SAME_SIDE_AGAIN}
)


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
    too small is not tried: its zone would be missing, or no more than a smear. Nor is a side
    that is not wanted, as long as that is told.
    """
    if fault is None:
        return True
    must_be_mended = cut or fault in _TO_BE_MENDED
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
        return step.advice or GuidanceCode.MRZ_NOT_VISIBLE
    if not detected:
        return GuidanceCode.NO_DOCUMENT
    return fault or GuidanceCode.HOLD_STILL


def _after_reading(step: CaptureStep, now_ms: float) -> GuidanceCode:
    if step.advice is not None:
        return step.advice
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
        self._asked: GuidanceCode | None = None
        self._asked_ms = 0.0

    def say(self, code: GuidanceCode, now_ms: float, side: Side = Side.FRONT) -> Guidance:
        """The guidance in force after a frame that asks for ``code``, about the ``side`` to be
        shown; ``now_ms`` never falls."""
        said = self._said
        if code is not self._asked:
            self._asked, self._asked_ms = code, now_ms
        if said is None:
            return self._speak(code, now_ms, side)
        if code is said.code:
            self._true_ms = now_ms
            return said
        if now_ms - self._said_ms >= said.min_ms and self._has_settled(code, now_ms):
            return self._speak(code, now_ms, side)
        return said

    def _has_settled(self, code: GuidanceCode, now_ms: float) -> bool:
        if code in _SAID_AT_ONCE:
            return True
        untrue_ms = now_ms - self._true_ms
        lasts_ms = _PASSING_MS if code in _IN_PASSING else 0.0
        lasted = now_ms - self._asked_ms >= lasts_ms or untrue_ms >= _RESTLESS_MS
        return untrue_ms >= _SETTLE_MS and lasted

    def _speak(self, code: GuidanceCode, now_ms: float, side: Side) -> Guidance:
        min_ms = round(self._min_ms * _HOLD_SHARE.get(code, 1.0))
        self._said = Guidance(code, _SEVERITY.get(code, Severity.HINT), min_ms, side)
        self._said_ms = self._true_ms = now_ms
        return self._said
