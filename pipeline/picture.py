"""A stream's frame, sent as a picture file: checked by its header, decoded as far as needed.

A small file can claim gigabytes of pixels, and a progressive JPEG thousands of passes over them:
both are told from the bytes before a decoder sees them. Metadata (EXIF with its place and time,
XMP) is never kept: what comes out is pixels.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from core.errors import InvalidImage
from pipeline.segments import has_too_many_segments
from pipeline.types import ColourSource, Frame, ImageU8

FRAME_FORMATS = ("JPEG", "WEBP", "PNG")
_MAX_SCANS = 100
"""Passes over a progressive JPEG's pixels: encoders write about ten, an attacker a million."""
_JPEG = b"\xff\xd8\xff"
_BEGINNINGS = {
    _JPEG: "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"RIFF": "WEBP", b"BM": "BMP",
    b"II*\0": "TIFF", b"MM\0*": "TIFF",
}  # fmt: skip
_SMALL_PIXELS = 2_100_000
"""Up to full HD a frame may keep all its colours, decoded."""
_START_OF_SCAN = b"\xff\xda"
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4,
            2: cv2.IMREAD_REDUCED_COLOR_2}  # fmt: skip


def too_many_pixels(most: int) -> InvalidImage:
    return InvalidImage(f"the image has more than {most / 1e6:.1f} megapixels: send a smaller one")


def undecodable(data: bytes, formats: Sequence[str]) -> InvalidImage:
    """What is wrong with a file that no decoder takes: damage, or another format."""
    kind = next((kind for begin, kind in _BEGINNINGS.items() if data.startswith(begin)), None)
    if kind in formats:
        return InvalidImage(f"the {kind} file is damaged or cut off: save it anew and send it")
    return InvalidImage(f"the image cannot be decoded: send one of {', '.join(formats)}")


def check_header(data: bytes, formats: Sequence[str], max_pixels: int) -> tuple[int, int]:
    """Width and height in pixels, by the header alone.

    Raises InvalidImage for another format, more pixels than allowed, passes or parts without end.
    """
    if has_too_many_segments(data):
        raise InvalidImage("the image has more parts before its pixels than any encoder writes")
    size = _webp_size(data) if data[:4] == b"RIFF" and "WEBP" in formats else None
    if size is None:
        try:
            # A WebP's header is read here, as Pillow would set its canvas up at once.
            with Image.open(io.BytesIO(data), formats=[f for f in formats if f != "WEBP"]) as image:
                size, jpeg = image.size, image.format in ("JPEG", "MPO")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise too_many_pixels(max_pixels) from None
        except Exception:  # Pillow's parsers raise what struct, zlib and their own code raise
            raise undecodable(data, formats) from None
        if jpeg and data.count(_START_OF_SCAN) > _MAX_SCANS:
            raise InvalidImage("the JPEG has more scans than any camera or encoder writes")
    if size[0] * size[1] > max_pixels:
        raise too_many_pixels(max_pixels)
    return size


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """By the first chunk of a WebP file (RFC 9649, sections 2.5 to 2.7); None for anything else."""
    if len(data) < 30 or data[8:12] != b"WEBP":
        return None
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
    elif kind == b"VP8L" and body[0] == 0x2F:
        (bits,) = struct.unpack("<I", body[1:5])
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", body[6:10]))
    else:
        return None
    return (width, height) if width and height else None


def decode_frame(
    data: bytes, index: int, pts_ms: float, received_ms: float, max_pixels: int
) -> Frame:
    """A JPEG, WebP or PNG file as a frame, upright by its EXIF orientation.

    Of a JPEG, brightness is decoded now and colours when they are asked for, from ``data``, which
    the frame keeps; a thumbnail costs a fraction. Blocks, 5 ms for a JPEG and 15 ms for a WebP at
    720p. Raises InvalidImage.
    """
    width, height = check_header(data, FRAME_FORMATS, max_pixels)
    encoded = np.frombuffer(data, np.uint8)
    if not data.startswith(_JPEG) and width * height <= _SMALL_PIXELS:
        # Only JPEG decodes to a fraction at a fraction of the cost.
        bgr = _decode(encoded, cv2.IMREAD_COLOR)
        luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        return Frame(index, pts_ms, received_ms, luma, scaled_source(bgr))
    luma = _decode(encoded, cv2.IMREAD_GRAYSCALE)
    return Frame(index, pts_ms, received_ms, luma, _colour_source(encoded, luma.shape[1]))


def scaled_source(bgr: ImageU8) -> ColourSource:
    """Gives a decoded picture, H×W×3 uint8 BGR, at any width."""

    def colour(width_px: int | None) -> ImageU8:
        height, width = bgr.shape[:2]
        if width_px is None or width_px == width:
            return bgr
        size = (width_px, max(1, round(height * width_px / width)))
        method = cv2.INTER_AREA if width_px < width else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(bgr, size, interpolation=method), np.uint8)

    return colour


def _colour_source(encoded: ImageU8, full_px: int) -> ColourSource:
    def bgr(width_px: int | None) -> ImageU8:
        if width_px is None or width_px >= full_px:
            return _decode(encoded, cv2.IMREAD_COLOR)
        share = next((n for n in _REDUCED if full_px // n >= width_px), 1)
        small = _decode(encoded, _REDUCED.get(share, cv2.IMREAD_COLOR))
        height_px = max(1, round(small.shape[0] * width_px / small.shape[1]))
        size = (width_px, height_px)
        return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)

    return bgr


def _decode(encoded: ImageU8, how: int) -> ImageU8:
    try:
        picture = cv2.imdecode(encoded, how)
    except cv2.error:
        picture = None
    if picture is None:
        raise undecodable(encoded[:16].tobytes(), FRAME_FORMATS)
    return np.asarray(picture, np.uint8)
