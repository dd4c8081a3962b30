"""Whatever is handed in as a picture: read, or refused with an error of our own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import InvalidImage
from models.training.specimen import draw_specimen
from pipeline.still import decode_image, read_mrz_lines

# Pillow warns of damage besides refusing it or making the best of it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

DRAWN = draw_specimen(width_px=700)
PAGE = Image.fromarray(np.ascontiguousarray(DRAWN.bgr[:, :, ::-1]))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sixteen_bits() -> bytes:
    return encoded(Image.fromarray(np.asarray(PAGE.convert("L"), np.uint16) * 257), "PNG")


def see_through() -> bytes:
    """Dark print on nothing at all."""
    alpha = PAGE.convert("L").point(lambda tone: 255 - tone)
    ink = Image.new("RGBA", PAGE.size, "black")
    ink.putalpha(alpha)
    return encoded(ink, "PNG")


def turned_by_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = PAGE.transpose(Image.Transpose.ROTATE_90)
    return encoded(turned, "JPEG", exif=exif, quality=92)


def animated(kind: str) -> bytes:
    blank = Image.new("RGB", PAGE.size, "white")
    return encoded(PAGE, kind, save_all=True, append_images=[blank, blank])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(sixteen_bits, id="16 bits"),
        pytest.param(see_through, id="alpha"),
        pytest.param(turned_by_exif, id="turned by EXIF"),
        pytest.param(lambda: encoded(PAGE.convert("CMYK"), "JPEG", quality=92), id="CMYK"),
        pytest.param(lambda: encoded(PAGE.convert("L"), "WEBP", quality=90), id="grey"),
        pytest.param(lambda: encoded(PAGE.quantize(32), "PNG"), id="palette"),
        pytest.param(lambda: animated("WEBP"), id="animated WebP"),
        pytest.param(lambda: animated("PNG"), id="animated PNG"),
        pytest.param(lambda: animated("TIFF"), id="several pages"),
    ],
)
def test_the_zone_of_unusual_pictures_is_read(data: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data())
    assert read_mrz_lines(path) == {"lines": list(DRAWN.lines), "valid": True}


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2)])
def test_pictures_of_hardly_any_size_show_no_zone(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(Image.new("RGB", size, "white"), "PNG"))
    assert read_mrz_lines(path) == {"lines": [], "valid": False}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_every_truncation_is_a_picture_or_refused(kind: str) -> None:
    whole = encoded(PAGE.resize((40, 30)), kind)
    for length in range(len(whole)):
        try:
            bgr = decode_image(whole[:length])
        except InvalidImage:
            continue
        assert bgr.shape == (30, 40, 3)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF", b"BM", b"II*\0"]),
    st.binary(max_size=200),
)
def test_random_bytes_are_refused_with_our_own_error(head: bytes, rest: bytes) -> None:
    try:
        decode_image(head + rest)
    except InvalidImage as refusal:
        assert refusal.__cause__ is None


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "TIFF"]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_files_are_a_picture_or_refused(kind: str, hits: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(PAGE.resize((60, 44)), kind))
    for place, value in hits:
        data[place % len(data)] = value
    try:
        bgr = decode_image(bytes(data))
    except InvalidImage:
        return
    assert bgr.dtype == np.uint8
    assert bgr.ndim == 3
