"""Frame -> Detection: where the document lies, by our own corner network.

The frame is squeezed to a square with a grey border on every side, the virtual padding: corners a
little outside the frame still lie on the picture, so a cut document is found and reported as cut
instead of being bent to the frame's edge. Its corners are then moved onto the edges in the full
luma plane. The network and its training: `models/README.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from core.settings import DetectSettings
from pipeline.corner_maps import Maps, Outline, best_outline, zone_within
from pipeline.geometry import (
    area,
    farthest_ratio,
    homography,
    iou,
    mapped,
    turned,
    unit_to,
)
from pipeline.refine import refine, refine_all
from pipeline.types import Detection, Frame, ImageU8, MrtdFormat, QuadPx
from pipeline.weights import Weights

MODEL = "corners"
_GREY = 127
_FORMATS = (MrtdFormat.TD1, MrtdFormat.TD2, MrtdFormat.TD3, None)
"""What the network's kinds mean, in the order it was trained with."""
_SURE = 0.7
"""Probability from which the network's answer about turn or format is believed."""
_CALIBRATION = 0.31
"""Power that brings the product of the three shares to a scale where 0.5 is a good threshold:
chosen on composed validation scenes, where it keeps false outlines under 3%."""
_HOPELESS = 0.2
"""Confidence from which a look is worth a second one."""
_SHARP, _SHARP_ENOUGH = 1.6, 1.12
"""Size of the thumbnail, in sides of the network's picture, where it is looked at twice or once."""
_SURROUNDINGS = 0.25
"""Of the document's width and height, on each side, for the second look."""
_LARGE = 0.8
"""Share of the picture from which a part of it shows the document hardly larger."""
_SAME = 0.3
"""IoU from which both looks mean the same document."""
_FIRST_SHARE = 0.7
"""Weight of the first look's confidence beside the second's: found best on composed scenes."""
_AS_SURE = 0.8
"""Share of the first look's confidence that the second needs to be taken."""
_EDGE_TOLERANCE = 0.004
"""A corner this far outside still counts as inside: share of the frame, about the net's error."""
AT_REST = 0.005
"""A document of which no corner has moved farther, in frame diagonals, lies where it lay. Edges are
found as well as after a look up to twice this; beyond, those of the print come into reach."""


class CornerSession(Protocol):
    """What the detector needs of an inference session."""

    def run(self, names: list[str] | None, feed: dict[str, ImageU8]) -> list[Maps]: ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """The network's outputs for one picture, shapes as `models/README.md` states them."""

    heat: Maps
    offset: Maps
    mask: Maps
    presence: float
    turn: Maps
    kind: Maps
    band: Maps


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one look found; ``ratio``: 4×2 shares of the whole picture."""

    answer: _Answer
    outline: Outline
    confidence: float
    ratio: QuadPx


class CornerDetector:
    """Finds one document per frame. Thread-safe: it keeps nothing between calls."""

    def __init__(self, settings: DetectSettings, session: CornerSession, input_px: int) -> None:
        """`input_px` is the side of the square picture that the session takes."""
        self._settings = settings
        self._session = session
        self._input_px = input_px
        self._inner_px = round(input_px / (1 + 2 * settings.padding))

    @classmethod
    def load(cls, settings: DetectSettings, weights: Weights) -> CornerDetector:
        """A detector with the shipped network. Raises ModelNotFound."""
        session = weights.session(MODEL)
        return cls(settings, session, int(session.get_inputs()[0].shape[1]))

    def detect(self, frame: Frame) -> Detection | None:
        """The document in the frame, or None where no outline should be drawn.

        About 7 ms on one thread for 720p, half of it for a preview (`Frame.full_scale` above 1),
        which is looked at once; call it on a worker thread.
        """
        # The smaller side keeps the network's resolution when the document is looked at again.
        sharp = _SHARP if frame.full_scale <= 1 else _SHARP_ENOUGH
        wanted_px = sharp * self._inner_px * max(1.0, frame.width_px / frame.height_px)
        # A whole share of the frame's width costs a scaler half of what any other width does,
        # and an odd one, which FFmpeg goes about in another way, eight times as much.
        share = max(1, round(frame.width_px / wanted_px))
        thumbnail = frame.bgr(max(1, frame.width_px // share // 2 * 2))
        return self._find(thumbnail, frame.luma, twice=frame.full_scale <= 1)

    def follow(self, frame: Frame, known: Detection) -> Detection | None:
        """``known``, found in a frame of the same size a moment ago, as it lies in this one.

        None where that takes a look: a side has no edge any more, or a corner has moved. About
        1 ms, as the network is not asked: everything else that it said stands.
        """
        quad_px = None if known.cut else refine_all(frame.luma, known.quad_px)
        if quad_px is None:
            return None
        if farthest_ratio(quad_px, known.quad_px, frame.width_px, frame.height_px) > AT_REST:
            return None
        size = np.array([frame.width_px, frame.height_px], np.float32)
        if _cut(quad_px, size):
            return None
        zone_px = known.mrz_quad_px
        if zone_px is not None:
            zone_px = mapped(zone_px, homography(known.quad_px, quad_px))
        return replace(known, quad_px=quad_px, mrz_quad_px=zone_px)

    def find(self, bgr: ImageU8) -> Detection | None:
        """The document in a single picture (H×W×3 uint8 BGR), corners in its pixels, or None."""
        luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        return self._find(bgr, luma, twice=True)

    def corners(self, bgr: ImageU8) -> tuple[QuadPx, float] | None:
        """Corners (4×2 float32 pixels of `bgr`) and confidence of a single picture, or None."""
        found = self.find(bgr)
        return None if found is None else (found.quad_px, found.confidence)

    def _find(self, bgr: ImageU8, luma: ImageU8, twice: bool) -> Detection | None:
        """`bgr` may be a thumbnail; `luma` has the full resolution that corners are given in."""
        sight = self._look(bgr)
        if sight is not None and twice:
            sight = self._closer(bgr, sight)
        if sight is None or sight.confidence < self._settings.min_confidence:
            return None
        if area(sight.ratio) < self._settings.min_area:
            return None
        size = np.array([luma.shape[1], luma.shape[0]], np.float32)
        quad_px = refine(luma, sight.ratio * size)
        answer = sight.answer
        zone = zone_within(answer.band, sight.outline.quad)
        turn, turn_chance = _choice(answer.turn)
        turn = turn if turn_chance > _SURE else 0
        kind, kind_chance = _choice(answer.kind)
        return Detection(
            quad_px=turned(quad_px, turn),
            confidence=sight.confidence,
            cut=_cut(quad_px, size),
            mrtd_format=_FORMATS[kind] if kind_chance > _SURE else None,
            mrz_quad_px=None if zone is None else turned(mapped(zone, unit_to(quad_px)), turn),
        )

    def _look(self, bgr: ImageU8) -> _Sight | None:
        """What the network sees in a picture; None where that is no quad."""
        answer = self._ask(self._square(bgr))
        if answer.presence < _HOPELESS:
            return None
        outline = best_outline(answer.heat, answer.offset, answer.mask)
        if outline is None:
            return None
        confidence = (answer.presence * outline.mass * outline.agreement) ** _CALIBRATION
        if confidence < _HOPELESS:
            return None
        return _Sight(answer, outline, confidence, self._to_frame(outline))

    def _closer(self, bgr: ImageU8, first: _Sight) -> _Sight:
        """Look again at the document's surroundings alone, where that shows it larger."""
        size = np.array([bgr.shape[1], bgr.shape[0]])
        low, high = first.ratio.min(0), first.ratio.max(0)
        margin = (high - low) * _SURROUNDINGS
        x0, y0 = np.floor(np.clip(low - margin, 0, 1) * size).astype(int)
        x1, y1 = np.ceil(np.clip(high + margin, 0, 1) * size).astype(int)
        if (x1 - x0) * (y1 - y0) > _LARGE * size.prod() or min(x1 - x0, y1 - y0) < 16:
            return first
        second = self._look(bgr[y0:y1, x0:x1])
        if second is None:
            return replace(first, confidence=_FIRST_SHARE * first.confidence)
        at, part = np.array([x0, y0]) / size, np.array([x1 - x0, y1 - y0]) / size
        ratio = (second.ratio * part + at).astype(np.float32)
        if iou(ratio, first.ratio) < _SAME:
            return first
        both = _FIRST_SHARE * first.confidence + (1 - _FIRST_SHARE) * second.confidence
        # Close to a page its printed frame looks like a page, but the mask does not end there.
        worse = second.outline.agreement < first.outline.agreement
        if worse or second.confidence < _AS_SURE * first.confidence:
            return replace(first, confidence=both)
        return replace(second, ratio=ratio, confidence=both)

    def _square(self, bgr: ImageU8) -> ImageU8:
        """The picture squeezed to a square with its grey border: S×S×3 for input_px S."""
        inner, side = self._inner_px, self._input_px
        if bgr.shape[0] * bgr.shape[1] > inner * inner:
            # Halving in both directions is the one average over areas that OpenCV does fast: by
            # way of the doubled size it takes a third of the time of INTER_AREA at once.
            double = 2 * inner
            far = max(bgr.shape[:2]) > 2 * double
            method = cv2.INTER_AREA if far else cv2.INTER_LINEAR
            bgr = np.asarray(cv2.resize(bgr, (double, double), interpolation=method), np.uint8)
            method = cv2.INTER_AREA
        else:
            method = cv2.INTER_LINEAR
        square = np.full((side, side, 3), _GREY, np.uint8)
        at = (side - inner) // 2
        square[at : at + inner, at : at + inner] = cv2.resize(
            bgr, (inner, inner), interpolation=method
        )
        return square

    def _to_frame(self, outline: Outline) -> QuadPx:
        """Cells of the padded square → ratios of the picture; undoes `_square`."""
        at = (self._input_px - self._inner_px) // 2
        padded = outline.quad * (self._input_px / outline.cells)
        return ((padded - at) / self._inner_px).astype(np.float32)

    def _ask(self, square: ImageU8) -> _Answer:
        heat, offset, mask, presence, turn, kind, band = self._session.run(
            None, {"picture": square[None]}
        )
        chance = 1 / (1 + float(np.exp(-float(presence[0]))))
        return _Answer(heat[0], offset[0], mask[0], chance, turn[0], kind[0], band[0])


def _cut(quad_px: QuadPx, size: NDArray[np.float32]) -> bool:
    """Whether a corner lies outside a picture of that width and height."""
    outside = (quad_px < -_EDGE_TOLERANCE * size) | (quad_px > (1 + _EDGE_TOLERANCE) * size)
    return bool(outside.any())


def _choice(logits: Maps) -> tuple[int, float]:
    """The likeliest index and its probability."""
    shares = np.exp(logits - logits.max())
    best = int(shares.argmax())
    return best, float(shares[best] / shares.sum())
