"""What a client is told of a file that is refused: what is wrong with it, and what to send."""

from __future__ import annotations

import io
import os
import struct
import zlib

import pytest
from PIL import Image
from pypdf import PdfWriter

from core.errors import InvalidImage
from pipeline import foreign
from pipeline.picture import decode_frame
from tests.pipeline.heic import heic
from tests.pipeline.test_upload import (
    HD,
    file_of,
    pages_of,
    painted,
    pdf,
    png_bomb,
    webp_claiming,
)

JPEG = file_of(painted(), "JPEG")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_that_inflates(kind: bytes, before: bytes) -> bytes:
    """A picture of 64 × 64 pixels beside a text of 200 MB."""
    text = before + zlib.compress(bytes(200_000_000), 9)
    rows = zlib.compress(bytes(64 * (64 * 3 + 1)))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (kind, text), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def bmp_claiming(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + head + bytes(900)


def fax(width: int, height: int, pages: int = 1) -> bytes:
    """A TIFF file that packs an empty page of any size into a few kilobytes."""
    made = io.BytesIO()
    page = Image.new("1", (width, height))
    page.save(made, "TIFF", compression="group4", save_all=True, append_images=[page] * (pages - 1))
    return made.getvalue()


def locked_pdf() -> bytes:
    writer, made = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret")
    writer.write(made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<svg/>", "cannot be decoded: send one of JPEG, PNG, WebP, BMP, TIFF, HEIC, PDF"),
        (b"GIF89a\xff\xff\xff\xff" + bytes(40), "cannot be decoded: send one of"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + bytes(90), "cannot be decoded: send one of"),
        (JPEG[:400], "the JPEG file is damaged or cut off: save it anew and send it"),
        (JPEG[:-200], "the JPEG file is damaged or cut off"),
        (b"II*\0" + bytes(40), "the TIFF file is damaged or cut off"),
        (png_that_inflates(b"zTXt", b"a\0\0"), "the PNG file is damaged"),
        (png_that_inflates(b"iTXt", b"a\0\1\0\0\0"), "the PNG file is damaged"),
        (png_bomb(40_000), "more than 50.0 megapixels: send a smaller one"),
        (png_bomb(10_500), "more than 50.0 megapixels"),
        (bmp_claiming(12_000, 12_000), "more than 50.0 megapixels"),
        (bmp_claiming(20_000, 20_000), "more than 50.0 megapixels"),
        (fax(10_000, 12_000), "more than 50.0 megapixels"),
        (webp_claiming(16_383, 16_383), "more than 50.0 megapixels"),
        (pdf(1)[:200], "the PDF file is damaged, cut off or empty: save it anew and send it"),
        (b"%PDF-1.7\n" + os.urandom(500), "the PDF file is damaged"),
        (locked_pdf(), "the PDF file asks for a password: send it without one"),
        (heic(painted())[:-400], "the HEIC file is damaged"),
    ],
)  # fmt: skip
def test_a_refusal_names_what_is_wrong_and_what_to_send(data: bytes, told: str) -> None:
    with pytest.raises(InvalidImage) as refused:
        pages_of(data)
    assert told in refused.value.message


def test_a_heic_file_of_too_many_pixels_is_told_so() -> None:
    with pytest.raises(InvalidImage, match="too many pixels: send a smaller one"):
        list(foreign.foreign_pages(heic(painted()), "heic", max_pages=1, max_pixels=9000,
                                   timeout_s=20))  # fmt: skip


def test_a_decoder_that_is_ended_is_told_as_too_much() -> None:
    with pytest.raises(InvalidImage, match="takes too long or too much memory"):
        list(foreign.foreign_pages(pdf(9), "pdf", max_pages=9, max_pixels=HD, timeout_s=0.05))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (JPEG[:400], "the JPEG file is damaged or cut off"),
        (b"BM" + bytes(60), "cannot be decoded: send one of JPEG, WEBP, PNG"),
        (png_bomb(40_000), "more than 8.3 megapixels"),
        (webp_claiming(4096, 4096), "more than 8.3 megapixels"),
    ],
)
def test_a_frame_that_is_refused_too(data: bytes, told: str) -> None:
    with pytest.raises(InvalidImage) as refused:
        decode_frame(data, 0, 0.0, 0.0, HD)
    assert told in refused.value.message
