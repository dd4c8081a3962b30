"""The nouns of the pipeline: frozen, slotted, units in their names.

Origin is the top-left pixel; x grows right, y grows down. A quad holds corners clockwise,
starting at the document's own top-left where the detector knows it, else at the image's.
Whatever is compared between frames or sent out is a ratio, 0 to 1, because a browser may
change its resolution in mid-call. Arrays are treated as read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.settings import EnhanceSettings

ImageU8 = NDArray[np.uint8]
"""H×W (luma) or H×W×3 (BGR) uint8."""
QuadPx = NDArray[np.float32]
"""4×2 float32, pixels of the source frame; may lie outside it when the document is cut."""
ColourSource = Callable[[int | None], ImageU8]
"""Gives a frame's colours on demand, because most steps need luma only: H×W×3 uint8 BGR, scaled to
a width in pixels (aspect kept), or full size for None."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture. ``pts_ms`` is the sender's clock, ``received_ms`` ours (monotonic).

    ``full_scale``: how many times wider the pictures are that come for a capture. Above 1 this
    one is a preview: good for finding a document, not for taking or judging its picture.
    """

    index: int
    pts_ms: float
    received_ms: float
    luma: ImageU8
    colour: ColourSource
    rtp_timestamp: int | None = None
    full_scale: float = 1.0

    @property
    def width_px(self) -> int:
        return int(self.luma.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.luma.shape[0])

    def bgr(self, width_px: int | None = None) -> ImageU8:
        """H×W×3 uint8 BGR; call it on a worker thread (1 to 4 ms at 720p)."""
        return self.colour(width_px)


class MrtdFormat(StrEnum):
    """Doc 9303 formats (Parts 4 to 7)."""

    TD1 = "TD1"
    TD2 = "TD2"
    TD3 = "TD3"
    MRVA = "MRV-A"
    MRVB = "MRV-B"


@dataclass(frozen=True, slots=True)
class Detection:
    """A document seen in a frame. ``cut`` when a corner lies outside the frame."""

    quad_px: QuadPx
    confidence: float
    cut: bool = False
    mrtd_format: MrtdFormat | None = None
    mrz_quad_px: QuadPx | None = None


class Detector(Protocol):
    """Finds the one document of a frame, or without a look what was ``known`` a moment ago."""

    def detect(self, frame: Frame) -> Detection | None: ...
    def follow(self, frame: Frame, known: Detection) -> Detection | None: ...


@dataclass(frozen=True, slots=True)
class Stability:
    """How still the document is. ``corner_motion_ratio`` is frame diagonals per second."""

    corner_motion_ratio: float
    still_ms: float
    stable_count: int
    stable_required: int

    @property
    def progress(self) -> float:
        """0 to 1, towards the frames required."""
        return min(1.0, self.stable_count / max(1, self.stable_required))


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of the document's region; ``score`` 0 to 100 is their weighted sum.

    sharpness: Laplacian variance at a fixed scale, of the machine-readable zone where its place
    is known, else of the document; contrast: standard deviation of luma;
    brightness: mean luma in percent; edge_density: share of strong edges in percent;
    noise: robust sigma of the high frequencies, in luma steps; glare: share of burnt-out
    pixels in percent; glyph_height_px: expected height of an MRZ capital in source pixels;
    zone_glare, zone_covered: burnt-out and hidden shares of the zone in percent, None where its
    place is not known; tilt_deg: angle of the document's plane to the picture's.
    """

    sharpness: float
    contrast: float
    brightness: float
    edge_density: float
    noise: float
    glare: float
    glyph_height_px: float
    score: float
    zone_glare: float | None = None
    zone_covered: float | None = None
    tilt_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame of a burst and what was found on it."""

    frame: Frame
    detection: Detection | None
    quality: Quality

    @property
    def merit(self) -> tuple[bool, float]:
        """Orders shots: a document before none, then by quality."""
        return self.detection is not None, self.quality.score


class CaptureState(StrEnum):
    SEARCHING = "searching"
    ALIGNING = "aligning"
    HOLDING = "holding"
    CAPTURED = "captured"
    READING = "reading"
    DONE = "done"


class GuidanceCode(StrEnum):
    """What a guest can be told; the one source of truth, the page's texts are keyed by it."""

    NO_DOCUMENT = "NO_DOCUMENT"
    MOVE_CLOSER = "MOVE_CLOSER"
    MOVE_BACK = "MOVE_BACK"
    CENTER_DOCUMENT = "CENTER_DOCUMENT"
    PARTLY_OUT_OF_VIEW = "PARTLY_OUT_OF_VIEW"
    TILTED = "TILTED"
    ROTATE = "ROTATE"
    HOLD_STILL = "HOLD_STILL"
    TOO_DARK = "TOO_DARK"
    TOO_BRIGHT = "TOO_BRIGHT"
    GLARE = "GLARE"
    BLURRED = "BLURRED"
    MRZ_NOT_VISIBLE = "MRZ_NOT_VISIBLE"
    MRZ_COVERED = "MRZ_COVERED"
    WRONG_SIDE = "WRONG_SIDE"
    TURN_OVER = "TURN_OVER"
    SAME_SIDE_AGAIN = "SAME_SIDE_AGAIN"
    REMOVE_DOCUMENT = "REMOVE_DOCUMENT"
    SEVERAL_DOCUMENTS = "SEVERAL_DOCUMENTS"
    READING = "READING"
    DONE = "DONE"
    ASK_STAFF = "ASK_STAFF"


class Severity(StrEnum):
    INFO = "info"
    HINT = "hint"
    WARNING = "warning"
    SUCCESS = "success"


class Side(StrEnum):
    """A document's sides; the zone of a TD1 card is on the back (Doc 9303 Part 5)."""

    FRONT = "front"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Guidance:
    """One thing to tell the guest, not replaced before ``min_ms`` have passed; ``side`` is the one
    to be shown, the front where that is open."""

    code: GuidanceCode
    severity: Severity
    min_ms: int
    side: Side = Side.FRONT


class Trigger(StrEnum):
    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Capture:
    """The picture taken: ``pages`` are rectified views, best first, H×W×3 uint8 BGR; whole frames
    where not ``outlined``. ``px_per_mm`` is None while the format, and so the page's true size, is
    not known. ``side`` is the side that seems to be shown, ``next_side`` the one that will be asked
    for. ``enhance``: filters for this capture, in place of those that the settings name.
    """

    id: str
    pages: tuple[ImageU8, ...]
    quality: Quality
    trigger: Trigger
    px_per_mm: float | None = None
    side: Side = Side.FRONT
    next_side: Side | None = None
    enhance: EnhanceSettings | None = None
    outlined: bool = True

    @property
    def page(self) -> ImageU8:
        return self.pages[0]


@dataclass(frozen=True, slots=True)
class Exposure:
    """A picture that was taken and is not developed yet: so light that watching goes on.

    ``develop`` gives the capture of the same id, with ``page_count`` pages. It takes some 50 ms
    of a worker thread, and is called once. ``side``, ``next_side``: as the capture has them.
    ``known``: what its frames say, where that was read for certain before it was complete.
    """

    id: str
    quality: Quality
    trigger: Trigger
    page_count: int
    develop: Callable[[], Capture]
    side: Side = Side.FRONT
    next_side: Side | None = None
    known: Document | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What one frame told us. ``capture`` is set on the frame that completed a burst.

    ``found``: where the document is in this frame; ``detection``: the same as it is to be shown,
    calmed over several frames. ``ahead``: frames to be read while the document is still held.
    ``resting``: no document has been in view for a while: fewer frames will do.
    """

    frame_index: int
    rtp_timestamp: int | None
    width_px: int
    height_px: int
    found: Detection | None
    detection: Detection | None
    stability: Stability
    quality: Quality | None
    guidance: Guidance
    state: CaptureState
    capture: Exposure | None
    analysis_ms: float
    ahead: Exposure | None = None
    resting: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What one still image shows; no document: ``detection`` None, quality of the whole image."""

    width_px: int
    height_px: int
    detection: Detection | None
    quality: Quality


class CheckResult(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_DONE = "not_done"
    NOT_APPLICABLE = "not_applicable"


class FieldStatus(StrEnum):
    """What speaks for a field's value; names are never ``checksum``."""

    CHECKSUM = "checksum"
    READ = "read"
    CORROBORATED = "corroborated"
    EDITED = "edited"
    CONFLICT = "conflict"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Correction:
    """One difference from what the print was read as. Zero-based line and position.

    ``why``: "format" or "check_digit" prove it; "rare": a zero nearly as likely as a number's O.
    """

    line: int
    position: int
    read: str
    corrected: str
    why: str


@dataclass(frozen=True, slots=True)
class MrzRead:
    """A machine-readable zone as read: ``lines`` as printed, confidences 0 to 1 per character."""

    format: MrtdFormat
    lines: tuple[str, ...]
    confidences: tuple[tuple[float, ...], ...]
    check_digits: Mapping[str, CheckResult]
    corrections: tuple[Correction, ...] = ()
    frames_fused: int = 1


@dataclass(frozen=True, slots=True)
class BarcodeRead:
    """A licence's barcode: its symbology, the standard of its data with their version, the
    issuer's number (IIN) and the kind of document, ``DL`` or ``ID``."""

    symbology: str
    standard: str
    version: int
    issuer: str
    document_type: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``value`` is normalised (ISO dates, no fillers), ``raw`` as in the zone.

    ``printed``: what the data page prints for people, where that was read for sure.
    """

    value: str | None
    raw: str | None
    status: FieldStatus
    confidence: float
    truncated: bool = False
    century_inferred: bool = False
    printed: str | None = None


class DocumentStatus(StrEnum):
    """complete: every check digit passes; needs_review: some part failed, or none is there to
    pass; failed: nothing was read."""

    COMPLETE = "complete"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"


class PageWarning(StrEnum):
    """What a page looks like, for a clerk to look at the document; it never decides anything."""

    SCREEN_SUSPECTED = "screen_suspected"
    PHOTOCOPY_SUSPECTED = "photocopy_suspected"


@dataclass(frozen=True, slots=True)
class Document:
    """A document as read. ``fields`` is keyed by ICAO names, see docs/protocol.md.

    sides: those taken.
    """

    id: str
    status: DocumentStatus
    mrz: MrzRead | None
    fields: Mapping[str, Field] = field(default_factory=dict)
    checks: Mapping[str, CheckResult] = field(default_factory=dict)
    quality: Quality | None = None
    sides: tuple[Side, ...] = ()
    barcode: BarcodeRead | None = None
    warnings: tuple[PageWarning, ...] = ()

    @property
    def was_read(self) -> bool:
        """Whether the document's own words are known: from its zone, or from its barcode."""
        return self.mrz is not None or self.barcode is not None

    @property
    def format(self) -> str | None:
        """The zone's format or the standard of the barcode's data; None when nothing was read."""
        if self.mrz is not None:
            return self.mrz.format.value
        return self.barcode.standard if self.barcode is not None else None
