from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidImage
from core.settings import PipelineSettings
from models.training.specimen import draw_specimen
from pipeline.document import failed_document
from pipeline.geometry import iou
from pipeline.mrz.parse import parse_lines
from pipeline.still import (
    MAX_PIXELS,
    decode_image,
    detect_corners,
    look_at,
    read_mrz_lines,
    read_still,
    still_frame,
)
from pipeline.types import (
    Capture,
    Detection,
    Detector,
    Document,
    DocumentStatus,
    ImageU8,
    MrtdFormat,
    MrzRead,
    Trigger,
)
from tests.pipeline.posed import ScriptedDetector, specimen_page, webcam_view

VIEW, QUAD_PX = webcam_view(specimen_page(), share=0.7)
LINES = list(draw_specimen(width_px=200).lines)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def two_tone(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Left half red (dark where there is no colour), right half white."""
    image = Image.new("RGB", size, "white")
    image.paste((200, 0, 0), (0, 0, size[0] // 2, size[1]))
    return image.convert(mode)


def huge_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims that size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_the_usual_kinds_of_image_decode(kind: str) -> None:
    bgr = decode_image(encoded(two_tone(), kind))
    assert bgr.dtype == np.uint8
    assert bgr.shape == (40, 60, 3)
    np.testing.assert_allclose(bgr[20, 5], (0, 0, 200), atol=12)
    np.testing.assert_allclose(bgr[20, 55], (255, 255, 255), atol=12)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "RGBA", "LA"])
def test_every_mode_becomes_colour(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    bgr = decode_image(encoded(two_tone(mode), kind))
    assert bgr.shape == (40, 60, 3)
    assert bgr[20, 55].min() > 240
    assert bgr[20, 5].min() < 100


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    assert decode_image(encoded(clear)).min() == 255


def test_sixteen_bits_keep_their_upper_half() -> None:
    deep = Image.fromarray(np.full((10, 10), 0x80FF, np.uint16))
    assert set(decode_image(encoded(deep)).ravel()) == {0x80}


@pytest.mark.parametrize(
    ("orientation", "dark_at"),
    [(1, (20, 5)), (3, (20, 55)), (6, (5, 20)), (8, (55, 20)), (2, (20, 55))],
)
def test_exif_orientation_is_applied(orientation: int, dark_at: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    bgr = decode_image(encoded(two_tone(), "JPEG", exif=exif))
    assert bgr.shape == ((60, 40, 3) if orientation in (6, 8) else (40, 60, 3))
    assert bgr[dark_at][0] < 60
    assert bgr[tuple(size - 1 - at for size, at in zip(bgr.shape, dark_at, strict=False))][0] > 200


@pytest.mark.parametrize(
    ("size", "decoded"), [((6040, 8200), (3020, 4100)), ((2000, 9000), (2000, 9000))]
)
def test_a_jpeg_with_pixels_to_spare_is_decoded_at_half_its_size(
    size: tuple[int, int], decoded: tuple[int, int]
) -> None:
    plain = Image.fromarray(np.full(size, 128, np.uint8))
    assert decode_image(encoded(plain, "JPEG")).shape[:2] == decoded


@pytest.mark.parametrize(
    "size",
    [(MAX_PIXELS // 1000 + 1, 1000), (20_000, 5_000), (100_000, 100_000), (2**31 - 1, 2**31 - 1)],
)
def test_an_image_too_large_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidImage):
        decode_image(huge_png(*size))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image",
        encoded(two_tone())[:60],
        encoded(two_tone(), "JPEG")[:200],
        encoded(two_tone(), "GIF"),
        b"%PDF-1.7\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        huge_png(30, 30),
        huge_png(0, 30),
    ],
    ids=["empty", "text", "cut PNG", "cut JPEG", "GIF", "PDF", "SVG", "no pixels", "no width"],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage) as refusal:
        decode_image(data)
    assert refusal.value.__cause__ is None


def test_a_still_is_a_frame() -> None:
    frame = still_frame(VIEW)
    assert (frame.width_px, frame.height_px) == (1280, 720)
    assert frame.luma.shape == (720, 1280)
    assert frame.bgr() is VIEW
    assert frame.bgr(1280) is VIEW
    assert frame.bgr(320).shape == (180, 320, 3)
    assert frame.bgr(2560).shape == (1440, 2560, 3)


@dataclass
class GivenSighting:
    """A capture of which a document is read, at the first look or only in the end."""

    document: Document
    clear: bool
    looks: int = 0
    searches: int = 0

    def look(self) -> Document | None:
        self.looks += 1
        return self.document if self.clear else None

    def read(self) -> Document:
        self.searches += 1
        return self.document


class PickyEngine:
    """Reads only pages of a wanted shape; remembers the captures that it was given."""

    settings = PipelineSettings()

    def __init__(self, found: Detection | None, reads: Sequence[bool]) -> None:
        self.detector: Detector = ScriptedDetector(found)
        self._reads = list(reads)
        self.captures: list[Capture] = []
        self.sighted: list[GivenSighting] = []

    def sight(self, capture: Capture) -> GivenSighting:
        self.captures.append(capture)
        clear = self._reads.pop(0)
        document = failed_document(capture.id, capture.quality)
        if clear:
            document = Document(capture.id, DocumentStatus.COMPLETE, parse_lines(LINES))
        self.sighted.append(GivenSighting(document, clear))
        return self.sighted[-1]


@pytest.mark.parametrize(
    ("found", "reads", "heights"),
    [
        (Detection(QUAD_PX, 0.9), [True], [1070]),
        (Detection(QUAD_PX, 0.9), [False, True], [1070, 844]),
        (Detection(QUAD_PX, 0.9), [False, False], [1070, 844]),
        (None, [True], [844]),
    ],
    ids=["the document", "else the whole", "neither", "nothing seen"],
)
def test_the_document_is_read_first_and_then_the_whole_image(
    found: Detection | None, reads: list[bool], heights: list[int]
) -> None:
    engine = PickyEngine(found, reads)
    document = read_still(engine, VIEW)
    assert [capture.page.shape[0] for capture in engine.captures] == heights
    assert {capture.trigger for capture in engine.captures} == {Trigger.MANUAL}
    assert {capture.id for capture in engine.captures} == {document.id}
    assert (document.status is DocumentStatus.COMPLETE) is (True in reads)
    searches = 0 if True in reads else 1
    assert all(sighting.searches == searches for sighting in engine.sighted)


def test_quality_is_told_by_all_that_is_known_of_the_document() -> None:
    """A card's characters are larger than a page's on a document of the same width."""
    left, right = (QUAD_PX[a] + 0.75 * (QUAD_PX[b] - QUAD_PX[a]) for a, b in ((0, 3), (1, 2)))
    zone_px = np.array([left, right, QUAD_PX[2], QUAD_PX[3]], np.float32)
    card = Detection(QUAD_PX, 0.9, mrtd_format=MrtdFormat.TD1, mrz_quad_px=zone_px)
    engine = PickyEngine(card, [True])
    read_still(engine, VIEW)
    told = engine.captures[0].quality
    assert told == look_at(engine, VIEW).quality
    assert told.zone_covered is not None
    unknown = PickyEngine(Detection(QUAD_PX, 0.9), [True])
    read_still(unknown, VIEW)
    assert told.glyph_height_px > 1.4 * unknown.captures[0].quality.glyph_height_px
    assert unknown.captures[0].quality.zone_covered is None


class Answering(PickyEngine):
    """Gives the readings it was told, one a capture, none of them at a glance."""

    def __init__(self, found: Detection | None, given: Sequence[MrzRead | None]) -> None:
        super().__init__(found, [])
        self._given = list(given)

    def sight(self, capture: Capture) -> GivenSighting:
        self.captures.append(capture)
        document = Document(capture.id, DocumentStatus.COMPLETE, self._given.pop(0))
        self.sighted.append(GivenSighting(document, clear=False))
        return self.sighted[-1]


def test_a_doubtful_reading_gives_way_to_a_better_one() -> None:
    """An outline that cuts the zone leaves doubt; the whole image is read as well."""
    certain = parse_lines(LINES)
    rows = (certain.confidences[0], (0.6, *certain.confidences[1][1:]))
    doubtful = replace(certain, confidences=rows)
    for second, best in ((certain, certain), (None, doubtful)):
        engine = Answering(Detection(QUAD_PX, 0.9), [doubtful, second])
        assert read_still(engine, VIEW).mrz is best
        assert [sighting.looks for sighting in engine.sighted] == [2, 2]
        assert [sighting.searches for sighting in engine.sighted] == [1, 1]


def test_a_certain_reading_of_the_document_is_enough() -> None:
    certain = parse_lines(LINES)
    engine = Answering(Detection(QUAD_PX, 0.9), [certain, None])
    assert read_still(engine, VIEW).mrz is certain
    assert [sighting.searches for sighting in engine.sighted] == [1, 0]


def test_corners_of_a_picture() -> None:
    found = detect_corners(VIEW)
    assert found is not None
    quad_px, confidence = found
    assert quad_px.shape == (4, 2)
    assert 0.5 < confidence <= 1
    assert iou(quad_px, QUAD_PX) > 0.9


def test_an_image_without_a_pixel_is_refused() -> None:
    with pytest.raises(InvalidImage, match="no pixels"):
        detect_corners(np.zeros((0, 0, 3), np.uint8))


def test_no_corners_where_there_is_no_document() -> None:
    assert detect_corners(np.full((720, 1280, 3), 90, np.uint8)) is None


@pytest.mark.parametrize(
    "picture",
    [VIEW, specimen_page(), np.rot90(VIEW, 2), np.rot90(specimen_page())],
    ids=["posed", "a flat scan", "upside down", "a scan on its side"],
)
def test_the_zone_of_an_image_file(picture: ImageU8, tmp_path: Path) -> None:
    path = tmp_path / "specimen.jpg"
    cv2.imwrite(str(path), np.ascontiguousarray(picture), [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert read_mrz_lines(path) == {"lines": LINES, "valid": True}


def test_no_zone_in_an_image_file(tmp_path: Path) -> None:
    path = tmp_path / "desk.png"
    cv2.imwrite(str(path), np.full((720, 1280, 3), 90, np.uint8))
    assert read_mrz_lines(str(path)) == {"lines": [], "valid": False}


@pytest.mark.parametrize("name", ["missing.png", "."])
def test_a_file_that_cannot_be_opened(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidImage) as refusal:
        read_mrz_lines(tmp_path / name)
    assert str(tmp_path) not in str(refusal.value)
