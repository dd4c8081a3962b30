"""Files of any kind become pages; files made to harm become errors."""

from __future__ import annotations

import io
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from core.errors import InvalidImage
from pipeline.foreign import foreign_kind, foreign_pages
from pipeline.picture import FRAME_FORMATS, check_header, decode_frame
from pipeline.still import MAX_PIXELS
from pipeline.types import ImageU8
from pipeline.upload import upload_pages
from tests.pipeline.heic import heic

HD = 3840 * 2160


def painted(width: int = 320, height: int = 200) -> ImageU8:
    """Blue on the left, red on the right, white at the top."""
    bgr = np.zeros((height, width, 3), np.uint8)
    bgr[:, : width // 2, 0] = bgr[:, width // 2 :, 2] = 200
    bgr[: height // 4] = 255
    return bgr


def file_of(bgr: ImageU8, kind: str) -> bytes:
    made = io.BytesIO()
    Image.fromarray(bgr[:, :, ::-1]).save(made, kind)
    return made.getvalue()


def pages_of(data: bytes, most: int = 10, timeout_s: float = 20) -> list[ImageU8]:
    return list(upload_pages(data, max_pages=most, timeout_s=timeout_s))


def pdf(pages: int, size: tuple[float, float] = (595, 842)) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made, size)
    for _ in range(pages):
        canvas.setFillColorRGB(0, 0, 1)
        canvas.rect(0, 0, size[0] / 2, size[1], stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_pictures(kind: str) -> None:
    (page,) = pages_of(file_of(painted(), kind))
    assert page.shape == (200, 320, 3)
    assert np.abs(page.astype(int) - painted()).mean() < 6


def test_a_heic_picture() -> None:
    data = heic(painted())
    assert foreign_kind(data) == "heic"
    (page,) = pages_of(data)
    assert page.shape == (200, 320, 3)
    assert np.abs(page.astype(int) - painted()).mean() < 10, "colours in their order"


def test_pages_of_a_pdf_come_large_enough_and_in_their_colours() -> None:
    first, second = pages_of(pdf(2))
    assert first.shape == second.shape == (2400, 1696, 3) or first.shape == (2400, 1697, 3)
    assert first[1200, 300].tolist() == [255, 0, 0] and first[1200, 1500].tolist() == [255] * 3


def test_only_so_many_pages_are_decoded() -> None:
    tiff = io.BytesIO()
    image = Image.fromarray(painted())
    image.save(tiff, "TIFF", save_all=True, append_images=[image] * 6)
    assert len(pages_of(tiff.getvalue())) == 7
    assert len(pages_of(tiff.getvalue(), most=3)) == 3
    assert len(pages_of(pdf(5), most=2)) == 2


def test_pages_of_any_size_stay_within_bounds() -> None:
    for size in ((14_400, 14_400), (3, 14_400), (20, 20)):
        (page,) = pages_of(pdf(1, size))
        assert max(page.shape[:2]) <= 2401 and page.size


def test_an_iterator_closed_early_leaves_no_process() -> None:
    pages = upload_pages(pdf(3), max_pages=3, timeout_s=20)
    next(pages)
    began_s = time.monotonic()
    pages.close()
    assert time.monotonic() - began_s < 2


def test_a_decoder_that_takes_too_long_is_ended() -> None:
    began_s = time.monotonic()
    with pytest.raises(InvalidImage):
        list(foreign_pages(pdf(9), "pdf", max_pages=9, max_pixels=HD, timeout_s=0.05))
    assert time.monotonic() - began_s < 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg/>",
        b"GIF89a" + bytes(40),
        b"%PDF-1.7 junk",
        pdf(1)[:200],
        b"\0\0\0\x18ftypheic" + bytes(60),
        heic(painted())[:-400],
        b"II*\0" + bytes(40),
        b"RIFF\xff\0\0\0WEBPVP8 " + bytes(40),
    ],
)
def test_damage_is_an_invalid_image(data: bytes) -> None:
    with pytest.raises(InvalidImage) as refused:
        pages_of(data)
    assert len(refused.value.message) < 120


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def webp_claiming(width: int, height: int) -> bytes:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    return b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + sides + bytes(40)


def scan_bomb() -> bytes:
    """A progressive JPEG whose last scan is told two thousand times over."""
    made = io.BytesIO()
    Image.fromarray(painted(2000, 2000)).save(made, "JPEG", progressive=True)
    data = made.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 2000 + data[-2:]


@pytest.mark.parametrize(
    "data",
    [png_bomb(40_000), webp_claiming(16_000, 16_000), scan_bomb()],
    ids=["png", "webp", "jpeg"],
)
def test_bombs_are_told_from_their_header(data: bytes) -> None:
    began_s = time.process_time()
    with pytest.raises(InvalidImage):
        pages_of(data)
    with pytest.raises(InvalidImage):
        decode_frame(data, 0, 0.0, 0.0, HD)
    assert time.process_time() - began_s < 1


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_the_size_of_every_kind_of_webp(lossless: bool, alpha: bool) -> None:
    made = io.BytesIO()
    image = Image.new("RGBA" if alpha else "RGB", (123, 77), (9, 9, 9, 99) if alpha else (9, 9, 9))
    image.save(made, "WEBP", lossless=lossless)
    assert check_header(made.getvalue(), FRAME_FORMATS, MAX_PIXELS) == (123, 77)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_a_frame_gives_luma_now_and_colours_when_asked(kind: str) -> None:
    data = file_of(painted(640, 400), kind)
    frame = decode_frame(data, 7, 1.0, 2.0, HD)
    assert (frame.index, frame.pts_ms, frame.received_ms) == (7, 1.0, 2.0)
    assert frame.luma.shape == (400, 640) and frame.bgr().shape == (400, 640, 3)
    grey = cv2.cvtColor(painted(640, 400), cv2.COLOR_BGR2GRAY)
    assert np.abs(frame.luma.astype(int) - grey).mean() < 6
    for width in (320, 200, 100, 64):
        small = frame.bgr(width)
        assert small.shape[1] == width and abs(small.shape[0] - width * 400 / 640) <= 1
        assert small[-3, 3, 0] > 150 and small[-3, -3, 2] > 150


def test_a_frame_is_upright_by_its_exif_and_nothing_else_of_it_is_kept() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    made = io.BytesIO()
    Image.fromarray(painted(320, 200)).save(made, "JPEG", exif=exif)
    frame = decode_frame(made.getvalue(), 0, 0.0, 0.0, HD)
    assert frame.luma.shape == (320, 200) and frame.bgr().shape == (320, 200, 3)
    assert frame.bgr(100).shape == (160, 100, 3)


# Pillow warns of notes that it cannot read beside pixels that it can: neither is a refusal.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.binary(max_size=400), st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP"]), st.data())
@settings(max_examples=150, deadline=None)
def test_altered_files_decode_or_are_refused(junk: bytes, kind: str, data: st.DataObject) -> None:
    file = bytearray(file_of(painted(64, 48), kind))
    at = data.draw(st.integers(0, len(file)))
    file[at : at + len(junk)] = junk
    for attempt in (lambda: pages_of(bytes(file)), lambda: decode_frame(bytes(file), 0, 0, 0, HD)):
        try:
            attempt()
        except InvalidImage:
            continue
