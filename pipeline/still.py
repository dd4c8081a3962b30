"""One image instead of a camera: the same steps, once.

``detect_corners`` and ``read_mrz_lines`` serve scripts and benchmarks: they build an engine from
default settings on first use and keep it. Whoever has an engine calls ``read_still`` with it.
"""

from __future__ import annotations

import functools
import io
import itertools
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypedDict

import cv2
import numpy as np
from PIL import Image, ImageOps

from core.errors import InvalidImage
from core.settings import EnhanceSettings, MrzSettings, PipelineSettings
from pipeline.burst import PAGES, Burst
from pipeline.document import is_legible, is_sure
from pipeline.engine import Engine
from pipeline.live import new_document_id
from pipeline.picture import check_header, scaled_source, too_many_pixels, undecodable
from pipeline.quality import measure_quality
from pipeline.types import (
    Capture,
    CheckResult,
    Detection,
    Detector,
    Document,
    Frame,
    ImageU8,
    Look,
    QuadPx,
    Quality,
    Shot,
    Trigger,
)

MAX_PIXELS = 50_000_000
"""Larger images are refused by their header, before a pixel is decoded: a small file can claim,
and would take, gigabytes."""
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_JPEG = b"\xff\xd8\xff"
_SAME_SIZE, _SAME_SCORE = 0.95, 3.0
"""Within these a still counts as equal: figures of two pictures of one page differ by as much."""
_PATIENCE_MS = 20_000
"""Deadline where a script waits and no guest: on a busy machine a hard picture takes longer than
the time a guest is asked to stand still."""
_AMPLE_PX = 3000
"""A JPEG may be decoded at half its size or less as long as this many pixels remain a side."""


class MrzLines(TypedDict):
    """``lines`` as printed, empty when no zone was found; ``valid``: every check digit passes and
    no character is in doubt."""

    lines: list[str]
    valid: bool


class Sighting(Protocol):
    """A capture about to be read, see ``engine.Sighting``."""

    def look(self) -> Document | None: ...
    def read(self) -> Document: ...


class StillEngine(Protocol):
    """What reading a still asks of the engine."""

    @property
    def settings(self) -> PipelineSettings: ...
    @property
    def detector(self) -> Detector: ...
    def sight(self, capture: Capture) -> Sighting: ...


def decode_image(data: bytes) -> ImageU8:
    """A JPEG, PNG, WebP, BMP or TIFF file -> H×W×3 uint8 BGR, upright by its EXIF orientation.

    Raises InvalidImage for anything else, for damage, and for more than `MAX_PIXELS`.
    """
    return next(decode_pages(data))


def decode_pages(data: bytes) -> Iterator[ImageU8]:
    """The pages of a JPEG, PNG, WebP, BMP or TIFF file, one by one: only TIFF has more than one.

    Each is decoded when it is asked for: H×W×3 uint8 BGR, upright by its EXIF orientation.
    Raises InvalidImage for anything else, for damage, and for more than `MAX_PIXELS` on a page.
    """
    try:
        check_header(data, FORMATS, MAX_PIXELS)
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            several = image.format == "TIFF"
            for page in itertools.count():
                if page:
                    image.seek(page)
                yield _decoded(image)
                if not several:
                    return
    except EOFError:
        if page == 0:
            raise undecodable(data, FORMATS) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_many_pixels(MAX_PIXELS) from None
    except (
        *(OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError),
        *(MemoryError, OverflowError, ZeroDivisionError, struct.error),
    ):
        # Pillow's own words may quote the file; the cause is left out of the trace as well.
        raise undecodable(data, FORMATS) from None


def _decoded(image: Image.Image) -> ImageU8:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise too_many_pixels(MAX_PIXELS)
    image.draft("RGB", (_AMPLE_PX, _AMPLE_PX))
    # The next page of a TIFF file is found from the image as it was opened.
    return _bgr(ImageOps.exif_transpose(image))


def still_frame(bgr: ImageU8) -> Frame:
    """An image as a frame: H×W×3 uint8 BGR, both clocks at zero. InvalidImage without a pixel."""
    if not bgr.size:
        raise InvalidImage("the image has no pixels: send one that shows the document")
    luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    return Frame(index=0, pts_ms=0.0, received_ms=0.0, luma=luma, colour=scaled_source(bgr))


def look_at(engine: StillEngine, bgr: ImageU8) -> Look:
    """Find the document in an image, H×W×3 uint8 BGR, and measure the picture."""
    frame = still_frame(bgr)
    found = engine.detector.detect(frame)
    return Look(frame.width_px, frame.height_px, found, _quality(engine, frame, found))


def _quality(engine: StillEngine, frame: Frame, found: Detection | None) -> Quality:
    """Quality of the document found, by all that is known of it; of the whole frame for None."""
    limits = engine.settings.quality
    if found is None:
        return measure_quality(frame, None, limits)
    return measure_quality(frame, found.quad_px, limits, found.mrtd_format, found.mrz_quad_px)


def read_still(
    engine: StillEngine, bgr: ImageU8, filters: EnhanceSettings | None = None
) -> Document:
    """Find the document in an image and read it; see `read_best`."""
    return read_best(engine, bgr, filters)[0]


def read_best(
    engine: StillEngine, bgr: ImageU8, filters: EnhanceSettings | None = None
) -> tuple[Document, Capture]:
    """Find the document in an image and read it; where that leaves doubt, read the whole image.

    Both are looked at before either is searched: an outline may be wrong and the zone plain to
    see beside it. The document comes with the capture that it was read of. Reading the whole
    serves scans that show nothing but the page, and outlines that cut the zone. ``bgr``: H×W×3
    uint8. ``filters``: in place of the settings' own. Status failed where no zone is found.
    """
    frame = still_frame(bgr)
    document_id = new_document_id()
    detection = engine.detector.detect(frame)
    sighted: list[tuple[Sighting, Capture]] = []

    def sight(outline: Detection | None) -> None:
        burst = Burst(engine.settings.capture)
        burst.add(Shot(frame, outline, _quality(engine, frame, outline)))
        capture = burst.develop(document_id, Trigger.MANUAL)
        capture = replace(capture, enhance=filters)
        sighted.append((engine.sight(capture), capture))

    outlines = (detection, None) if detection is not None else (None,)
    for outline in outlines:
        sight(outline)
        document = sighted[-1][0].look()
        if document is not None:
            return document, sighted[-1][1]
    for sighting, capture in sighted:
        document = sighting.look()
        if document is not None:
            return document, capture
    read: list[tuple[Document, Capture]] = []
    for sighting, capture in sighted:
        document = sighting.read()
        read.append((document, capture))
        if document.barcode is not None or (document.mrz is not None and is_legible(document.mrz)):
            break
    return max(read, key=lambda both: _merit(both[0]))


def lead_with_still(engine: StillEngine, capture: Capture, jpeg: bytes) -> Capture:
    """The capture with a still as its first page, where it beats the best frame; else as it is.

    A still has the sensor's own pixels, without a video codec's noise: of equal quality it is
    the better picture. Raises InvalidImage for what is no JPEG file.
    """
    if not jpeg.startswith(_JPEG):
        raise InvalidImage("a still is a JPEG file")
    frame = still_frame(decode_image(jpeg))
    detection = engine.detector.detect(frame)
    if detection is None or detection.cut:
        return capture
    settings, best = engine.settings, capture.quality
    quality = _quality(engine, frame, detection)
    large_enough = quality.glyph_height_px >= _SAME_SIZE * best.glyph_height_px
    if not large_enough or quality.score < best.score - _SAME_SCORE:
        return capture
    burst = Burst(settings.capture)
    burst.add(Shot(frame, detection, quality))
    lead = burst.develop(capture.id, capture.trigger)
    return replace(
        capture,
        pages=(*lead.pages, *capture.pages[: PAGES - 1]),
        quality=lead.quality,
        px_per_mm=lead.px_per_mm,
        outlined=True,
    )


def _merit(document: Document) -> tuple[int, bool, float]:
    """Orders readings of one image: check digits that pass, then the characters' certainty."""
    if document.mrz is None:
        # A barcode before nothing, after any check digit that passes.
        return 0, document.barcode is not None, 0.0
    results = document.mrz.check_digits.values()
    passing = sum(result is CheckResult.PASS for result in results)
    every = [share for row in document.mrz.confidences for share in row]
    return passing, is_sure(document.mrz), sum(every) / len(every)


def detect_corners(bgr: ImageU8) -> tuple[QuadPx, float] | None:
    """Corners of the document in an H×W×3 uint8 BGR image, and the detector's confidence.

    4×2 float32 pixels, clockwise; None when no document is seen. Raises ModelNotFound, and
    InvalidImage for an image without a pixel.
    """
    detection = _default_engine().detector.detect(still_frame(bgr))
    return None if detection is None else (detection.quad_px, detection.confidence)


def read_mrz_lines(path: str | Path) -> MrzLines:
    """The machine-readable zone of an image file. Raises InvalidImage, ModelNotFound."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        raise InvalidImage("the image file cannot be opened") from None
    document = read_still(_default_engine(), decode_image(data))
    if document.mrz is None:
        return {"lines": [], "valid": False}
    return {"lines": list(document.mrz.lines), "valid": is_sure(document.mrz)}


@functools.lru_cache(maxsize=1)
def _default_engine() -> Engine:
    return Engine(PipelineSettings(mrz=MrzSettings(deadline_ms=_PATIENCE_MS)))


def _bgr(image: Image.Image) -> ImageU8:
    """Any mode -> BGR; transparency lies on white, 16-bit greys keep their upper half."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"), np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)
